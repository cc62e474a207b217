//! What is sent to one target is not sent to another: each attempt has the credential of its own upstream.

use http::{Method, StatusCode};
use sluicegate_tests::{Gateway, Received, guests};

use crate::support::{answering, ask, config, named, with};

fn holds(request: &Received, secret: &str) -> bool {
    format!("{:?} {:?}", request.headers, request.target).contains(secret)
}

#[tokio::test]
async fn a_credential_goes_to_its_own_upstream_and_to_no_other() {
    let busy = StatusCode::TOO_MANY_REQUESTS;
    let (a, b, c) = (answering("a", busy).await, answering("b", busy).await, named("c").await);
    let credential = |name: &str, url: &str, header: &str| {
        format!("[credentials.{name}]\nvalue = \"${{env:OF_{}}}\"\norigin = \"{url}\"\n{header}", name.to_uppercase())
    };
    let head = credential("a", &a.url(), "header = \"x-api-key\"\n") + &credential("b", &b.url(), "");
    let (to_a, to_b) = (with(&a.url(), "credential = \"a\""), with(&b.url(), "credential = \"b\""));
    let text = config(&[("a", &to_a), ("b", &to_b), ("c", &c.url())], &head, "");
    let files: [(&str, &[u8]); 2] = [("chooser.wasm", guests::CHOOSER), ("hostile.wasm", guests::HOSTILE)];
    let secrets = [("OF_A", "sk-secret-of-a"), ("OF_B", "sk-secret-of-b")];
    let gateway = Gateway::try_start(&text, &files, &secrets).unwrap();
    let fields = [("authorization", "Bearer of-the-client"), ("x-api-key", "of-the-client")];
    assert_eq!(ask(&gateway, Method::POST, &fields, "body").await.text(), "c");
    let [to_a, to_b, to_c] = [&a, &b, &c].map(|upstream| upstream.received().remove(0));
    assert_eq!(to_a.headers["x-api-key"], "sk-secret-of-a");
    assert_eq!(to_b.headers["authorization"], "Bearer sk-secret-of-b");
    assert!(!to_a.headers.contains_key("authorization") && !to_b.headers.contains_key("x-api-key"));
    for request in [&to_a, &to_b, &to_c] {
        assert!(!holds(request, "of-the-client"), "{request:?}");
    }
    assert!(!holds(&to_a, "sk-secret-of-b") && !holds(&to_b, "sk-secret-of-a"));
    assert!(!holds(&to_c, "sk-secret"), "{to_c:?}");
}
