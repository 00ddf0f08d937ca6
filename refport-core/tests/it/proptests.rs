use proptest::prelude::*;
use refport_core::ClickId;

/// The reader's rules, spelled out slowly on text.
fn slow(header: &[u8]) -> Option<String> {
    header
        .split(|&byte| byte == b';')
        .filter_map(|pair| {
            let equals = pair.iter().position(|&byte| byte == b'=')?;
            let (name, value) = (trim(&pair[..equals]), trim(&pair[equals + 1..]));
            (name == b"refp_id").then_some(value)
        })
        .filter_map(|value| {
            let quoted = value.len() >= 2 && value.starts_with(b"\"") && value.ends_with(b"\"");
            let value = if quoted {
                &value[1..value.len() - 1]
            } else {
                value
            };
            let decoded: Vec<u8> = percent_encoding::percent_decode(value).collect();
            String::from_utf8(decoded).ok()
        })
        .find(|value| {
            (1..=128).contains(&value.len())
                && value
                    .bytes()
                    .all(|byte| (0x21..=0x7e).contains(&byte) && !b"\",;\\".contains(&byte))
        })
}

fn trim(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes
        .iter()
        .position(|byte| !blank(byte))
        .unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(|byte| !blank(byte))
        .map_or(start, |end| end + 1);
    &bytes[start..end]
}

/// Headers made of the pieces that matter, so that most of them come near a match.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"refp_id".to_vec()),
        Just(b"=".to_vec()),
        Just(b";".to_vec()),
        Just(b" ".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"%41".to_vec()),
        Just(b"%ff".to_vec()),
        Just(b"clk_1".to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn reader_agrees_with_the_slow_version(header in header()) {
        let fast = ClickId::from_cookie_header(&header).map(String::from);
        prop_assert_eq!(fast, slow(&header));
    }

    #[test]
    fn what_parses_reads_back_from_text_json_and_cookie(text in "[!-~]{1,140}") {
        if let Ok(id) = text.parse::<ClickId>() {
            prop_assert_eq!(id.as_str(), &text);
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(&serde_json::from_str::<ClickId>(&json).unwrap(), &id);
            if !text.contains('%') {
                prop_assert_eq!(ClickId::from_cookie_header(format!("refp_id={text}")), Some(id));
            }
        }
    }
}
