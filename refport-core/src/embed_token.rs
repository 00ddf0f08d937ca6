use std::fmt;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use crate::{InvalidRequest, Timestamp, personal::Personal, validate::not_blank};

/// Asks for a token with which one partner's browser shows the embedded portal: the
/// `POST /api/embed/token` of Refport's API reference.
///
/// ```
/// use refport_core::EmbedTokenRequest;
///
/// let request = EmbedTokenRequest::partner("ada@example.com").partner_name("Ada");
/// assert_eq!(
///     serde_json::to_value(&request).unwrap(),
///     serde_json::json!({ "partner": { "email": "ada@example.com", "name": "Ada" } })
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct EmbedTokenRequest {
    tenant_id: Option<String>,
    enrollment_id: Option<String>,
    partner_email: Option<Personal>,
    partner_name: Option<Personal>,
}

impl EmbedTokenRequest {
    const EMPTY: Self = Self {
        tenant_id: None,
        enrollment_id: None,
        partner_email: None,
        partner_name: None,
    };

    /// The partner with this e-mail address, made and enrolled where there is none.
    ///
    /// Whoever gets the token sees that partner's earnings: give an address that your user has
    /// verified.
    pub fn partner(email: impl Into<String>) -> Self {
        Self {
            partner_email: Some(email.into().into()),
            ..Self::EMPTY
        }
    }

    /// The partner who stands for this user or organisation of yours.
    pub fn tenant(tenant_id: impl Into<String>) -> Self {
        Self {
            tenant_id: Some(tenant_id.into()),
            ..Self::EMPTY
        }
    }

    /// The partner of an existing enrollment.
    pub fn enrollment(enrollment_id: impl Into<String>) -> Self {
        Self {
            enrollment_id: Some(enrollment_id.into()),
            ..Self::EMPTY
        }
    }

    /// Ties the partner to this user or organisation of yours.
    pub fn tenant_id(mut self, tenant_id: impl Into<String>) -> Self {
        self.tenant_id = Some(tenant_id.into());
        self
    }

    /// The e-mail address of the partner to make where the tenant is not known yet.
    pub fn partner_email(mut self, email: impl Into<String>) -> Self {
        self.partner_email = Some(email.into().into());
        self
    }

    /// The partner's name, used when they are made. Needs the partner's e-mail address.
    pub fn partner_name(mut self, name: impl Into<String>) -> Self {
        self.partner_name = Some(name.into().into());
        self
    }

    /// Checks what Refport certainly refuses.
    ///
    /// # Errors
    ///
    /// Names the field: an empty ID or e-mail address, a name without an e-mail address.
    pub fn check(&self) -> Result<(), InvalidRequest> {
        for (field, text) in [
            ("tenantId", &self.tenant_id),
            ("enrollmentId", &self.enrollment_id),
        ] {
            if let Some(text) = text {
                not_blank(field, text)?;
            }
        }
        match (&self.partner_email, &self.partner_name) {
            (Some(email), _) => not_blank("partner.email", email.as_str()),
            (None, Some(_)) => Err(InvalidRequest::new(
                "partner.email",
                "is missing, a partner is known by it",
            )),
            (None, None) => Ok(()),
        }
    }
}

impl Serialize for EmbedTokenRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Partner<'a> {
            email: &'a Personal,
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<&'a Personal>,
        }

        let mut map = serializer.serialize_map(None)?;
        if let Some(tenant_id) = &self.tenant_id {
            map.serialize_entry("tenantId", tenant_id)?;
        }
        if let Some(enrollment_id) = &self.enrollment_id {
            map.serialize_entry("enrollmentId", enrollment_id)?;
        }
        if let Some(email) = &self.partner_email {
            let name = self.partner_name.as_ref();
            map.serialize_entry("partner", &Partner { email, name })?;
        }
        map.end()
    }
}

/// A token for one partner's browser: short-lived, for one page load, not to be stored.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct EmbedToken {
    /// The token, for the portal's address. Left out of `Debug`.
    pub public_token: String,
    /// When it stops being valid.
    pub expires: Timestamp,
}

impl fmt::Debug for EmbedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedToken")
            .field("public_token", &"[redacted]")
            .field("expires", &self.expires)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_selector_is_sent_by_its_documented_name() {
        let body = |request: EmbedTokenRequest| serde_json::to_value(request).unwrap();
        assert_eq!(
            body(EmbedTokenRequest::tenant("t")),
            json!({ "tenantId": "t" })
        );
        assert_eq!(
            body(EmbedTokenRequest::enrollment("e")),
            json!({ "enrollmentId": "e" })
        );
        assert_eq!(
            body(
                EmbedTokenRequest::tenant("t")
                    .partner_email("a@b.c")
                    .partner_name("A")
            ),
            json!({ "tenantId": "t", "partner": { "email": "a@b.c", "name": "A" } })
        );
        assert_eq!(
            body(EmbedTokenRequest::partner("a@b.c").tenant_id("t")),
            json!({ "tenantId": "t", "partner": { "email": "a@b.c" } })
        );
    }

    #[test]
    fn check_names_the_field() {
        let field = |request: EmbedTokenRequest| request.check().unwrap_err().field();
        assert_eq!(field(EmbedTokenRequest::tenant("")), "tenantId");
        assert_eq!(field(EmbedTokenRequest::enrollment(" ")), "enrollmentId");
        assert_eq!(field(EmbedTokenRequest::partner("")), "partner.email");
        assert_eq!(
            field(EmbedTokenRequest::tenant("t").partner_name("A")),
            "partner.email"
        );
        assert_eq!(EmbedTokenRequest::partner("a@b.c").check(), Ok(()));
    }

    #[test]
    fn debug_hides_token_and_person() {
        let token: EmbedToken = serde_json::from_value(
            json!({ "publicToken": "pt_secret", "expires": "2026-11-21T08:30:00.000Z", "new": 1 }),
        )
        .unwrap();
        let request = EmbedTokenRequest::partner("a@b.c");
        let debug = format!("{token:?} {request:?}");
        assert!(
            !debug.contains("pt_secret") && !debug.contains("a@b.c"),
            "{debug}"
        );
    }
}
