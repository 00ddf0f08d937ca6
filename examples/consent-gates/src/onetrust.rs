use refport_core::consent::Consent;

/// The cookie in which OneTrust keeps a visitor's choice.
pub const ONETRUST_COOKIE: &str = "OptanonConsent";

/// Whether a group was agreed to, as `C0004`, which is "Targeting" where nobody has renamed it.
///
/// Source: "OneTrust Cookies" of OneTrust's help (<https://my.onetrust.com>): a query string whose
/// parameter `groups` has `C0004:1` for each group that is on, and `C0004:0` for each that is off.
///
/// The cookie is there before the visitor has answered, with the groups as the site sets them out.
/// Where that is not an answer, ask also whether `OptanonAlertBoxClosed` is there, which comes with
/// the first choice.
#[must_use]
pub fn onetrust(value: &str, group: &str) -> Consent {
    let groups = value.split('&').find_map(|it| it.strip_prefix("groups="));
    let mut answers = groups
        .unwrap_or_default()
        .split(',')
        .filter_map(|answer| answer.split_once(':'));
    match answers.find(|(name, _)| *name == group) {
        Some((_, "1")) => Consent::Granted,
        Some((_, "0")) => Consent::Denied,
        _ => Consent::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn onetrust_table() {
        use Consent::{Denied, Granted, Unknown};
        let chosen = "isGpcEnabled=0&datestamp=Sat+Nov+28+2026&version=202411.2.0&hosts=&\
                      groups=C0001:1,C0002:0,C0004:1&geolocation=DE;BE";
        let cases = [
            (chosen, Denied, Granted),
            ("groups=C0004:0,C0002:1", Granted, Denied),
            ("groups=C0004:1", Unknown, Granted),
            ("groups=C0004:,C0002:yes", Unknown, Unknown),
            ("groups=", Unknown, Unknown),
            ("mygroups=C0004:1,C0002:1", Unknown, Unknown),
            ("groups=XC0004:1,C00021:1", Unknown, Unknown),
            ("", Unknown, Unknown),
        ];
        for (value, performance, targeting) in cases {
            assert_eq!(onetrust(value, "C0002"), performance, "{value}");
            assert_eq!(onetrust(value, "C0004"), targeting, "{value}");
        }
    }
}
