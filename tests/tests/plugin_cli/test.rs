//! `sluicegate plugin test`.

use serde_json::Value;
use sluicegate_tests::{guests, sluicegate};

use super::{folder, say, shown};

/// Everything that a plugin can do, in a plugin that does as told.
const HOSTILE: &str = r#"
grants = ["identity-writer"]

[[exchanges]]
name = "a label and an identity"
request = { headers = { x-do = "head=identity" } }
expect = { decision = "proceed", labels = { identity = "*" } }

[[exchanges]]
name = "bodies are changed"
request = { method = "POST", path = "/a?b=c", headers = { x-do = "body=change,reply-body=change" }, body = "hello!" }
reply = { status = 201, body = "bye!" }
expect = { decision = "proceed", request_body = "hello! and more", reply_status = 201 }

[[exchanges]]
name = "a rejection"
request = { headers = { x-do = "head=reject" } }
expect = { decision = "reject", status = 401 }

[[exchanges]]
name = "nothing is expected"
request = { headers = { x-do = "head=reject" } }
"#;

const HEADERS: &str = r#"
[config]
request = [{ set = "x-a", value = "1" }, { set = "x-b", value = "2" }, { remove = "x-gone" }]
reply = [{ set = "x-frame-options", value = "DENY" }]

[[exchanges]]
name = "header fields of both heads"
request = { headers = { x-b = "1", x-gone = "1" } }
reply = {}
expect = { decision = "proceed", request_headers = { x-a = "1", x-gone = "" }, reply_headers = { x-frame-options = "DENY" } }

[[exchanges]]
name = "another config"
config = { request = [{ set = "x-c", value = "3" }] }
expect = { decision = "proceed", request_headers = { x-a = "", x-c = "3" } }
"#;

const API_KEY: &str = r#"
[[keys]]
name = "acme"
consumer = "acme"
scopes = ["read"]

[[keys]]
name = "gone"
consumer = "acme"
revoked = true

[[exchanges]]
name = "a key of the file is known"
request = { headers = { authorization = "Bearer ${key:acme}" } }
expect = { decision = "proceed" }

[[exchanges]]
name = "a revoked one is refused"
request = { headers = { authorization = "Bearer ${key:gone}" } }
expect = { decision = "reject", status = 401 }

[[exchanges]]
name = "so is none at all"
expect = { decision = "reject", status = 401 }
"#;

#[test]
fn everything_that_a_plugin_does_is_shown_and_a_failure_is_the_exit_status() {
    let files: [(&str, &[u8]); 2] = [("hostile.wasm", guests::HOSTILE), ("exchanges.toml", HOSTILE.as_bytes())];
    insta::assert_snapshot!("test_hostile", say(&files, &["plugin", "test", "hostile.wasm"]));
}

#[test]
fn changed_header_fields_are_shown_with_what_they_were() {
    let files: [(&str, &[u8]); 1] = [("exchanges.toml", HEADERS.as_bytes())];
    insta::assert_snapshot!("test_headers", say(&files, &["plugin", "test", "headers"]));
}

#[test]
fn keys_are_made_for_the_run_and_never_printed() {
    let files: [(&str, &[u8]); 1] = [("exchanges.toml", API_KEY.as_bytes())];
    let said = say(&files, &["plugin", "test", "api-key"]);
    insta::assert_snapshot!("test_api_key", said);

    // A plugin that writes what it is shown.
    let file = "[[keys]]\nname = \"acme\"\nconsumer = \"acme\"\n[[exchanges]]\nname = \"in a field of its own\"\n\
                request = { headers = { x-do = \"head=bytes\", x-bytes = \"${key:acme}\" } }\n";
    let files: [(&str, &[u8]); 2] = [("hostile.wasm", guests::HOSTILE), ("exchanges.toml", file.as_bytes())];
    let said = say(&files, &["plugin", "test", "hostile.wasm"]);
    assert!(said.contains("+ x-bytes-on: [secret]") && !said.contains("sg_test"), "{said}");
}

#[test]
fn a_trap_is_shown_with_the_message_of_the_panic() {
    let file = "[[exchanges]]\nname = \"it panics\"\nrequest = { headers = { x-do = \"head=trap\" } }\n";
    let files: [(&str, &[u8]); 2] = [("hostile.wasm", guests::HOSTILE), ("exchanges.toml", file.as_bytes())];
    let said = say(&files, &["plugin", "test", "hostile.wasm"]);
    for part in [
        "status: 1",
        "failed  it panics",
        "it failed in phase `head`: trap:",
        "told to trap in head",
        "0 passed, 1 failed",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn a_config_that_the_plugin_refuses_is_shown_at_its_place() {
    let file = HEADERS.replace("{ remove = \"x-gone\" }", "{ remove = \"x gone\" }");
    let files: [(&str, &[u8]); 1] = [("exchanges.toml", file.as_bytes())];
    insta::assert_snapshot!("test_refused_config", say(&files, &["plugin", "test", "headers"]));
    let files: [(&str, &[u8]); 1] = [("exchanges.toml", b"[[exchanges]]\nname = \"no config\"\n")];
    insta::assert_snapshot!("test_missing_config", say(&files, &["plugin", "test", "rate-limit"]));
}

#[test]
fn what_the_file_grants_and_limits_is_what_the_plugin_has() {
    let file = "grants = []\n[[exchanges]]\nname = \"one\"\n";
    let files: [(&str, &[u8]); 2] = [("hostile.wasm", guests::HOSTILE), ("exchanges.toml", file.as_bytes())];
    let said = say(&files, &["plugin", "test", "hostile.wasm"]);
    assert!(said.contains("it uses \"identity-writer\", which its chain entry does not grant"), "{said}");
    assert!(said.contains("--> exchanges.toml:3:8"), "{said}");
    let file = "limits = { cpu_max_ms = 5 }\n[[exchanges]]\nname = \"one\"\nrequest = { headers = { x-do = \"head=loop\" } }\n";
    let folder = folder(&[("hostile.wasm", guests::HOSTILE), ("exchanges.toml", file.as_bytes())]);
    let said = sluicegate(folder.path(), &["plugin", "test", "hostile.wasm"]);
    assert!(said.stdout.contains("one call used over 5 ms of CPU, its limit"), "{}", shown(&said));
}

#[test]
fn the_plan_of_a_plugin_that_orders_targets_is_shown_and_compared() {
    let file = "[config]\nchoose = \"b,a\"\n[[exchanges]]\nname = \"b first\"\nrequest = { targets = [\"a\", \"b\", \"c\"] }\n\
                expect = { decision = \"proceed\", plan = [\"b\", \"a\"] }\n\
                [[exchanges]]\nname = \"none is left\"\nconfig = { choose = \"none\" }\nrequest = { targets = [\"a\"] }\n\
                expect = { decision = \"proceed\", plan = [\"a\"] }\n";
    let files: [(&str, &[u8]); 2] = [("chooser.wasm", guests::CHOOSER), ("exchanges.toml", file.as_bytes())];
    let said = say(&files, &["plugin", "test", "chooser.wasm"]);
    assert!(said.contains("        plan      b, a\n") && said.contains("        plan      none is left\n"), "{said}");
    assert!(said.contains("expected the plan to be [\"a\"], and it is []"), "{said}");
    assert!(said.contains("1 passed, 1 failed"), "{said}");
}

#[test]
fn each_exchange_begins_with_new_counters() {
    let file = "[config]\nlimits = [{ name = \"one\", requests = 1, window_ms = 600000, by = \"route\" }]\n\
                [[exchanges]]\nname = \"one\"\nexpect = { decision = \"proceed\" }\n\
                [[exchanges]]\nname = \"two\"\nexpect = { decision = \"proceed\" }\n";
    let said = say(&[("exchanges.toml", file.as_bytes())], &["plugin", "test", "rate-limit"]);
    assert!(said.contains("2 passed, 0 failed"), "{said}");
}

#[test]
fn a_mistake_in_the_file_has_its_place_and_its_remedy() {
    let file = "gants = []\n[[keys]]\nname = \"acme\"\nconsumer = \"acme\"\n[[exchanges]]\nname = \"one\"\n\
                request = { headers = { authorization = \"Bearer ${key:acne}\" } }\nexpect = { decision = \"proceed\", status = 200 }\n\
                [[exchanges]]\nname = \"one\"\nrequest = { metod = \"GET\" }\n";
    let files: [(&str, &[u8]); 1] = [("exchanges.toml", file.as_bytes())];
    insta::assert_snapshot!("test_mistakes", say(&files, &["plugin", "test", "api-key"]));
    insta::assert_snapshot!(
        "test_no_exchanges",
        say(&[("exchanges.toml", b"[config]\n")], &["plugin", "test", "api-key"])
    );
    insta::assert_snapshot!("test_no_file", say(&[], &["plugin", "test", "api-key"]));
    insta::assert_snapshot!("test_other_file", say(&[], &["plugin", "test", "api-key", "--exchanges", "other.toml"]));
}

#[test]
fn the_crate_in_the_folder_says_which_plugin_it_is() {
    let manifest = b"[package]\nname = \"x-team\"\nversion = \"0.1.0\"\n";
    let exchanges = b"[[exchanges]]\nname = \"one\"\n[[exchanges]]\nname = \"two\"\n";
    let folder = folder(&[("Cargo.toml", &manifest[..]), ("exchanges.toml", exchanges)]);
    let said = sluicegate(folder.path(), &["plugin", "test"]);
    assert!(
        said.stderr.contains("x-team.wasm is not there: build it with `sluicegate plugin build`"),
        "{}",
        shown(&said)
    );
    std::fs::write(folder.path().join("x-team.wasm"), guests::HOSTILE).unwrap();
    let said = sluicegate(folder.path(), &["plugin", "test", "--only", "two"]);
    assert!(said.status == 0 && said.stdout.ends_with("0 passed, 0 failed, 1 shown\n"), "{}", shown(&said));
    assert!(said.stdout.starts_with("x-team.wasm, contract 0.1.0\n"), "{}", shown(&said));
    let said = sluicegate(folder.path(), &["plugin", "test", "--only", "three"]);
    assert!(said.stderr.contains("there is no exchange \"three\"; there is \"one\", \"two\""), "{}", shown(&said));
    std::fs::remove_file(folder.path().join("Cargo.toml")).unwrap();
    let said = sluicegate(folder.path(), &["plugin", "test"]);
    assert!(said.stderr.contains("name the plugin's file: there is no Cargo.toml"), "{}", shown(&said));
}

#[test]
fn programs_get_the_same_as_json() {
    let folder = folder(&[("hostile.wasm", guests::HOSTILE), ("exchanges.toml", HOSTILE.as_bytes())]);
    let said = sluicegate(folder.path(), &["plugin", "test", "hostile.wasm", "--json"]);
    assert_eq!(said.status, 1);
    let json: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!([&json["passed"], &json["failed"], &json["shown"]], [2, 1, 1]);
    let rejected = &json["exchanges"][2];
    assert_eq!((&rejected["result"], &rejected["decision"]), (&"failed".into(), &"reject".into()));
    assert_eq!((&rejected["status"], &rejected["code"]), (&418.into(), &"told_to_reject".into()));
    assert!(rejected["calls"][0]["microseconds"].as_f64().unwrap() > 0.0);
    assert_eq!(json["exchanges"][0]["identity"]["consumer"], "first");
}

#[test]
fn what_cannot_be_frozen_runs_pooled_unless_the_file_says_otherwise() {
    let exchanges = "grants = [\"clock\"]\n[[exchanges]]\nname = \"one\"\n";
    let files: [(&str, &[u8]); 2] = [("clerk.wasm", guests::CLERK), ("exchanges.toml", exchanges.as_bytes())];
    let said = say(&files, &["plugin", "test", "clerk.wasm"]);
    assert!(said.contains("(pooled, not frozen)"), "{said}");
    let wants = format!("isolation = \"request\"\n{exchanges}");
    let files: [(&str, &[u8]); 2] = [("clerk.wasm", guests::CLERK), ("exchanges.toml", wants.as_bytes())];
    let said = say(&files, &["plugin", "test", "clerk.wasm"]);
    assert!(said.contains("write isolation = \"pooled\"") && said.contains("status: 1"), "{said}");
}
