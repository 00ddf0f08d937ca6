use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::{Deserialize, Serialize};

use crate::{ClickIdError, ClickIdExt};

/// The visitor's click ID, as an extractor.
///
/// `Option<ClickId>` never fails and is what most handlers want; plain `ClickId` answers 400 to a
/// visitor without one. Neither needs a middleware, unless the cookie has a name of your own: see
/// the [crate's page](crate#extractors).
///
/// It is a newtype of [`refport_core::ClickId`], because actix's trait and the core's type are
/// both foreign here; it goes wherever that one does. The middlewares leave the core's type in the
/// request's extensions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClickId(pub refport_core::ClickId);

refport_core::click_id_newtype!(ClickId);

impl FromRequest for ClickId {
    type Error = ClickIdError;
    type Future = Ready<Result<Self, ClickIdError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.click_id().ok_or(ClickIdError(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClickId {
        ClickId(text.parse().unwrap())
    }

    #[test]
    fn it_is_the_cores_id_in_every_form() {
        let id = id("clk_1");
        assert_eq!(format!("{id} {id:?}"), "clk_1 ClickId(\"clk_1\")");
        assert_eq!(id.as_str(), "clk_1", "by `Deref`");
        let core = refport_core::ClickId::from(id.clone());
        assert_eq!(core, id.clone().into_inner());
        assert_eq!(ClickId::from(core), id);
    }

    #[test]
    fn it_is_made_from_what_was_kept_with_the_customer() {
        let kept = id("clk_1").to_string();
        assert_eq!(kept.parse::<ClickId>().unwrap(), id("clk_1"));
        assert_eq!(ClickId::try_from(kept.as_str()).unwrap(), id("clk_1"));
        assert_eq!(ClickId::try_from(kept).unwrap(), id("clk_1"));
        assert!(ClickId::try_from("a b").is_err() && "".parse::<ClickId>().is_err());
    }

    #[test]
    fn serde_sees_the_text_and_checks_it() {
        assert_eq!(serde_json::to_string(&id("clk_1")).unwrap(), "\"clk_1\"");
        assert_eq!(
            serde_json::from_str::<ClickId>("\"clk_1\"").unwrap(),
            id("clk_1")
        );
        assert!(serde_json::from_str::<ClickId>("\"a b\"").is_err());
    }

    #[test]
    fn requests_take_it_as_it_is() {
        let body = serde_json::to_value(crate::Sale::new(id("clk_1"), "user_001", 1)).unwrap();
        assert_eq!(body["clickId"], "clk_1");
    }
}
