//! `sluicegate dev`: a plugin that is changed while a gateway runs with it.

use sluicegate_tests::{Dev, NewCrate, Reply, Upstream, get, send};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

async fn with_team(address: &str, team: &str) -> Reply {
    let request = Request::get(format!("{address}/orders")).header("x-team", team);
    send(request.body(Full::<Bytes>::default()).unwrap()).await
}

/// One crate and one run, since each build takes a moment: what an author sees from the first request to the last.
#[tokio::test]
async fn an_author_sees_each_change_at_once() {
    let new = NewCrate::write("dev-request", "request");
    let mut dev = Dev::start(&new.folder(), &["--port", "0"]);
    let address = dev.wait_for_start();
    assert!(dev.written().contains(&format!("curl -sS -i {address}/orders -H ")), "{}", dev.written());

    // The service behind it answers with what it has received.
    let reply = with_team(&address, "blue").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let received = reply.json();
    assert_eq!((&received["method"], &received["path"]), (&"GET".into(), &"/orders".into()));
    assert_eq!(received["headers"]["x-team"], "blue");
    let line = dev.wait_for("GET /orders");
    assert!(line.contains("200  answered by upstream echo  team=blue") && line.ends_with(" ms"), "{line}");
    assert_eq!(get(&format!("{address}/orders")).await.status, 400);
    dev.wait_for("GET /orders  400  refused by dev-request: header_missing");

    // A change of the source.
    new.edit("src/lib.rs", "Rejection::new(400,", "Rejection::new(428,");
    let line = dev.wait_for("swapped: generation ");
    assert!(line.starts_with("swapped: generation 2 in ") && line.ends_with(" ms"), "{line}");
    assert_eq!(get(&format!("{address}/orders")).await.status, 428);

    // One that does not compile is shown, and the version before serves.
    new.edit("src/lib.rs", "Rejection::new(428,", "Rejection::newer(428,");
    dev.wait_for("no function or associated item named `newer`");
    dev.wait_for("not swapped: the version before goes on serving");
    assert_eq!(get(&format!("{address}/orders")).await.status, 428);

    // What the plugin logs, and a panic with its place.
    let panicking = "if value == \"panic\" {\n                    panic!(\"on purpose\");\n                }\n                \
                     sluicegate_plugin::log::info(\"seen\");\n                labels::set";
    new.edit("src/lib.rs", "Rejection::newer(428,", "Rejection::new(429,");
    new.edit("src/lib.rs", "labels::set", panicking);
    dev.wait_for("swapped: generation 3 in ");
    assert_eq!(with_team(&address, "blue").await.status, 200);
    dev.wait_for("dev-request info: seen");
    assert_eq!(with_team(&address, "panic").await.status, 500);
    let source = std::fs::read_to_string(new.folder().join("src/lib.rs")).unwrap();
    let number = 1 + source.lines().position(|line| line.contains("on purpose")).unwrap();
    let line = dev.wait_for("dev-request error: panicked at ");
    assert!(line.contains(&format!("src/lib.rs:{number}:")) && line.contains("on purpose"), "{line}");
    dev.wait_for("GET /orders  500  refused by dev-request: policy_failed");

    // What the plugin is told is a source, too; and a mistake in it has a place.
    new.edit("exchanges.toml", "header = \"x-team\"", "header = \"x team\"");
    dev.wait_for("refused at stage `configure`");
    dev.wait_for("must be the name of a header field");
    new.edit("exchanges.toml", "header = \"x team\"", "header = \"x-group\"");
    dev.wait_for("swapped: generation ");
    assert_eq!(with_team(&address, "blue").await.status, 429);

    // What `sluicegate plugin test` would refuse is refused.
    new.edit("exchanges.toml", "[config]", "isolatoin = \"pooled\"\n[config]");
    dev.wait_for("did you mean `isolation`?");
    dev.wait_for("not swapped: the version before goes on serving");
    new.edit("exchanges.toml", "isolatoin = \"pooled\"\n", "");
    assert!(dev.stop().success());
}

#[tokio::test]
async fn a_configuration_and_an_upstream_of_ones_own_are_taken() {
    let upstream = Upstream::ok().await;
    let new = NewCrate::write("dev-own", "request");
    // A key that is made for the run, and what the plugin learns of it.
    let place = "sluicegate_plugin::keys::Place::Authorization(\"Bearer\".to_owned())";
    let identify = format!(
        "if let Ok(owner) = sluicegate_plugin::keys::identify(&{place}) {{\n    labels::set(\"consumer\", &owner.consumer);\n}}\nlabels::set"
    );
    new.edit("src/lib.rs", "labels::set", &identify);
    new.edit("exchanges.toml", "[config]", "[[keys]]\nname = \"acme\"\nconsumer = \"acme-1\"\n\n[config]");
    new.edit(
        "exchanges.toml",
        "\"x-team\" = \"blue\"",
        "\"x-team\" = \"blue\", authorization = \"Bearer ${key:acme}\"",
    );
    let mut dev = Dev::start(&new.folder(), &["--port", "0", "--upstream", &upstream.url()]);
    let address = dev.wait_for_start();
    let written = dev.written();
    let key = written.split(['\'', ' ']).find(|word| word.starts_with("sg_")).expect("a key in the command");
    let request = Request::get(&address).header("x-team", "blue").header("authorization", format!("Bearer {key}"));
    assert_eq!(send(request.body(Full::<Bytes>::default()).unwrap()).await.text(), "ok");
    assert_eq!(upstream.received()[0].headers["x-team"], "blue");
    let line = dev.wait_for("GET /  200  answered by upstream upstream");
    assert!(line.contains("  consumer=acme-1  team=blue  "), "{line}");
    assert!(dev.stop().success());

    new.edit("sluicegate.toml", "http://127.0.0.1:3000", &upstream.url());
    new.edit("sluicegate.toml", "127.0.0.1:8080", "127.0.0.1:0");
    new.edit("sluicegate.toml", "x-team", "x-own");
    new.edit("sluicegate.toml", "[[chains.default]]", "[[chains.default]]\ngrants = [\"keys\"]");
    let mut dev = Dev::start(&new.folder(), &["--config", "sluicegate.toml"]);
    let address = dev.wait_for_start();
    assert_eq!(with_team(&address, "blue").await.status, 400);
    dev.wait_for("refused by dev-own: header_missing");
    assert!(dev.stop().success());

    new.edit("sluicegate.toml", "dev-own.wasm", "exchanges.toml");
    let said = new.say(&["dev", "--upstream", "nowhere"]);
    assert!(said.status == 1 && said.stderr.contains("`--upstream` must be a URL"), "{said:?}");
    let said = new.say(&["dev", "--config", "sluicegate.toml"]);
    assert!(said.status == 1 && said.stderr.contains("has no plugin with the file "), "{said:?}");
}
