//! Neither key, cookie nor e-mail address reach logs, errors, or `Debug`.

use std::{
    error::Error as _,
    io::Write,
    sync::{Arc, Mutex},
};

use refport_core::{Error, Lead, TransportError};
use tracing_subscriber::fmt::MakeWriter;

use crate::scripted::{Scripted, accepted, answer, click, fails, sale, sale_once, wait};

/// What the tests' calls carry: the key, the click ID, the customer's address.
const SECRETS: [&str; 3] = ["rk_secret", "clk_secret", "carla@example.com"];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn assert_clean(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

fn chain(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    text
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_call_reaches_logs_or_errors() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .finish();
    // For the whole process: a subscriber of one thread may miss spans that another thread met first.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    for script in [
        Scripted::new([wait("1"), accepted()]),
        Scripted::new([answer(
            400,
            r#"{"error":{"code":"INVALID_CLICK_ID","message":"no such click"}}"#,
        )]),
        Scripted::new([answer(200, r#"{"sale":{"id":["carla@example.com"]}}"#)]),
        Scripted::new([answer(200, "carla@example.com")]),
        Scripted::new([fails(|| TransportError::broken("reset"))]),
        Scripted::new([fails(TransportError::timeout)]),
    ] {
        let refport = script.client(|builder| builder);
        let lead = Lead::new(click(), "Sign Up", "user_001").customer_email("carla@example.com");
        assert_clean(&format!("{refport:?}"));
        for error in [
            refport.track.sale(sale_once()).await.err(),
            refport
                .track
                .sale(
                    sale()
                        .customer_email("carla@example.com")
                        .currency("dollars"),
                )
                .await
                .err(),
            refport.track.lead(lead).await.err(),
        ] {
            assert_clean(&error.as_ref().map(chain).unwrap_or_default());
        }
        for request in script.seen() {
            assert!(request.headers()["authorization"].is_sensitive());
            assert!(!format!("{:?}", request.headers()).contains("rk_secret"));
        }
    }
    let text = log.text();
    assert!(
        text.contains("refport{call=\"track.sale\"") && text.contains("trying again"),
        "{text}"
    );
    assert!(
        text.contains("outcome=\"validation\"") && text.contains("attempts=2"),
        "{text}"
    );
    assert_clean(&text);
}

#[test]
fn errors_show_the_beginning_of_a_message_on_one_line() {
    let body = format!(
        r#"{{"error":{{"code":"X","message":"line\nbreak {}"}}}}"#,
        "x".repeat(1000)
    );
    let script = Scripted::new([answer(400, body.leak())]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let refport = script.client(|builder| builder);
    let error = runtime
        .block_on(refport.track.sale(sale_once()))
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("line\\nbreak") && text.ends_with('…') && text.len() < 400,
        "{text}"
    );
    assert_eq!(
        error.as_api().unwrap().message().unwrap().len(),
        1011,
        "whole on request"
    );
}
