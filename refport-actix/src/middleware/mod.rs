mod capture;
mod click_id;

pub use self::{
    capture::{CaptureFuture, CaptureMiddleware, CaptureService},
    click_id::{ClickIdMiddleware, ClickIdService},
};
