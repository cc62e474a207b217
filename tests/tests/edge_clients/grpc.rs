//! gRPC, whose status stands behind the answer's body: every kind of call, and every kind of end.

use serde_json::json;
use sluicegate_tests::{Gateway, Script, config, script, wait_for_metric};

fn gateway(port: u16) -> Gateway {
    let service = config::service(&format!("http://127.0.0.1:{port}"), "protocols = [\"h2\"]");
    // Nothing of a status is to be buffered on its way, whatever reads the bodies.
    let chain = "chain = [{ plugin = \"headers\", config = { reply = [{ remove = \"server\" }] } }]";
    Gateway::start(
        &format!(
            "[admin]\naddress = \"127.0.0.1:0\"\n{service}\n[[routes]]\nname = \"all\"\nupstream = \"service\"\n{chain}\n"
        ),
        &[],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_call_and_every_kind_of_end_is_what_the_server_made_it() {
    let (_server, port) = Script::serving("grpc_echo.py", &["serve".to_owned()]);
    let gateway = gateway(port);
    let talk = Script::command("grpc_echo.py", &["talk".to_owned(), gateway.address().to_string()]);
    let saw: serde_json::Value = serde_json::from_str(&script::said(talk).await).expect("JSON");
    let expected = json!({
        "unary": ["hello", "this", "5"],
        "large": true,
        "count": 1_999_000,
        "total": 500_000,
        "talk": ["you said first", "you said after 1", "you said after 2"],
        "fails": ["FAILED_PRECONDITION", "not nöw, 100 %", "00ff"],
        "late": "DEADLINE_EXCEEDED",
        "unknown": "UNIMPLEMENTED",
        "breaks": [["you said one", "you said break"], ["ABORTED", "in the middle"]],
        "at_once": true,
    });
    assert_eq!(saw, expected);
    let log = gateway.wait_for_log(209);
    assert_eq!(log.len(), 209);
    assert!(log.iter().all(|line| line["protocol"] == "h2" && line["status"] == 200 || line["status"].is_null()));
    // Both ends know the deadline (`grpc-timeout`): the call that is too late ends by whichever notices first. Each of the others
    // has come to its end, however gRPC calls that.
    let gone: Vec<_> = log.iter().filter(|line| line["outcome"] != "complete").collect();
    assert!(gone.len() <= 1, "{gone:?}");
    assert!(gone.iter().all(|line| line["outcome"] == "client_gone" && line["path"] == "/echo.Echo/One"), "{gone:?}");
    wait_for_metric(&gateway, "sluicegate_connections_open", &[], 0.0).await;
}
