use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Customer;
use crate::{
    ClickId, InvalidRequest, Timestamp, lenient,
    personal::Personal,
    timestamp,
    validate::{is_object, not_blank},
};

/// A sign-up to report: the `POST /api/track/lead` of Refport's API reference.
///
/// Serialises to the documented body and back, so that an application can keep a lead with its
/// user and report it from a job later. Two fields are kept beyond it: [`external_id`](Self::external_id)
/// and [`occurred_at`](Self::occurred_at).
///
/// ```
/// use refport_core::{ClickId, Lead};
///
/// # let click_id: ClickId = "clk_1".parse().unwrap();
/// let lead = Lead::new(click_id, "Sign Up", "user_001").customer_email("c@example.com");
///
/// let stored = serde_json::to_string(&lead).unwrap();
/// assert_eq!(serde_json::from_str::<Lead>(&stored).unwrap(), lead);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[must_use]
pub struct Lead {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) click_id: Option<ClickId>,
    pub(super) event_name: String,
    pub(super) customer_external_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) customer_email: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) customer_name: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer_avatar: Option<Personal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Personal<Value>>,
    /// Partli's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) external_id: Option<String>,
    /// Our extension.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "timestamp::text_or_millis"
    )]
    pub(super) occurred_at: Option<Timestamp>,
}

impl Lead {
    /// A lead with the fields that Refport requires.
    ///
    /// `event_name` is what happened, as in `Sign Up`; `customer_external_id` is your own ID of
    /// the customer, by which later sales find this lead.
    pub fn new(
        click_id: impl Into<ClickId>,
        event_name: impl Into<String>,
        customer_external_id: impl Into<String>,
    ) -> Self {
        Self {
            click_id: Some(click_id.into()),
            ..Self::without_click(event_name, customer_external_id)
        }
    }

    /// A lead without a click, as Partli allows. The Refport client refuses it before sending.
    pub fn without_click(
        event_name: impl Into<String>,
        customer_external_id: impl Into<String>,
    ) -> Self {
        Self {
            click_id: None,
            event_name: event_name.into(),
            customer_external_id: customer_external_id.into(),
            customer_email: None,
            customer_name: None,
            customer_avatar: None,
            metadata: None,
            external_id: None,
            occurred_at: None,
        }
    }

    /// Sets the click, or takes it away: one lead for several programs, each with its own click.
    pub fn click_id(mut self, click_id: Option<ClickId>) -> Self {
        self.click_id = click_id;
        self
    }

    /// The customer's e-mail address.
    pub fn customer_email(mut self, email: impl Into<String>) -> Self {
        self.customer_email = Some(email.into().into());
        self
    }

    /// The customer's name.
    pub fn customer_name(mut self, name: impl Into<String>) -> Self {
        self.customer_name = Some(name.into().into());
        self
    }

    /// The address of the customer's picture.
    pub fn customer_avatar(mut self, url: impl Into<String>) -> Self {
        self.customer_avatar = Some(url.into().into());
        self
    }

    /// An object of your own, as in `serde_json::json!({ "plan": "pro" })`. Left out of `Debug`.
    pub fn metadata(mut self, metadata: impl Into<Value>) -> Self {
        self.metadata = Some(Personal(metadata.into()));
        self
    }

    /// Partli's `externalId`, by which it counts a repeated lead once.
    ///
    /// Without it the Partli client makes one of the event name, in lower case, and the customer's
    /// ID, as in `sign up:user_001`: one lead for each customer and event, however often it is
    /// reported. Give your own to go on with the IDs that you have reported so far, or where one
    /// customer's event counts each time.
    ///
    /// Refport does not know the field, and the Refport client leaves it out.
    pub fn external_id(mut self, id: impl Into<String>) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// When it happened, to the millisecond: for a sign-up that is reported later. Without it, a service has
    /// the time at which it hears of it, and `refport-outbox` reports that at which it was enqueued.
    ///
    /// An extension of ours, on the wire `occurredAt`: [`Sale::occurred_at`](crate::Sale::occurred_at) says
    /// who takes it, within which bounds, and to whom it is sent.
    pub fn occurred_at(mut self, time: Timestamp) -> Self {
        self.occurred_at = Some(time);
        self
    }

    /// The click that it is attributed by, where it has one.
    #[must_use]
    pub const fn get_click_id(&self) -> Option<&ClickId> {
        self.click_id.as_ref()
    }

    /// What happened, as in `Sign Up`.
    #[must_use]
    pub fn get_event_name(&self) -> &str {
        &self.event_name
    }

    /// Your own ID of the customer.
    #[must_use]
    pub fn get_customer_external_id(&self) -> &str {
        &self.customer_external_id
    }

    /// The [`external_id`](Self::external_id) that was given. `None` where the client makes one.
    #[must_use]
    pub fn get_external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    /// When it happened, where that was given.
    #[must_use]
    pub const fn get_occurred_at(&self) -> Option<Timestamp> {
        self.occurred_at
    }

    /// With its time, or without where the service takes none.
    #[cfg(feature = "client")]
    pub(crate) fn with_time_if(mut self, is_taken: bool) -> Self {
        self.occurred_at = self.occurred_at.filter(|_| is_taken);
        self
    }

    /// Without what Refport does not know: `externalId` makes a body Partli's.
    #[cfg(feature = "client")]
    pub(crate) fn for_refport(mut self) -> Self {
        self.external_id = None;
        self
    }

    /// Checks what Refport certainly refuses.
    ///
    /// The client calls this before sending; call it yourself to refuse bad input earlier.
    ///
    /// # Errors
    ///
    /// Names the field: no click ID, an empty name or ID, `metadata` that is not an object.
    pub fn check(&self) -> Result<(), InvalidRequest> {
        if self.click_id.is_none() {
            return Err(InvalidRequest::new(
                "clickId",
                "is missing, Refport attributes a lead by its click",
            ));
        }
        not_blank("eventName", &self.event_name)?;
        not_blank("customerExternalId", &self.customer_external_id)?;
        is_object(self.metadata.as_ref().map(|metadata| &metadata.0))
    }
}

/// The service's answer to a lead. What is absent or unknown there is `None` here, never an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct LeadResponse {
    /// What happened, as reported.
    #[serde(deserialize_with = "lenient::optional")]
    pub event_name: Option<String>,
    /// The click the lead was attributed to.
    #[serde(deserialize_with = "lenient::or_default")]
    pub click: LeadClick,
    /// The partner's link.
    #[serde(deserialize_with = "lenient::or_default")]
    pub link: LeadLink,
    /// The customer.
    #[serde(deserialize_with = "lenient::or_default")]
    pub customer: Customer,
}

/// The click of a [`LeadResponse`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct LeadClick {
    /// The service's ID of the click. Its form may differ from the ID that was sent.
    #[serde(deserialize_with = "lenient::optional")]
    pub id: Option<String>,
}

/// The link of a [`LeadResponse`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct LeadLink {
    /// The service's ID of the link.
    #[serde(deserialize_with = "lenient::optional")]
    pub id: Option<String>,
    /// The domain the link stands on.
    #[serde(deserialize_with = "lenient::optional")]
    pub domain: Option<String>,
    /// The link's key on that domain.
    #[serde(deserialize_with = "lenient::optional")]
    pub key: Option<String>,
    /// Where the link leads.
    #[serde(deserialize_with = "lenient::optional")]
    pub url: Option<String>,
    /// The program, where the link belongs to one.
    #[serde(deserialize_with = "lenient::optional")]
    pub program_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id() -> ClickId {
        "clk_1".parse().unwrap()
    }

    #[test]
    fn body_is_the_documented_one() {
        let lead = Lead::new(id(), "Sign Up", "user_001")
            .customer_email("c@example.com")
            .customer_name("C")
            .customer_avatar("https://example.com/c.png")
            .metadata(json!({ "plan": "pro" }));
        assert_eq!(
            serde_json::to_value(&lead).unwrap(),
            json!({
                "clickId": "clk_1",
                "eventName": "Sign Up",
                "customerExternalId": "user_001",
                "customerEmail": "c@example.com",
                "customerName": "C",
                "customerAvatar": "https://example.com/c.png",
                "metadata": { "plan": "pro" },
            })
        );
        let least = serde_json::to_value(Lead::without_click("Sign Up", "user_001")).unwrap();
        assert_eq!(
            least,
            json!({ "eventName": "Sign Up", "customerExternalId": "user_001" })
        );
    }

    #[test]
    fn reads_as_it_was_set() {
        let lead = Lead::new(id(), "Sign Up", "user_001");
        assert_eq!(lead.get_click_id(), Some(&id()));
        assert_eq!(
            (lead.get_event_name(), lead.get_customer_external_id()),
            ("Sign Up", "user_001")
        );
        assert_eq!(lead.get_external_id(), None);
        assert_eq!(lead.external_id("own").get_external_id(), Some("own"));
        assert_eq!(
            Lead::without_click("Sign Up", "user_001").get_click_id(),
            None
        );
    }

    #[test]
    fn the_time_is_kept_and_may_be_absent() {
        let at: Timestamp = "2026-11-21T08:30:00.123Z".parse().unwrap();
        let lead = Lead::without_click("Sign Up", "user_001");
        assert_eq!(lead.get_occurred_at(), None);
        let timed = lead.occurred_at(at);
        assert_eq!(timed.get_occurred_at(), Some(at));
        let body = serde_json::to_value(&timed).unwrap();
        assert_eq!(body["occurredAt"], "2026-11-21T08:30:00.123Z");
        assert_eq!(serde_json::from_value::<Lead>(body).unwrap(), timed);
        let millis = json!({ "eventName": "Sign Up", "customerExternalId": "user_001", "occurredAt": at.as_millis() });
        assert_eq!(serde_json::from_value::<Lead>(millis).unwrap(), timed);
    }

    #[test]
    fn check_names_the_field() {
        let field = |lead: Lead| lead.check().unwrap_err().field();
        assert_eq!(field(Lead::without_click("Sign Up", "u")), "clickId");
        assert_eq!(field(Lead::new(id(), " ", "u")), "eventName");
        assert_eq!(field(Lead::new(id(), "Sign Up", "")), "customerExternalId");
        assert_eq!(
            field(Lead::new(id(), "Sign Up", "u").metadata("text")),
            "metadata"
        );
        assert_eq!(Lead::new(id(), "Sign Up", "u").check(), Ok(()));
    }

    #[test]
    fn debug_hides_the_person() {
        let lead = Lead::new(id(), "Sign Up", "u")
            .customer_email("c@example.com")
            .customer_name("Carla");
        let debug = format!("{lead:?}");
        assert!(
            !debug.contains("c@example.com") && !debug.contains("Carla"),
            "{debug}"
        );
    }

    #[test]
    fn answers_are_read_leniently() {
        let full: LeadResponse = serde_json::from_value(json!({
            "eventName": "Sign Up",
            "click": { "id": "abc123" },
            "link": { "id": "lnk_1", "domain": "go.example.com", "key": "alice", "url": "https://example.com/", "programId": null, "new": 1 },
            "customer": { "externalId": "user_001", "email": "c@example.com", "name": null },
            "another": [],
        }))
        .unwrap();
        assert_eq!(full.link.key.as_deref(), Some("alice"));
        assert_eq!(full.customer.email(), Some("c@example.com"));
        assert_eq!(full.customer.name(), None);
        let odd = json!({ "click": null, "link": "lnk_1", "customer": { "externalId": 7 } });
        let odd: LeadResponse = serde_json::from_value(odd).unwrap();
        assert_eq!(odd, LeadResponse::default());
    }
}
