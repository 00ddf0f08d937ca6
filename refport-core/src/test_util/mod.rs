//! A service inside your own test: no port, no network.
//!
//! A [`Recorder`] stands where the network would. It keeps what is sent, answers as the service
//! does or as it is told, and says whether exactly one sale was counted. Between it and your code
//! is the real client, with its checks, retries and errors.
//!
//! ```
//! use std::time::Duration;
//! use refport_core::{ClickId, Sale, test_util::{Answer, Recorder}};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let recorder = Recorder::new();
//! recorder.answer_next(Answer::rate_limited(Duration::from_secs(2))); // a 429, then a 200
//!
//! # let click_id: ClickId = "clk_1".parse()?;
//! let sale = Sale::new(click_id, "user_001", 4900).currency("usd").invoice_id("inv_001");
//! let answer = recorder.refport().track.sale(sale).await?.accepted().unwrap();
//! assert_eq!(answer.sale.commission_amount, Some(490));
//!
//! recorder.assert_one_sale("inv_001");
//! assert_eq!(recorder.sent().len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Time
//!
//! Waits are real: a 429 that asks for two seconds takes two. Under tokio's paused clock they take
//! no time at all: give tokio's feature `test-util` to your dev-dependencies and write
//! `#[tokio::test(start_paused = true)]`.

mod answer;
mod assert;
mod recorder;
mod sent;
mod service;

pub use self::{answer::Answer, recorder::Recorder, sent::Sent};
