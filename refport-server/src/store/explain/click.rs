//! The click that a report names.

use sqlx::FromRow;

use super::{Step, step};
use crate::store::{
    Result,
    pool::{Pool, args},
    query::Instant,
};

#[derive(Debug, FromRow)]
pub(super) struct ClickView {
    verdict: String,
    #[sqlx(try_from = "i64")]
    created_at: Instant,
    link_key: Option<String>,
    partner_id: Option<String>,
}

pub(super) async fn find_click(
    pool: &Pool,
    workspace_id: &str,
    id: &str,
) -> Result<Option<ClickView>> {
    let sql = r#"SELECT click.verdict, click.created_at, link."key" AS link_key, enrollment.partner_id
                 FROM click LEFT JOIN link ON link.id = click.link_id
                            LEFT JOIN enrollment ON enrollment.id = link.enrollment_id
                 WHERE click.id = $1 AND click.workspace_id = $2"#;
    pool.fetch_optional(sql, args![id, workspace_id]).await
}

pub(super) fn click_step(click_id: Option<&str>, found: Option<&ClickView>) -> Step {
    let text = match (click_id, found) {
        (None, _) => "the report named no click".to_owned(),
        (Some(id), None) => format!("{id} is not a click of this workspace"),
        (Some(id), Some(click)) => {
            let by = match click.verdict.as_str() {
                "person" => "",
                "preview" => ", by a program that previews links",
                _ => ", by a program that calls itself a crawler",
            };
            let link = match (&click.link_key, &click.partner_id) {
                (Some(key), Some(partner)) => format!("the link {key} of partner {partner}"),
                _ => "a link that is gone".to_owned(),
            };
            format!("{id} followed {link} at {}{by}", click.created_at.0)
        }
    };
    step("click", text)
}
