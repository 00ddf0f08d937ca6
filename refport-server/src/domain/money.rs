//! Amounts as people read them.

use iso_currency::Currency;

/// `490` cents of `usd` as `4.90 USD`. A code that ISO 4217 does not know is taken to have two
/// decimals.
pub(crate) fn format(amount: i64, currency: &str) -> String {
    let code = currency.to_ascii_uppercase();
    let decimals = Currency::from_code(&code).map_or(2, |known| known.exponent().unwrap_or(0));
    let unit = 10_u64.pow(u32::from(decimals));
    let (sign, amount) = (if amount < 0 { "-" } else { "" }, amount.unsigned_abs());
    let (whole, rest) = (amount / unit, amount % unit);
    match usize::from(decimals) {
        0 => format!("{sign}{whole} {code}"),
        decimals => format!("{sign}{whole}.{rest:0decimals$} {code}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn decimals_follow_the_currency() {
        for (amount, currency, want) in [
            (490, "usd", "4.90 USD"),
            (5, "eur", "0.05 EUR"),
            (4900, "jpy", "4900 JPY"),
            (1234, "kwd", "1.234 KWD"),
            (-490, "usd", "-4.90 USD"),
            (100, "xyz", "1.00 XYZ"),
        ] {
            assert_eq!(super::format(amount, currency), want);
        }
    }
}
