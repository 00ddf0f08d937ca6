use std::fmt::Write;

use refport_core::ClickId;

use super::is_click_id;

/// Bytes are a click ID by the documented rule and no other, and an ID reads back from every form
/// it is written in.
pub fn click_id(data: &[u8]) {
    let parsed = ClickId::from_bytes(data);
    assert_eq!(parsed.is_ok(), is_click_id(data));
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(text.parse::<ClickId>(), parsed);
        assert_eq!(ClickId::try_from(text.to_owned()), parsed);
    }
    if let Ok(id) = parsed {
        assert_eq!(id.as_str().as_bytes(), data);
        reads_back(&id);
    }
    from_json(data);
}

fn reads_back(id: &ClickId) {
    assert_eq!(id.to_string().parse().as_ref(), Ok(id));
    assert_eq!(String::from(id.clone()), id.as_str());
    let json = serde_json::to_string(id).expect("text is JSON");
    assert_eq!(serde_json::from_str::<ClickId>(&json).unwrap(), *id);
    let cookie = format!("a=1; refp_id={}; b=2", escape(id.as_str()));
    assert_eq!(ClickId::from_cookie_header(cookie).as_ref(), Some(id));
}

/// Every byte as `%41`, the most a browser could escape.
fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        write!(escaped, "%{byte:02X}").expect("a string takes all");
        escaped
    })
}

/// In JSON an ID is a text that parses, whether it is borrowed, copied or a `Value`.
fn from_json(data: &[u8]) {
    let text = serde_json::from_slice::<String>(data).ok();
    let want = text.and_then(|text| text.parse::<ClickId>().ok());
    assert_eq!(serde_json::from_slice(data).ok(), want);
    assert_eq!(serde_json::from_reader(data).ok(), want);
    let value = serde_json::from_slice::<serde_json::Value>(data).ok();
    assert_eq!(
        value.and_then(|value| serde_json::from_value(value).ok()),
        want
    );
}
