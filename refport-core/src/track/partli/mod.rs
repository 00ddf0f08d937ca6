//! What Partli's API reference says of leads and sales.

#[cfg(feature = "client")]
mod body;

use serde::Deserialize;

use crate::lenient;

#[cfg(feature = "client")]
pub(crate) use self::body::{LeadBody, SaleBody};

/// Partli's answer to a lead or a sale.
///
/// An answer that says only one of the two is understood; one that says neither is none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Wire")]
#[non_exhaustive]
pub struct PartliResponse {
    /// The service's ID of the event; that of the first report where this one is a repeat. As a
    /// rule `None` where it was attributed to nobody.
    pub event_id: Option<String>,
    /// Whether a partner is paid for it. Where not, the click is unknown or expired, or there was
    /// none.
    pub attributed: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    #[serde(deserialize_with = "lenient::optional")]
    event_id: Option<String>,
    #[serde(deserialize_with = "lenient::optional")]
    attributed: Option<bool>,
}

impl TryFrom<Wire> for PartliResponse {
    type Error = &'static str;

    fn try_from(
        Wire {
            event_id,
            attributed,
        }: Wire,
    ) -> Result<Self, Self::Error> {
        // The ID is documented to be `null` where nobody is paid, so it tells as much.
        let attributed = attributed
            .or(event_id.is_some().then_some(true))
            .ok_or("neither `attributed` nor `eventId`")?;
        Ok(Self {
            event_id,
            attributed,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn answers_are_read_leniently() {
        let read = |answer: Value| {
            let answer = serde_json::from_value::<PartliResponse>(answer).ok()?;
            Some((answer.event_id, answer.attributed))
        };
        let id = || Some("7f3c".to_owned());
        for (answer, want) in [
            (
                json!({ "eventId": "7f3c", "attributed": true, "new": [] }),
                Some((id(), true)),
            ),
            (
                json!({ "eventId": null, "attributed": false }),
                Some((None, false)),
            ),
            (
                json!({ "eventId": "7f3c", "attributed": false }),
                Some((id(), false)),
            ),
            (
                json!({ "eventId": 7, "attributed": true }),
                Some((None, true)),
            ),
            (json!({ "attributed": false }), Some((None, false))),
            (
                json!({ "eventId": "7f3c", "attributed": "yes" }),
                Some((id(), true)),
            ),
            (json!({ "eventId": "7f3c" }), Some((id(), true))),
            (json!({ "eventId": null }), None),
            (json!({}), None),
            (json!(null), None),
            (json!({ "sale": { "id": "sale_1" } }), None),
        ] {
            assert_eq!(read(answer.clone()), want, "{answer}");
        }
    }
}
