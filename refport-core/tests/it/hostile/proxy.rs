//! A proxy in the environment, which would get the key in clear.

use std::{process::Command, time::Duration};

use refport_core::{Refport, RefportBuilder};

use crate::{scripted::sale_once, threaded::Service};

/// Says that this process is the one that has the proxy.
const HERE: &str = "REFPORT_TEST_PROXY";

/// Where a proxy for plain HTTP is looked for, and what may forbid to.
const VARIABLES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const FORBIDDING: [&str; 3] = ["NO_PROXY", "no_proxy", "REQUEST_METHOD"];

const SALE: &str = r#"{"sale":{"id":"sale_1"}}"#;

/// The environment belongs to the process, so each case runs this test binary anew.
#[test]
fn a_proxy_is_not_told_of_calls_to_this_machine() {
    for variable in VARIABLES {
        let proxy = Service::start(SALE, usize::MAX);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "hostile::proxy::in_this_process", "--nocapture"]);
        for other in VARIABLES.iter().chain(&FORBIDDING) {
            command.env_remove(other);
        }
        let output = command.env(HERE, "1").env(variable, &proxy.url).output();
        let output = output.unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{variable}: {complaints}");
        // The call to another host, which tells that the proxy is one that is asked.
        let elsewhere = ["post http://refport.test/api/track/sale http/1.1"];
        assert_eq!(proxy.seen(), elsewhere, "{variable}");
        assert_eq!(proxy.connections(), 1, "{variable}");
    }
}

#[tokio::test]
async fn in_this_process() {
    if std::env::var_os(HERE).is_none() {
        return;
    }
    let service = Service::start(SALE, usize::MAX);
    for host in ["127.0.0.1", "localhost", "LOCALHOST"] {
        report(client(&service.url.replace("127.0.0.1", host))).await;
    }
    assert_eq!(service.seen().len(), 3);
    report(client("http://refport.test").allow_http(true)).await;
    assert_eq!(service.seen().len(), 3);
}

fn client(url: &str) -> RefportBuilder {
    let builder = Refport::builder("rk_test").base_url(url);
    builder.total_timeout(Duration::from_secs(60))
}

async fn report(builder: RefportBuilder) {
    let refport = builder.build().unwrap();
    refport.track.sale(sale_once()).await.unwrap();
}
