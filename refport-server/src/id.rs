//! Identifiers: TypeIDs for what the server keeps, random text for what visitors carry.

use rand::{Rng, distr::Alphanumeric};
use type_safe_id::{DynamicType, TypeSafeId};
use uuid::Uuid;

/// What an ID is of: the prefix before its `_`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Prefix {
    Workspace,
    Program,
    Group,
    Reward,
    Partner,
    Enrollment,
    Link,
    Customer,
    Lead,
    Sale,
    Commission,
    OutgoingEvent,
}

impl Prefix {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "ws",
            Self::Program => "prog",
            Self::Group => "grp",
            Self::Reward => "rwd",
            Self::Partner => "prt",
            Self::Enrollment => "enr",
            Self::Link => "lnk",
            Self::Customer => "cus",
            Self::Lead => "lead",
            Self::Sale => "sale",
            Self::Commission => "com",
            Self::OutgoingEvent => "evt",
        }
    }
}

/// A new ID, as in `sale_01h455vb4pex5vsknk084sn02q`. Later ones sort after earlier ones.
pub(crate) fn new(prefix: Prefix) -> String {
    let prefix = DynamicType::new(prefix.as_str()).expect("our prefixes are lower-case letters");
    TypeSafeId::from_type_and_uuid(prefix, Uuid::now_v7()).to_string()
}

/// The UUID inside an ID, which Partli shows instead. Text that is no ID of ours stays as it is.
pub(crate) fn uuid_text(id: &str) -> String {
    id.parse::<TypeSafeId<DynamicType>>()
        .map_or_else(|_| id.to_owned(), |id| id.uuid().to_string())
}

/// A click ID: some 131 bits of chance, safe in a URL and in a cookie.
pub(crate) fn new_click() -> String {
    format!("clk_{}", random_text(22))
}

/// `length` random letters and digits, 5.95 bits each.
pub(crate) fn random_text(length: usize) -> String {
    let letters = rand::rng().sample_iter(Alphanumeric).take(length);
    letters.map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_prefix_and_sort_by_time() {
        let ids: Vec<String> = (0..1000).map(|_| new(Prefix::Sale)).collect();
        assert!(
            ids.iter()
                .all(|id| id.starts_with("sale_") && id.len() == 31)
        );
        assert!(ids.is_sorted());
    }

    #[test]
    fn partli_sees_the_uuid() {
        let text = uuid_text(&new(Prefix::Sale));
        assert_eq!(text.parse::<Uuid>().unwrap().get_version_num(), 7);
    }

    #[test]
    fn click_ids_are_click_ids() {
        let id = new_click();
        assert_eq!(id.len(), 26);
        assert!(id.parse::<refport_core::ClickId>().is_ok());
        assert_ne!(id, new_click());
    }
}
