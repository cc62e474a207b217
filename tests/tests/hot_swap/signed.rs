//! Signed plugins over changes and rollbacks.

use std::fs;

use sluicegate_tests::{Gateway, Said, sluicegate};

use crate::support::*;

#[tokio::test]
async fn a_plugin_and_its_signature_change_one_after_the_other_and_a_rollback_has_the_old_signature() {
    let upstream = ok().await;
    let headers = sluicegate::bundled::bundled("headers").unwrap();
    let other = [headers, &[0, 3, 1, b'x', 0]].concat();
    let workshop = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| -> Said {
        let said = sluicegate(workshop.path(), words);
        assert_eq!(said.status, 0, "{words:?}: {said:?}");
        said
    };
    let trust = run(&["plugin", "key", "new", "signer.key"]).stdout;
    let signature = |wasm: &[u8]| {
        fs::write(workshop.path().join("mine.wasm"), wasm).unwrap();
        run(&["plugin", "sign", "--key", "signer.key", "mine.wasm"]);
        fs::read(workshop.path().join("mine.wasm.sig")).unwrap()
    };
    let plugin = "[plugins.mine]\nfile = \"mine.wasm\"\n";
    let text =
        versioned(&upstream.url(), "one").replace("plugin = \"headers\"", "plugin = \"mine\"\ngrants = [\"identity\"]");
    let text = format!("{plugin}{trust}require_signed = true\n{text}");
    let gateway = Gateway::start(&text, &[("mine.wasm", headers), ("mine.wasm.sig", &signature(headers))]);
    let digest = async || summary(&gateway).await["routes"][0]["chain"][0]["digest"].clone();
    let first = digest().await;

    let new = signature(&other);
    fs::write(gateway.folder().join("mine.wasm"), &other).unwrap();
    gateway.wait_for_stderr("refused at stage `signature`, entry `versioned`; generation 1 goes on serving");
    fs::write(gateway.folder().join("mine.wasm.sig"), new).unwrap();
    gateway.wait_for_stderr("serves new requests (file)");
    assert_ne!(digest().await, first);

    assert_eq!(ask(&gateway, &["config", "rollback", "1"])["origin"], "rollback to 1");
    assert_eq!(digest().await, first);
    assert_eq!(version(&gateway).await, "one");
}
