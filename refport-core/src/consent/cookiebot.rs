use super::Consent;

/// The cookie in which Cookiebot keeps a visitor's choice: its value is read by [`Cookiebot`].
pub const COOKIEBOT_COOKIE: &str = "CookieConsent";

/// A visitor's choice as Cookiebot keeps it in the cookie `CookieConsent`.
///
/// Source: the part "Server side usage" of Cookiebot's page for developers
/// (<https://www.cookiebot.com/en/developer/>): `-1` outside of the regions that ask for consent,
/// `0` where all but the necessary was declined, else an object of JavaScript with a `true` or
/// `false` for each of `necessary`, `preferences`, `statistics` and `marketing`.
///
/// ```
/// use refport_core::consent::{COOKIEBOT_COOKIE, Consent, Cookiebot, cookie_value};
///
/// let header = "CookieConsent={stamp:%27x%27%2Cnecessary:true%2Cmarketing:false}";
/// let choice = cookie_value(COOKIEBOT_COOKIE, [header]).unwrap().parse::<Cookiebot>()?;
/// assert_eq!(choice.marketing(), Consent::Denied);
/// # Ok::<(), refport_core::consent::ParseCookiebotError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookiebot {
    statistics: bool,
    marketing: bool,
}

impl Cookiebot {
    /// Whether cookies for marketing may be stored: the category that referral tracking is most
    /// often put under.
    #[must_use]
    pub const fn marketing(self) -> Consent {
        Consent::from_answer(self.marketing)
    }

    /// Whether cookies for statistics may be stored.
    #[must_use]
    pub const fn statistics(self) -> Consent {
        Consent::from_answer(self.statistics)
    }
}

impl std::str::FromStr for Cookiebot {
    type Err = ParseCookiebotError;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let all = |agreed| Self {
            statistics: agreed,
            marketing: agreed,
        };
        match value.trim() {
            "-1" => return Ok(all(true)),
            "0" => return Ok(all(false)),
            _ => {}
        }
        let choice = value
            .trim()
            .strip_prefix('{')
            .and_then(|value| value.strip_suffix('}'))
            .ok_or(ParseCookiebotError(()))?;
        Ok(Self {
            statistics: category(choice, "statistics")?,
            marketing: category(choice, "marketing")?,
        })
    }
}

/// Its `true` or `false`; a category that is not there was not agreed to.
fn category(choice: &str, name: &str) -> Result<bool, ParseCookiebotError> {
    let answers = choice.split(',').filter_map(|pair| pair.split_once(':'));
    let unquoted = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    match answers
        .into_iter()
        .find(|(known, _)| unquoted(known) == name)
    {
        None => Ok(false),
        Some((_, answer)) => answer.trim().parse().map_err(|_| ParseCookiebotError(())),
    }
}

/// Text that is no choice as Cookiebot keeps it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not Cookiebot's `CookieConsent`: it is `-1`, `0`, or an object with `marketing:true` or `marketing:false`"
)]
pub struct ParseCookiebotError(());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookiebot_table() {
        use Consent::{Denied, Granted};
        let stamped = "{stamp:'r3p0rt==',necessary:true,preferences:false,statistics:true,\
                       marketing:false,method:'explicit',ver:1,utc:1700000000000,region:'de'}";
        let cases = [
            ("-1", Some((Granted, Granted))),
            ("0", Some((Denied, Denied))),
            (stamped, Some((Granted, Denied))),
            ("{marketing:true}", Some((Denied, Granted))),
            (
                "{\"statistics\": true, \"marketing\": true}",
                Some((Granted, Granted)),
            ),
            ("{necessary:true}", Some((Denied, Denied))),
            ("{marketing:1}", None),
            ("", None),
            ("1", None),
            ("true", None),
            ("{marketing:true", None),
        ];
        for (value, want) in cases {
            let choice = value.parse::<Cookiebot>().ok();
            let found = choice.map(|choice| (choice.statistics(), choice.marketing()));
            assert_eq!(found, want, "{value}");
        }
    }
}
