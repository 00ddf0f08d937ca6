use proptest::{prelude::*, sample::select};
use refport_core::{ClickId, CookieName, Currency, Timestamp};
use serde_json::{Value, json};

use crate::checks;

/// Inputs made of the pieces that matter, so that most of them come near a match.
fn pieces(known: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => select(known).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

fn header() -> impl Strategy<Value = Vec<u8>> {
    pieces(&[
        "refp_id", "pref_cid", "=", ";", " ", "\"", "%41", "%ff", "clk_1", "\n",
    ])
}

/// The query of a landing URL, with what the URL standard leaves as it is.
fn query() -> impl Strategy<Value = String> {
    let piece = select(&[
        "refp_id",
        "refp_id=clk_1",
        "refp%5Fid",
        "&",
        "=",
        "+",
        "%20",
        "%41",
        "%ff",
        "%",
        ";",
        "?",
        "amp;",
        "%23038;",
        "/",
        "a",
    ]);
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

fn landing() -> impl Strategy<Value = Vec<u8>> {
    let path = select(&["", "/", "//", "/\\", "/a", "/a//b", "/%2F", "/ä", "a"]);
    let cookie = select(&["", "\nrefp_id=clk_0", "\nrefp_id="]);
    (path, query(), cookie).prop_map(|(path, query, cookie)| {
        let url = format!("{path}?{query}{cookie}");
        url.into_bytes()
    })
}

/// What may stand in an answer where something else was expected.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        select(&["eur", "paid", "stripe", "2026-11-21T09:30:00.5+01:00"]).prop_map(Value::from),
        Just(json!([])),
        Just(json!({ "id": [] })),
    ]
}

/// A documented answer with anything in any of its fields.
fn answer() -> impl Strategy<Value = Value> {
    let field = select(&[
        "/eventName",
        "/customer",
        "/customer/email",
        "/sale",
        "/sale/id",
        "/sale/amount",
        "/sale/commissionAmount",
        "/sale/currency",
        "/sale/status",
        "/sale/paymentProcessor",
        "/click",
        "/link",
        "/link/url",
        "/eventId",
        "/attributed",
        "/publicToken",
        "/expires",
    ]);
    prop::collection::vec((field, leaf()), 0..6).prop_map(|changes| {
        let mut answer = documented_answer();
        for (field, leaf) in changes {
            if let Some(place) = answer.pointer_mut(field) {
                *place = leaf;
            }
        }
        answer
    })
}

/// All answers in one: each type takes its own part.
fn documented_answer() -> Value {
    json!({
        "eventName": "Purchase",
        "customer": { "externalId": "user_001", "email": "c@example.com", "name": null },
        "sale": {
            "id": "sale_1",
            "amount": 4900,
            "commissionAmount": 490,
            "currency": "usd",
            "status": "pending",
            "paymentProcessor": "stripe",
        },
        "click": { "id": "clk_1" },
        "link": { "id": "lnk_1", "url": "https://example.com/" },
        "eventId": "7f3c",
        "attributed": true,
        "publicToken": "pt_1",
        "expires": "2026-11-21T08:30:00.000Z",
    })
}

/// What RFC 9110 calls a token.
const TOKEN: &str = "!#$%&'*+-.^_`|~0123456789\
                     abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The instants that can be written: years 0 to 9999.
const MILLIS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// From the year 1 to the end of 9998, so that any offset leaves four digits for the year.
fn common_millis() -> impl Strategy<Value = i64> {
    -62_135_596_800_000..253_370_764_800_000_i64
}

proptest! {
    #[test]
    fn cookie_headers_are_read_as_by_the_slow_version(header in header()) {
        checks::cookie_header(&header);
    }

    #[test]
    fn click_ids_parse_and_read_back(text in "[!-~]{1,140}", bytes: Vec<u8>, any_text: String) {
        checks::click_id(text.as_bytes());
        checks::click_id(&bytes);
        checks::click_id(json!(any_text).to_string().as_bytes());
    }

    #[test]
    fn landing_urls_are_captured_as_by_the_slow_version(landing in landing()) {
        checks::landing_url(&landing);
    }

    #[test]
    fn answers_are_read_whatever_they_hold(answer in answer(), bytes: Vec<u8>) {
        checks::answers(answer.to_string().as_bytes());
        checks::answers(&bytes);
    }

    #[test]
    fn a_cookie_name_is_a_token(name in "[ -~]{0,3}|\\PC{0,6}") {
        let is_token = !name.is_empty() && name.chars().all(|letter| TOKEN.contains(letter));
        prop_assert_eq!(CookieName::new(&name).is_ok(), is_token);
    }

    #[test]
    fn a_cookie_name_finds_its_cookie(name in "[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,20}") {
        let parsed: CookieName = name.parse().unwrap();
        prop_assert_eq!(parsed.to_string(), &name[..]);
        prop_assert_eq!(parsed.is_default_program(), name == "refp_id");
        let header = format!("{name}x=1; x{name}=2; {name}=clk_1");
        let id = ClickId::from_cookie_header_named(&parsed, header);
        prop_assert_eq!(id.unwrap(), "clk_1");
    }

    #[test]
    fn a_currency_is_three_letters(text in "[ \\t]?[a-zA-Z]{2,4}[ \\n]?|[a-z1$é]{3}|\\PC{0,4}") {
        let code = text.trim();
        let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        let parsed = text.parse::<Currency>().ok();
        prop_assert_eq!(parsed.map(String::from), is_code.then(|| code.to_ascii_lowercase()));
        if let Some(currency) = parsed {
            prop_assert_eq!(currency.to_string().parse(), Ok(currency));
            let json = serde_json::to_value(currency).unwrap();
            prop_assert_eq!(serde_json::from_value::<Currency>(json).unwrap(), currency);
        }
    }

    #[test]
    fn an_instant_reads_back_to_the_millisecond(millis in MILLIS) {
        let instant = Timestamp::from_millis(millis).unwrap();
        prop_assert_eq!(instant.as_millis(), millis);
        prop_assert_eq!(instant.to_string().parse(), Ok(instant));
        let json = serde_json::to_value(instant).unwrap();
        prop_assert_eq!(serde_json::from_value::<Timestamp>(json).unwrap(), instant);
    }

    #[test]
    fn millis_without_a_year_are_refused(millis: i64) {
        prop_assert_eq!(Timestamp::from_millis(millis).is_ok(), MILLIS.contains(&millis));
    }

    #[test]
    fn the_offset_does_not_move_the_instant(
        millis in common_millis(),
        minutes in 0..24 * 60_i64,
        finer in "[0-9]{0,6}",
    ) {
        let instant = Timestamp::from_millis(millis).unwrap();
        let local = Timestamp::from_millis(millis + minutes * 60_000).unwrap().to_string();
        let offset = format!("{finer}+{:02}:{:02}", minutes / 60, minutes % 60);
        let there: Timestamp = local.replace('Z', &offset).parse().unwrap();
        prop_assert_eq!(there.to_string(), instant.to_string());
    }

    #[test]
    fn instants_order_as_their_milliseconds(one in MILLIS, other in MILLIS) {
        let instant = |millis| Timestamp::from_millis(millis).unwrap();
        prop_assert_eq!(instant(one).cmp(&instant(other)), one.cmp(&other));
    }

    #[test]
    fn any_text_for_an_instant_is_read_or_refused(
        text in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?Z|\\PC{0,30}",
    ) {
        if let Ok(instant) = text.parse::<Timestamp>() {
            let written = instant.to_string();
            prop_assert_eq!(written.parse::<Timestamp>().unwrap().to_string(), written);
        }
    }
}

/// The `url` crate, by the name under which reqwest has it, reads landing URLs as we do.
#[cfg(feature = "reqwest")]
mod beside_the_url_crate {
    use http::{HeaderMap, HeaderValue, header::ACCEPT};
    use refport_core::capture::{Capture, Captured, Landing};
    use reqwest::Url;

    use super::*;

    fn decide(url: &Url) -> Option<Captured> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/html"))]);
        let landing = Landing::new("GET", url.path(), url.query(), &headers);
        Capture::new().clean_url(true).decide(&landing)
    }

    fn pairs(url: &Url) -> Vec<(String, String)> {
        url.query_pairs().into_owned().collect()
    }

    proptest! {
        #[test]
        fn the_click_is_the_first_valid_parameter(query in query()) {
            let url = Url::parse(&format!("https://shop.example/?{query}")).unwrap();
            let ours = pairs(&url).into_iter().filter(|(name, _)| name == "refp_id");
            // Of what these queries are made of, this is what an ID may have.
            let is_in_ids = |it: &char| it.is_ascii_alphanumeric() || *it == '_';
            let begins = |value: String| value.trim().chars().take_while(is_in_ids).collect();
            let first = ours.map(|(_, value)| begins(value)).find(|id: &String| !id.is_empty());
            prop_assume!(first.is_some() || !query.contains(['?', ';']));
            let captured = decide(&url);
            let found = captured.as_ref().and_then(Captured::click_id);
            prop_assert_eq!(found.map(ClickId::as_str), first.as_deref());
        }

        #[test]
        fn a_clean_url_is_the_same_page_without_the_click(path in "[/a.%\\\\]{0,6}", query in query()) {
            let query = query.replace(['?', ';'], "/");
            let url = Url::parse(&format!("https://shop.example/{path}?refp_id=clk_1&{query}"));
            let url = url.unwrap();
            let Some(redirect) = decide(&url).unwrap().redirect().map(str::to_owned) else {
                prop_assert!(url.path().starts_with("//"));
                return Ok(());
            };
            let clean = url.join(&redirect).unwrap();
            prop_assert_eq!(clean.origin(), url.origin());
            prop_assert_eq!(clean.path(), url.path());
            let mut others = pairs(&url);
            others.retain(|(name, _)| name != "refp_id");
            prop_assert_eq!(pairs(&clean), others);
        }
    }
}
