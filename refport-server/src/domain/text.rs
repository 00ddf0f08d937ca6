//! Texts that tell people and invoices apart.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// The form in which two spellings of one ID are equal: without blanks around it, composed (NFC).
/// Its case stays, since processors' IDs differ by it.
pub(crate) fn canonical(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

/// The form in which two spellings of one e-mail address are equal.
pub(crate) fn email_key(email: &str) -> String {
    canonical(email).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_id_are_equal() {
        for (text, want) in [
            ("inv_9", "inv_9"),
            (" inv_9\t", "inv_9"),
            ("INV_9", "INV_9"),
            ("cafe\u{301}", "caf\u{e9}"),
            ("\u{a0}w\u{2003}", "w"),
        ] {
            assert_eq!(canonical(text), want);
            assert_eq!(canonical(&canonical(text)), want, "once is enough");
        }
        assert_eq!(email_key(" ADA@Example.com"), "ada@example.com");
        assert_eq!(email_key("JOSE\u{301}@a.example"), "jos\u{e9}@a.example");
    }
}
