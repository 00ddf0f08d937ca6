//! Reading a service's answers without breaking on what we do not need.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Number, Value};

/// A field of the expected type, or `None` when it is absent, `null` or of another type.
pub(crate) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

/// An object, or its default where it is absent, `null` or something else. Of a field that is there twice the
/// last one counts.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    // An array would be read as an object's fields in their order.
    let object = Some(Value::deserialize(deserializer)?).filter(Value::is_object);
    let read = object.and_then(|object| serde_json::from_value(object).ok());
    Ok(read.unwrap_or_default())
}

/// A whole number of the smallest currency unit, also when it is written as `4900.0`.
pub(crate) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let number: Option<Number> = optional(deserializer)?;
    Ok(number.and_then(|number| number.as_i64().or_else(|| whole(number.as_f64()?))))
}

fn whole(number: f64) -> Option<i64> {
    /// 2^53, up to which every whole number has its own floating-point number.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Currency, track::Customer};

    #[derive(Debug, PartialEq, Deserialize)]
    struct Answer {
        #[serde(default, deserialize_with = "optional")]
        text: Option<String>,
        #[serde(default, deserialize_with = "optional")]
        currency: Option<Currency>,
        #[serde(default, deserialize_with = "optional")]
        flag: Option<bool>,
        #[serde(default, deserialize_with = "amount")]
        amount: Option<i64>,
        #[serde(default, deserialize_with = "or_default")]
        customer: Customer,
        /// Read after the others: whatever they were, they were read to their end.
        end: u8,
    }

    fn read(fields: &str) -> serde_json::Result<Answer> {
        let json = format!("{{{fields}, \"end\": 1}}");
        let read = serde_json::from_str(&json);
        let bytes = serde_json::from_reader::<_, Answer>(json.as_bytes());
        assert_eq!(read.is_ok(), bytes.is_ok(), "{json}");
        if let (Ok(read), Ok(bytes)) = (&read, &bytes) {
            assert_eq!(read, bytes);
        }
        read
    }

    const ODD: [&str; 12] = [
        "null",
        "true",
        "-1",
        "7",
        "1.5",
        r#""x\ny""#,
        r#""""#,
        "[]",
        r#"[{"a": [1]}, "b"]"#,
        "{}",
        r#"{"externalId": {"a": [1]}, "a": null}"#,
        r#"{"$serde_json::private::Number": 1}"#,
    ];

    #[test]
    fn no_value_of_another_type_breaks_an_answer() {
        for odd in ODD {
            let all = ["text", "currency", "flag", "amount", "customer"];
            let fields = all.map(|name| format!("\"{name}\": {odd}")).join(", ");
            let answer = read(&fields).unwrap();
            assert_eq!(answer.currency, None, "{odd}");
            assert_eq!(answer.customer, Customer::default(), "{odd}");
            assert_eq!(answer.flag, (odd == "true").then_some(true));
            assert_eq!(answer.text.is_some(), odd.starts_with('"'), "{odd}");
            let amount = match odd {
                "-1" => Some(-1),
                "7" => Some(7),
                _ => None,
            };
            assert_eq!(answer.amount, amount, "{odd}");
        }
    }

    #[test]
    fn what_is_no_json_still_breaks_it() {
        for broken in [
            "[1",
            r#"{"externalId""#,
            r#"{"externalId": tru}"#,
            r#""x"#,
            "nul",
            "01",
        ] {
            for name in ["text", "amount", "customer"] {
                assert!(read(&format!("\"{name}\": {broken}")).is_err(), "{broken}");
            }
        }
    }

    #[test]
    fn amounts_are_whole_and_exact() {
        for (text, want) in [
            ("4900.0", Some(4900)),
            ("4.9e3", Some(4900)),
            ("9007199254740992.0", Some(9_007_199_254_740_992)),
            ("9007199254740994.0", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("49.5", None),
            ("\"4900\"", None),
        ] {
            assert_eq!(
                read(&format!("\"amount\": {text}")).unwrap().amount,
                want,
                "{text}"
            );
        }
    }

    #[test]
    fn of_a_field_that_is_there_twice_the_last_one_counts() {
        let customer = |json: &str| read(&format!("\"customer\": {json}")).unwrap().customer;
        let twice = customer(r#"{"externalId": "a", "email": "e", "externalId": "b", "email": 7}"#);
        assert_eq!(twice.external_id.as_deref(), Some("b"));
        assert_eq!(twice.email(), None);
        assert!(
            read(r#""text": "a", "text": "b""#).is_err(),
            "the answer itself is ours to trust"
        );
    }

    #[test]
    fn an_object_by_itself_is_one() {
        assert!(serde_json::from_str::<Customer>("7").is_err());
        assert_eq!(
            serde_json::from_str::<Customer>("{}").unwrap(),
            Customer::default()
        );
    }
}
