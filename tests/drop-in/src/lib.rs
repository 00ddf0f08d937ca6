//! What the two sites have without Refport, and keep with it. Each program in `bin` puts its site
//! together; `*-after` differs from `*-before` by lines of the repository's README, which the tests
//! check.

pub mod on_actix;
pub mod on_axum;
pub mod orders;
pub mod users;
