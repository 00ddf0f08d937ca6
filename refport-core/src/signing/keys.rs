use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use ::cookie::{Cookie, CookieJar, Key};

use super::seconds;
use crate::{ClickId, CookieName, capture::Capture};

/// The keys by which a site knows its own click IDs. Cheap to clone; `Debug` shows none.
///
/// ```
/// use refport_core::signing::SigningKeys;
///
/// # fn secret(name: &str) -> Vec<u8> { name.bytes().cycle().take(32).collect() }
/// // To change the key: sign by the new one, and accept the old one for as long as cookies live.
/// let keys = SigningKeys::new(&secret("CLICK_KEY"))?.accept(&secret("CLICK_KEY_BEFORE"))?;
/// # Ok::<(), refport_core::signing::InvalidKeyError>(())
/// ```
///
/// A signature holds for [`max_age`](Self::max_age), counted from when the click was captured. On
/// the day on which a site begins to sign, its visitors have cookies without:
/// [`accept_unsigned_until`](Self::accept_unsigned_until) lets them count while they live.
#[derive(Clone)]
#[must_use]
pub struct SigningKeys {
    /// The first signs, and all are tried when a signature is checked.
    keys: Arc<[Key]>,
    max_age: Duration,
    accept_unsigned_until: Option<SystemTime>,
}

impl SigningKeys {
    /// How many bytes a secret has at least.
    pub const MIN_SECRET_BYTES: usize = 32;

    /// 91 days: as long as the cookie lives by [`Capture::DEFAULT_MAX_AGE`], and a day.
    pub const DEFAULT_MAX_AGE: Duration =
        Capture::DEFAULT_MAX_AGE.saturating_add(Duration::from_secs(24 * 60 * 60));

    /// How far the clocks of a site's servers may differ.
    const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

    /// Signs and checks by a key made from `secret`: 32 bytes or more of a random generator's, the
    /// same ones on every server of the site.
    ///
    /// # Errors
    ///
    /// When the secret is shorter.
    pub fn new(secret: &[u8]) -> Result<Self, InvalidKeyError> {
        Ok(Self {
            keys: Arc::new([key(secret)?]),
            max_age: Self::DEFAULT_MAX_AGE,
            accept_unsigned_until: None,
        })
    }

    /// Accepts what was signed by an older secret, too.
    ///
    /// # Errors
    ///
    /// When the secret is shorter than 32 bytes.
    pub fn accept(self, older: &[u8]) -> Result<Self, InvalidKeyError> {
        let older = key(older)?;
        Ok(Self {
            keys: self.keys.iter().cloned().chain([older]).collect(),
            ..self
        })
    }

    /// How long a signature holds, in whole seconds. Default 91 days.
    ///
    /// Where the cookie lives longer, by [`Capture::max_age`], say as much here. A
    /// [`Carrier`](super::Carrier) has a time of its own.
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Until when an ID without any signature is answered as if it were signed: for the day on
    /// which a site begins to sign. Default: it never is.
    ///
    /// 90 days from that day on the last cookie without a signature is gone, so give that time.
    /// Until then IDs can be forged as before. A signature that is wrong, or too old, counts
    /// for nothing also until then.
    pub const fn accept_unsigned_until(mut self, time: SystemTime) -> Self {
        self.accept_unsigned_until = Some(time);
        self
    }

    /// Whether the ID in the cookie `name` has a signature of ours beside it that holds, or needs
    /// none [yet](Self::accept_unsigned_until).
    ///
    /// `cookie_headers` are the values of all the request's `Cookie` headers.
    pub fn is_signed<I>(&self, name: &CookieName, click_id: &ClickId, cookie_headers: I) -> bool
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        self.is_signed_at(name, click_id, cookie_headers, SystemTime::now())
    }

    /// [`is_signed`](Self::is_signed) at the time `now`.
    pub fn is_signed_at<I>(
        &self,
        name: &CookieName,
        click_id: &ClickId,
        cookie_headers: I,
        now: SystemTime,
    ) -> bool
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        // A time and a MAC in base64 have the form of a click ID, so the same reader finds them.
        match ClickId::from_cookie_headers_named(&signature_name(name), cookie_headers) {
            Some(signature) => self.holds(signature.as_str(), name, click_id, now),
            None => self.accept_unsigned_until.is_some_and(|until| now < until),
        }
    }

    fn holds(
        &self,
        signature: &str,
        name: &CookieName,
        click_id: &ClickId,
        now: SystemTime,
    ) -> bool {
        let Some((time, mac)) = signature.split_once('.') else {
            return false;
        };
        let Ok(signed) = time.parse::<u64>() else {
            return false;
        };
        let now = seconds(now);
        let is_of_now = signed <= now.saturating_add(Self::CLOCK_SKEW.as_secs())
            && now.saturating_sub(signed) <= self.max_age.as_secs();
        is_of_now && self.is_mac_of(mac, &message(name, click_id, signed))
    }

    pub(crate) fn sign(&self, name: &CookieName, click_id: &ClickId) -> String {
        self.sign_at(name, click_id, SystemTime::now())
    }

    /// What the cookie by the name of `name` and `_sig` says of a click that was captured at the
    /// time `now`: the time in Unix seconds, a dot, and the MAC of name, ID and time in base64.
    ///
    /// The rules write it [by themselves](Capture::signed_by).
    #[must_use]
    pub fn sign_at(&self, name: &CookieName, click_id: &ClickId, now: SystemTime) -> String {
        let time = seconds(now);
        let mac = self.mac_of(&message(name, click_id, time));
        format!("{time}.{mac}")
    }

    /// The MAC of `message`, in base64.
    pub(super) fn mac_of(&self, message: &str) -> String {
        let mut jar = CookieJar::new();
        let cookie = Cookie::new(JAR_NAME, message.to_owned());
        jar.signed_mut(&self.keys[0]).add(cookie);
        let signed = jar.get(JAR_NAME).expect("it was added").value();
        let mac = signed.strip_suffix(message).expect("the MAC comes first");
        mac.to_owned()
    }

    pub(super) fn is_mac_of(&self, mac: &str, message: &str) -> bool {
        let signed = format!("{mac}{message}");
        self.keys.iter().any(|key| {
            let cookie = Cookie::new(JAR_NAME, signed.clone());
            let jar = CookieJar::new();
            let verified = jar.signed(key).verify(cookie);
            verified.is_some_and(|cookie| cookie.value() == message)
        })
    }
}

/// The cookie of the signature that belongs to the cookie `name`.
pub(crate) fn signature_name(name: &CookieName) -> CookieName {
    CookieName::new(&format!("{name}_sig")).expect("a token and a token are a token")
}

/// No cookie has this name: the library signs values, and takes them in a cookie.
const JAR_NAME: &str = "click";

/// What is signed of a click. The program is part of it, so that an ID is no other program's, and
/// so is the time, so that it ends.
fn message(name: &CookieName, click_id: &ClickId, time: u64) -> String {
    format!("refport click;{time};{name}={click_id}")
}

fn key(secret: &[u8]) -> Result<Key, InvalidKeyError> {
    if secret.len() < SigningKeys::MIN_SECRET_BYTES {
        return Err(InvalidKeyError(secret.len()));
    }
    Ok(Key::derive_from(secret))
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys")
            .field("max_age", &self.max_age)
            .field("accept_unsigned_until", &self.accept_unsigned_until)
            .finish_non_exhaustive()
    }
}

/// A secret that is too short to sign by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signing secret has {0} bytes: use 32 or more, from a random generator")]
pub struct InvalidKeyError(usize);

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: u8) -> SigningKeys {
        SigningKeys::new(&[secret; 32]).unwrap()
    }

    fn id(text: &str) -> ClickId {
        text.parse().unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// The cookies of a click that was captured at second 1,000,000.
    fn cookies(keys: &SigningKeys, name: &CookieName, click_id: &str) -> String {
        let signature = keys.sign_at(name, &id(click_id), at(1_000_000));
        format!("{name}={click_id}; {}={signature}", signature_name(name))
    }

    fn holds(keys: &SigningKeys, click_id: &str, header: &str) -> bool {
        keys.is_signed_at(&CookieName::REFPORT, &id(click_id), [header], at(1_000_001))
    }

    #[test]
    fn a_signature_holds_for_its_id_program_and_key_only() {
        let name = CookieName::REFPORT;
        let header = cookies(&keys(1), &name, "clk_1");
        assert!(holds(&keys(1), "clk_1", &header));
        assert!(!holds(&keys(1), "clk_2", &header));
        assert!(!holds(&keys(2), "clk_1", &header));
        let other = header.replace("refp_id", "pref_cid");
        let partli = CookieName::PARTLI;
        assert!(!keys(1).is_signed_at(&partli, &id("clk_1"), [other], at(1_000_001)));
        let mac = header.split_once('.').unwrap().1;
        for signature in ["x", "", ".", "1000000", &format!("x.{mac}"), mac] {
            let header = format!("refp_id=clk_1; refp_id_sig={signature}");
            assert!(!holds(&keys(1), "clk_1", &header), "{header}");
        }
        assert!(!holds(&keys(1), "clk_1", "refp_id=clk_1"));
    }

    #[test]
    fn a_signature_holds_for_its_time_only() {
        let name = CookieName::REFPORT;
        let header = cookies(&keys(1), &name, "clk_1");
        let day = 24 * 60 * 60;
        let hour = keys(1).max_age(Duration::from_secs(3600));
        for (keys, now, want) in [
            (keys(1), 1_000_000 - 300, true),
            (keys(1), 1_000_000 - 301, false),
            (keys(1), 0, false),
            (keys(1), 1_000_000, true),
            (keys(1), 1_000_000 + 91 * day, true),
            (keys(1), 1_000_000 + 91 * day + 1, false),
            (hour.clone(), 1_000_000 + 3600, true),
            (hour, 1_000_000 + 3601, false),
        ] {
            let found = keys.is_signed_at(&name, &id("clk_1"), [&header], at(now));
            assert_eq!(found, want, "{now}");
        }
        // Nobody makes it younger.
        let renewed = header.replace("1000000.", "2000000.");
        assert!(!keys(1).is_signed_at(&name, &id("clk_1"), [renewed], at(2_000_000)));
        let endless = header.replace("1000000.", "18446744073709551615.");
        assert!(!holds(&keys(1), "clk_1", &endless));
    }

    #[test]
    fn an_unsigned_id_counts_until_the_day_and_a_wrong_signature_never() {
        let name = CookieName::REFPORT;
        let day = 24 * 60 * 60;
        let until = 1_000_000 + 100 * day;
        let keys = keys(1).accept_unsigned_until(at(until));
        let good = cookies(&keys, &name, "clk_1");
        let found = |header: &str, now| {
            let headers = [header];
            keys.is_signed_at(&name, &id("clk_1"), headers, at(now))
        };
        assert!(found("refp_id=clk_1", until - 1));
        assert!(!found("refp_id=clk_1", until));
        assert!(found(&good, 1_000_001));
        assert!(!found(&good, until - 1), "too old is not unsigned");
        assert!(!found("refp_id=clk_1; refp_id_sig=1000000.x", 1_000_001));
        let other = cookies(&keys, &name, "clk_2").replace("=clk_2", "=clk_1");
        assert!(!found(&other, 1_000_001));
    }

    #[test]
    fn an_older_key_is_accepted_and_signs_nothing() {
        let name = CookieName::REFPORT;
        let both = keys(2)
            .max_age(Duration::from_secs(3600))
            .accept(&[1; 32])
            .unwrap();
        assert!(holds(&both, "clk_1", &cookies(&keys(1), &name, "clk_1")));
        let fresh = cookies(&both, &name, "clk_1");
        assert!(holds(&keys(2), "clk_1", &fresh));
        assert!(!holds(&keys(1), "clk_1", &fresh));
        let late = at(1_003_601);
        assert!(
            !both.is_signed_at(&name, &id("clk_1"), [fresh], late),
            "keeps its age"
        );
    }

    #[test]
    fn the_longest_id_can_be_signed() {
        let long = "x".repeat(128);
        let header = cookies(&keys(1), &CookieName::REFPORT, &long);
        assert!(holds(&keys(1), &long, &header));
    }

    #[test]
    fn what_is_signed_now_holds_now() {
        let name = CookieName::REFPORT;
        let header = format!("refp_id_sig={}", keys(1).sign(&name, &id("clk_1")));
        assert!(keys(1).is_signed(&name, &id("clk_1"), [header]));
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_shown() {
        let error = SigningKeys::new(b"short").unwrap_err();
        assert!(error.to_string().contains("5 bytes"));
        assert!(keys(1).accept(&[0; 31]).is_err());
        let shown = format!("{:?}", keys(7));
        assert_eq!(
            shown,
            "SigningKeys { max_age: 7862400s, accept_unsigned_until: None, .. }"
        );
    }
}
