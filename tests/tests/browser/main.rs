//! What a browser makes of the capturing layers, on axum and on actix.

mod actix;
mod axum;
mod tls;
