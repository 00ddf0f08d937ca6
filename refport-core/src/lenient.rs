//! Reading a service's answers without breaking on what we do not need.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error, IgnoredAny, IntoDeserializer, MapAccess,
        SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use serde_json::{Number, Value};

use crate::personal::Personal;

/// A field of the expected type, or `None` when it is absent, `null` or of another type.
pub(crate) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    deserializer.deserialize_any(Optional(PhantomData))
}

/// An object, or its default where it is absent, `null` or something else.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Object,
{
    deserializer.deserialize_any(OrDefault(PhantomData))
}

/// An object, and nothing else.
pub(crate) fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Object,
{
    deserializer.deserialize_map(OnlyObject(PhantomData))
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

/// Hands on what it finds to `T`, which may refuse it. Text, numbers and the like are at hand then;
/// an object or an array has to be read to its end first, so it is kept as a [`Value`].
struct Optional<T>(PhantomData<T>);

/// One value that is at hand.
fn accepted<'de, T: Deserialize<'de>, E: Error>(
    value: impl IntoDeserializer<'de, E>,
) -> Result<Option<T>, E> {
    Ok(T::deserialize(value.into_deserializer()).ok())
}

impl<'de, T: DeserializeOwned> Visitor<'de> for Optional<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Option<T>, E> {
        accepted(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<T>, E> {
        accepted(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<T>, E> {
        accepted(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Option<T>, E> {
        accepted(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Option<T>, E> {
        accepted(value)
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Option<T>, E> {
        accepted(value)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Option<T>, A::Error> {
        let value = Value::deserialize(SeqAccessDeserializer::new(seq))?;
        Ok(serde_json::from_value(value).ok())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        let value = Value::deserialize(MapAccessDeserializer::new(map))?;
        Ok(serde_json::from_value(value).ok())
    }
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Optional<T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// An object of which nothing is required. What is unknown is passed over, and of a field that is
/// there twice the last one counts, as in a [`Value`].
pub(crate) trait Object: Default {
    /// Where the field goes that has this name on the wire.
    fn field(&mut self, name: &str) -> Option<Field<'_>>;
}

/// A field of an [`Object`].
pub(crate) enum Field<'a> {
    Text(&'a mut Option<String>),
    Personal(&'a mut Option<Personal>),
}

impl Field<'_> {
    fn read<'de, A: MapAccess<'de>>(self, map: &mut A) -> Result<(), A::Error> {
        match self {
            Self::Text(text) => *text = map.next_value_seed(Optional(PhantomData))?,
            Self::Personal(text) => *text = map.next_value_seed(Optional(PhantomData))?,
        }
        Ok(())
    }
}

fn read_fields<'de, T: Object, A: MapAccess<'de>>(mut map: A) -> Result<T, A::Error> {
    let mut object = T::default();
    while let Some(field) = map.next_key_seed(Name(&mut object))? {
        match field {
            Some(field) => field.read(&mut map)?,
            None => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    Ok(object)
}

/// Finds an object's field by its name, which is not kept.
struct Name<'a, T>(&'a mut T);

impl<'a, 'de, T: Object> DeserializeSeed<'de> for Name<'a, T> {
    type Value = Option<Field<'a>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'a, T: Object> Visitor<'_> for Name<'a, T> {
    type Value = Option<Field<'a>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.field(name))
    }
}

struct OnlyObject<T>(PhantomData<T>);

impl<'de, T: Object> Visitor<'de> for OnlyObject<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        read_fields(map)
    }
}

struct OrDefault<T>(PhantomData<T>);

impl<'de, T: Object> Visitor<'de> for OrDefault<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        IgnoredAny.visit_seq(seq)?;
        Ok(T::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        read_fields(map)
    }
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
        assert!(serde_json::from_str::<Customer>("[]").is_err());
        assert_eq!(
            serde_json::from_str::<Customer>("{}").unwrap(),
            Customer::default()
        );
    }
}
