//! The requests that are read: how many cookies, how long, and where the one that is sought.

use std::cell::Cell;

use actix_web::{HttpRequest, test::TestRequest};
use http::{HeaderMap, HeaderName, HeaderValue, header};

pub(super) const CLICK_ID: &str = "clk_01h455vb4pex5vsknk084sn02q";

/// Names that other people's scripts give their cookies.
const NAMES: [&str; 32] = [
    "_ga",
    "_gid",
    "_fbp",
    "_fbc",
    "_gcl_au",
    "__cf_bm",
    "cf_clearance",
    "_hjSessionUser_1283744",
    "_hjSession_1283744",
    "intercom-id-k2x9p4lq",
    "intercom-session-k2x9p4lq",
    "__stripe_mid",
    "__stripe_sid",
    "ajs_anonymous_id",
    "ajs_user_id",
    "mp_8a4f1c2e_mixpanel",
    "amplitude_id_c1d2e3",
    "optimizelyEndUserId",
    "OptanonConsent",
    "OptanonAlertBoxClosed",
    "hubspotutk",
    "__hssc",
    "__hssrc",
    "__hstc",
    "_clck",
    "_clsk",
    "_uetsid",
    "_uetvid",
    "_tt_enable_cookie",
    "_ttp",
    "__Host-next-auth.csrf-token",
    "sp_landing",
];

/// One request, in the form that each contender takes it in.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// What there is to find.
    pub(super) found: Option<&'static str>,
    pub(super) bytes: usize,
    pub(super) headers: HeaderMap,
    /// The same headers, for whoever wants to own them for the time of a call.
    pub(super) lent: Cell<HeaderMap>,
    pub(super) actix: HttpRequest,
}

impl Case {
    fn new(name: &'static str, fields: &[String]) -> Self {
        let headers = headers(fields);
        let mut actix = TestRequest::default();
        for (name, value) in &headers {
            actix = actix.append_header((name.as_str(), value.as_bytes()));
        }
        let is_there = fields.iter().any(|field| field.contains(CLICK_ID));
        Self {
            name,
            found: is_there.then_some(CLICK_ID),
            bytes: fields.iter().map(String::len).sum(),
            lent: Cell::new(headers.clone()),
            headers,
            actix: actix.to_http_request(),
        }
    }
}

/// No `Cookie` header.
pub(super) const NO_COOKIE: &str = "none";
/// Twelve cookies, with the click ID in the middle and without.
pub(super) const TWELVE: [&str; 2] = ["12 mid", "12 none"];
/// Thirty cookies, with the click ID last and without.
pub(super) const THIRTY: [&str; 2] = ["30 last", "30 none"];
/// 8 KB of near misses.
pub(super) const ADVERSARIAL: &str = "near 8 K";
/// 16 KB of them.
pub(super) const ADVERSARIAL_TWICE: &str = "near 16 K";
/// A header for each cookie, as HTTP/2 may send them.
pub(super) const CRUMBS: &str = "20 crumbs";

/// Headers that hold the name as often as can be, with what they are made of: browsers do not send
/// them, and attackers may.
pub(super) const DENSEST: [(&str, &str); 3] = [
    ("dense names", "refp_id"),
    ("dense pairs", "refp_id;"),
    ("dense values", "refp_id=;"),
];

/// The cases of the tables.
pub(super) fn all() -> Vec<Case> {
    const DENSEST_BYTES: usize = 8150;
    let crumbs = cookies(20, Some(13), 962 + 19 * 2);
    let mut all = vec![
        Case::new(NO_COOKIE, &[]),
        Case::new("1 small", &["theme=dark-and-quiet".to_owned()]),
        Case::new("1 refp", &[pair("refp_id", CLICK_ID)]),
        Case::new(TWELVE[0], &[cookies(12, Some(6), 592).join("; ")]),
        Case::new(TWELVE[1], &[cookies(12, None, 620).join("; ")]),
        Case::new(THIRTY[0], &[cookies(30, Some(29), 3480).join("; ")]),
        Case::new(THIRTY[1], &[cookies(30, None, 3572).join("; ")]),
        Case::new(ADVERSARIAL, &[near_misses(8150)]),
        Case::new(ADVERSARIAL_TWICE, &[near_misses(16_300)]),
        Case::new(CRUMBS, &crumbs),
    ];
    all.extend(DENSEST.map(|(name, piece)| {
        let header = piece.repeat(DENSEST_BYTES / piece.len());
        Case::new(name, &[header])
    }));
    all
}

/// So many cookies, which joined by `; ` take `bytes`, and the place of the click ID among them.
fn cookies(count: usize, click_id: Option<usize>, bytes: usize) -> Vec<String> {
    let mut pairs: Vec<String> = NAMES
        .iter()
        .take(count)
        .map(|name| pair(name, ""))
        .collect();
    if let Some(place) = click_id {
        pairs[place] = pair("refp_id", CLICK_ID);
    }
    let taken: usize = pairs.iter().map(|pair| pair.len() + 2).sum();
    let mut values = Values(88_172_645_463_325_252);
    let mut left = bytes + 2 - taken;
    let mut open = count - usize::from(click_id.is_some());
    for (place, pair) in pairs.iter_mut().enumerate() {
        if Some(place) == click_id {
            continue;
        }
        // From half to one and a half of what an equal share would be; the last takes the rest.
        let share = left / open;
        let length = match open {
            1 => left,
            _ => share / 2 + values.below(share),
        };
        pair.push_str(&values.of(length));
        left -= length;
        open -= 1;
    }
    pairs
}

fn pair(name: &str, value: &str) -> String {
    format!("{name}={value}")
}

/// Each pair holds the whole name, and none is named so.
fn near_misses(bytes: usize) -> String {
    let mut header = String::new();
    for number in 10.. {
        header += &match number % 3 {
            0 => format!("xrefp_id={number}; "),
            1 => format!("refp_idx={number}; "),
            _ => format!("a=refp_id={number}; "),
        };
        if header.len() >= bytes {
            break;
        }
    }
    header.truncate(bytes);
    header
}

/// Values as they are seen in cookies, the same in every run.
struct Values(u64);

impl Values {
    /// The `xorshift` generator.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound.max(1)
    }

    /// Numbers, hexadecimal, JSON, or what base64 makes: all but hexadecimal with escapes, as long
    /// cookies have them.
    fn of(&mut self, length: usize) -> String {
        const NUMBERS: &str = "0 1 2 3 4 5 6 7 8 9 . %7C";
        const HEX: &str = "0 1 2 3 4 5 6 7 8 9 a b c d e f -";
        const JSON: &str = "%7B %7D %22 %3A %2C a b d e i l n o r s t u 0 1 2 3";
        const BASE64: &str = "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z \
                              a b c d e f g h i j k l m n o p q r s t u v w x y z \
                              0 1 2 3 4 5 6 7 8 9 - _ %3D";
        let kind = [NUMBERS, HEX, JSON, BASE64][self.below(4)];
        let pieces: Vec<&str> = kind.split(' ').collect();
        let mut value = String::new();
        while value.len() + 3 <= length {
            value += pieces[self.below(pieces.len())];
        }
        // An escape might not fit any more.
        let left = length - value.len();
        value + &"1".repeat(left)
    }
}

/// What a browser sends beside its cookies.
fn headers(cookies: &[String]) -> HeaderMap {
    const OTHERS: [(HeaderName, &str); 8] = [
        (header::HOST, "shop.example.com"),
        (
            header::USER_AGENT,
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        ),
        (header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8"),
        (header::ACCEPT_LANGUAGE, "de,en-US;q=0.7,en;q=0.3"),
        (header::ACCEPT_ENCODING, "gzip, deflate, br, zstd"),
        (header::REFERER, "https://shop.example.com/cart"),
        (header::UPGRADE_INSECURE_REQUESTS, "1"),
        (header::CONNECTION, "keep-alive"),
    ];
    let others = OTHERS.map(|(name, value)| (name, HeaderValue::from_static(value)));
    let cookies = cookies.iter().map(|field| {
        let value = HeaderValue::from_str(field).expect("visible ASCII");
        (header::COOKIE, value)
    });
    let mut headers = HeaderMap::new();
    for (name, value) in others.into_iter().chain(cookies) {
        headers.append(name, value);
    }
    headers
}
