use refport_core::consent::Consent;

/// The cookie in which Cookiebot keeps a visitor's choice.
pub const COOKIEBOT_COOKIE: &str = "CookieConsent";

/// Whether a category was agreed to: `preferences`, `statistics` or `marketing`, under which
/// referral tracking is most often put.
///
/// Source: the part "Server side usage" of Cookiebot's page for developers
/// (<https://www.cookiebot.com/en/developer/>): `-1` outside of the regions that ask for consent,
/// `0` where all but the necessary was declined, else an object of JavaScript with a `true` or
/// `false` for each category.
#[must_use]
pub fn cookiebot(value: &str, category: &str) -> Consent {
    let value = value.trim();
    match value {
        "-1" => return Consent::Granted,
        "0" => return Consent::Denied,
        _ => {}
    }
    let object = value.strip_prefix('{').and_then(|it| it.strip_suffix('}'));
    let Some(object) = object else {
        return Consent::Unknown;
    };
    let mut answers = object.split(',').filter_map(|pair| pair.split_once(':'));
    let is_ours = |name: &str| name.trim().trim_matches(['"', '\'']) == category;
    match answers.find(|(name, _)| is_ours(name)) {
        // A category that is not there was not agreed to.
        None => Consent::Denied,
        Some((_, answer)) => match answer.trim() {
            "true" => Consent::Granted,
            "false" => Consent::Denied,
            _ => Consent::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookiebot_table() {
        use Consent::{Denied, Granted, Unknown};
        let stamped = "{stamp:'r3p0rt==',necessary:true,preferences:false,statistics:true,\
                       marketing:false,method:'explicit',ver:1,utc:1700000000000,region:'de'}";
        let cases = [
            ("-1", Granted, Granted),
            ("0", Denied, Denied),
            (stamped, Granted, Denied),
            ("{marketing:true}", Denied, Granted),
            (
                "{\"statistics\": true, \"marketing\": true}",
                Granted,
                Granted,
            ),
            ("{necessary:true}", Denied, Denied),
            ("{marketing:1}", Denied, Unknown),
            ("", Unknown, Unknown),
            ("1", Unknown, Unknown),
            ("true", Unknown, Unknown),
            ("{marketing:true", Unknown, Unknown),
        ];
        for (value, statistics, marketing) in cases {
            assert_eq!(cookiebot(value, "statistics"), statistics, "{value}");
            assert_eq!(cookiebot(value, "marketing"), marketing, "{value}");
        }
    }
}
