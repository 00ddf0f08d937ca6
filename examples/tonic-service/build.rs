//! Describes the gRPC service in Rust, so that no `protoc` is needed.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let checkout = Method::builder()
        .name("checkout")
        .route_name("Checkout")
        .input_type("crate::Order")
        .output_type("crate::Receipt")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    let shop = Service::builder().name("Shop").package("shop");
    Builder::new()
        .build_transport(false)
        .compile(&[shop.method(checkout).build()]);
}
