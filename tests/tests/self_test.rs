//! A plugin that fails a self-test of its entry never serves, and the message says what was expected and what came instead.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use sluicegate_tests::{Gateway, Said, Upstream, ask_admin, config, guests, new_key, send, sluicegate};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

/// What `check` says of one chain. All tests share the cache of compiled plugins.
fn check(chain: &str) -> Said {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("self-test");
        fs::create_dir_all(folder.join(".sluicegate")).unwrap();
        fs::write(folder.join("hostile.wasm"), guests::HOSTILE).unwrap();
        folder
    });
    static CHECKS: AtomicUsize = AtomicUsize::new(0);
    let name = format!("check-{}.toml", CHECKS.fetch_add(1, Ordering::Relaxed));
    fs::write(FOLDER.join(&name), whole("http://127.0.0.1:1", chain)).unwrap();
    sluicegate(&FOLDER, &["check", "-c", &name])
}

fn whole(upstream: &str, chain: &str) -> String {
    format!(
        "access_log = \"file:access.log\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n\
         [plugins.hostile]\nfile = \"hostile.wasm\"\n{chain}\n{}",
        config::route(upstream, "chain = \"all\"")
    )
}

/// One entry with one test.
fn entry(head: &str, test: &str) -> String {
    format!("[[chains.all]]\n{head}\n[[chains.all.self_tests]]\nname = \"it works\"\n{test}\n")
}

const MARKS: &str = "plugin = \"headers\"\nconfig = { request = [{ set = \"x-a\", value = \"1\" }, { remove = \"x-gone\" }], reply = \
                     [{ set = \"x-b\", value = \"2\" }] }";
const HOSTILE: &str = "plugin = \"hostile\"\ngrants = [\"identity-writer\"]";
const REPLY: &str = "reply = { status = 201, headers = { x-c = \"3\" }, body = \"hello!\" }";

#[test]
fn every_kind_of_expectation_can_hold() {
    let tests = [
        (MARKS, "expect = { decision = \"proceed\", request_headers = { x-a = \"1\" } }".to_owned()),
        (
            MARKS,
            "request = { method = \"POST\", path = \"/v1/x?y=z\", headers = { x-gone = \"1\" }, body = \"b\" }\n\
             expect = { decision = \"proceed\", request_headers = { x-a = \"*\", x-gone = \"\" }, request_body = \"b\" }"
                .to_owned(),
        ),
        (
            MARKS,
            format!(
                "{REPLY}\nexpect = {{ decision = \"proceed\", reply_status = 201, reply_headers = {{ x-b = \"2\", x-c = \"3\" }}, \
                 reply_body = \"hello!\" }}"
            ),
        ),
        (
            HOSTILE,
            "request = { headers = { x-do = \"head=reject\" } }\n\
             expect = { decision = \"reject\", status = 418, code = \"told_to_reject\" }"
                .to_owned(),
        ),
        (
            HOSTILE,
            "request = { headers = { x-do = \"body=change\" }, body = \"hello!\" }\n\
             expect = { decision = \"proceed\", request_body = \"hello! and more\" }"
                .to_owned(),
        ),
        (
            HOSTILE,
            format!(
                "request = {{ headers = {{ x-do = \"reply-body=change,head=identity\" }} }}\n{REPLY}\n\
                 expect = {{ decision = \"proceed\", reply_body = \"hello! and more\", labels = {{ identity = \"[true, false]\", \
                 none = \"\" }} }}"
            ),
        ),
        (
            "plugin = \"rate-limit\"\nconfig = { limits = [{ name = \"one\", requests = 1, window_ms = 600000, by = \"consumer\" }] }",
            "identity = { consumer = \"acme\" }\nexpect = { decision = \"proceed\" }".to_owned(),
        ),
    ];
    for (head, test) in tests {
        // What requires an identity needs an entry before it that provides one.
        let chain = format!("[[chains.all]]\nplugin = \"api-key\"\n{}", entry(head, &test));
        let said = check(&chain);
        assert_eq!(said.status, 0, "{test}\n{}", said.stderr);
    }
}

#[test]
fn a_test_runs_the_phases_in_the_order_of_the_gateway_and_sends_heads_where_it_does() {
    let witness = "witness = true";
    let all = "method = \"POST\", body = \"b\", targets = [\"one\"]";
    let saw = |phases: &str| format!("saw = \"{phases} finish\"");
    let set = |act: &str| format!("headers = {{ x-do = \"{act}=set\" }}, body = \"hello!\", targets = [\"one\"]");
    let (streamed, buffered) = ("", "body = \"buffered\", reply_body = \"buffered\"");
    let witness_buffered = format!("{witness}, {buffered}");
    let cases = [
        // What streams is sent once there is a target, and an answer that is empty has an end.
        (witness, all.to_owned(), "", saw("head route body reply-head reply-body")),
        (&witness_buffered, all.to_owned(), "", saw("head body route reply-head reply-body")),
        (witness, "method = \"HEAD\"".to_owned(), "body = \"b\"", saw("head reply-head")),
        (witness, String::new(), "status = 204", saw("head reply-head")),
        // Whether a field of the request and one of the answer can still be set.
        (streamed, set("route"), "", "set = \"[true, false]\"".to_owned()),
        (streamed, set("body"), "", "set = \"[false, false]\"".to_owned()),
        (buffered, set("body"), "", "set = \"[true, false]\"".to_owned()),
        (streamed, set("reply-head"), "", "set = \"[false, true]\"".to_owned()),
        (streamed, set("reply-body"), "body = \"bye!\"", "set = \"[false, false]\"".to_owned()),
        (buffered, set("reply-body"), "body = \"bye!\"", "set = \"[false, true]\"".to_owned()),
    ];
    for (config, request, reply, label) in cases {
        let head = format!("{HOSTILE}\nconfig = {{ {config} }}");
        let test = format!(
            "request = {{ {request} }}\nreply = {{ {reply} }}\nexpect = {{ decision = \"proceed\", labels = {{ {label} }} }}"
        );
        let said = check(&entry(&head, &test));
        assert_eq!(said.status, 0, "{config}\n{test}\n{}", said.stderr);
    }
}

#[test]
fn every_kind_of_expectation_can_fail_and_says_what_came_instead() {
    let rejects = "request = { headers = { x-do = \"head=reject\" } }\n";
    let cases = [
        (
            HOSTILE,
            "expect = { decision = \"reject\", status = 401 }",
            "expected `reject` with status 401, and it decided `proceed`",
        ),
        (
            HOSTILE,
            &format!("{rejects}expect = {{ decision = \"proceed\" }}"),
            "expected `proceed`, and it decided `reject` with status 418 and code `told_to_reject`",
        ),
        (
            HOSTILE,
            &format!("{rejects}expect = {{ decision = \"reject\", code = \"blocked\" }}"),
            "expected `reject` and code `blocked`, and it decided `reject` with status 418 and code `told_to_reject`",
        ),
        (
            MARKS,
            "expect = { decision = \"proceed\", request_headers = { x-a = \"2\" } }",
            "expected the header of the request `x-a` to be `2`, and it is `1`",
        ),
        (
            MARKS,
            "expect = { decision = \"proceed\", request_headers = { x-a = \"\" } }",
            "expected no header of the request `x-a`, and it is `1`",
        ),
        (
            MARKS,
            "expect = { decision = \"proceed\", request_headers = { x-z = \"*\" } }",
            "expected a header of the request `x-z`, and it is not there",
        ),
        (
            MARKS,
            &format!("{REPLY}\nexpect = {{ decision = \"proceed\", reply_headers = {{ x-b = \"3\" }} }}"),
            "expected the header of the answer `x-b` to be `3`, and it is `2`",
        ),
        (
            MARKS,
            &format!("{REPLY}\nexpect = {{ decision = \"proceed\", reply_status = 200 }}"),
            "expected 200 as the answer's status, and it is 201",
        ),
        (
            MARKS,
            &format!("{REPLY}\nexpect = {{ decision = \"proceed\", reply_body = \"bye\" }}"),
            "expected the answer's body to be `bye`, and it is `hello!`",
        ),
        (
            HOSTILE,
            "request = { body = \"hello\" }\nexpect = { decision = \"proceed\", request_body = \"bye\" }",
            "expected the request's body to be `bye`, and it is `hello`",
        ),
        (
            HOSTILE,
            "expect = { decision = \"proceed\", labels = { seen = \"yes\" } }",
            "expected the label `seen` to be `yes`, and it is not there",
        ),
        (
            HOSTILE,
            "request = { headers = { x-do = \"head=trap\" } }\nexpect = { decision = \"proceed\" }",
            "it failed in phase `head`: trap:",
        ),
        (
            HOSTILE,
            "request = { headers = { x-do = \"finish=loop\" } }\nexpect = { decision = \"proceed\" }",
            "it failed in phase `finish`: cpu:",
        ),
    ];
    for (head, test, sentence) in cases {
        let said = check(&entry(head, test));
        assert_eq!(said.status, 1, "{test}\n{}", said.stderr);
        let plugin = head.split('"').nth(1).unwrap();
        let whole = format!("plugin `{plugin}` fails the self-test \"it works\": {sentence}");
        assert!(said.stderr.contains(&whole), "{whole}\n{}", said.stderr);
        assert!(said.stderr.contains("--> check-") && said.stderr.contains("name = \"it works\""), "{}", said.stderr);
    }
}

#[test]
fn a_canary_must_pass_the_tests_of_its_entry_or_its_own() {
    let test = "expect = { decision = \"proceed\", request_headers = { x-a = \"1\" } }";
    let canary = "[chains.all.canary]\nweight = 5\nconfig = { request = [{ set = \"x-a\", value = \"2\" }] }\n";
    let said = check(&format!("{}{canary}", entry(MARKS, test)));
    assert!(said.stderr.contains("plugin `headers` (canary) fails the self-test \"it works\""), "{}", said.stderr);
    let own = "[[chains.all.canary.self_tests]]\nname = \"its own\"\nexpect = { decision = \"proceed\", request_headers = { x-a = \"2\" } }\n";
    let said = check(&format!("{}{canary}{own}", entry(MARKS, test)));
    assert_eq!(said.status, 0, "{}", said.stderr);
}

#[test]
fn what_a_test_presents_does_not_stand_in_its_message() {
    let head = "plugin = \"hostile\"\ngrants = [\"identity-writer\", \"credentials-in-clear\"]";
    let test = "request = { headers = { x-api-key = \"sg_hidden\" } }\nexpect = { decision = \"proceed\", labels = { x = \"sg_hidden\" } }";
    let said = check(&entry(head, test));
    assert!(said.stderr.contains("expected the label `x` to be `[secret]`"), "{}", said.stderr);
}

#[test]
fn a_gateway_whose_plugin_fails_its_test_does_not_start() {
    let chain = entry(HOSTILE, "request = { headers = { x-do = \"head=trap\" } }\nexpect = { decision = \"proceed\" }");
    let config = whole("http://127.0.0.1:1", &chain);
    let said = Gateway::try_start(&config, &[("hostile.wasm", guests::HOSTILE)], &[]).err().expect("it must not start");
    assert!(said.contains("fails the self-test"), "{said}");
}

#[tokio::test]
async fn a_test_leaves_no_counter_no_metric_and_no_warm_instance_behind() {
    let upstream = Upstream::ok().await;
    let key = new_key("acme", &[]);
    let limit = "plugin = \"rate-limit\"\nconfig = { limits = [{ name = \"one\", requests = 1, window_ms = 600000, by = \"route\" }] }";
    let canary = "isolation = \"pooled\"\nplugin = \"hostile\"\ngrants = [\"identity-writer\"]";
    let chain = format!(
        "{}{}{}",
        entry(limit, "expect = { decision = \"proceed\" }"),
        // A pooled instance that keeps what a request showed it.
        entry(
            canary,
            "request = { headers = { x-do = \"head=canary\", x-secret = \"of the test\" } }\nexpect = { decision = \"proceed\" }"
        ),
        key.table
    );
    let gateway = Gateway::start(&whole(&upstream.url(), &chain), &[("hostile.wasm", guests::HOSTILE)]);
    let text = ask_admin(&gateway, "/metrics").await.text();
    for series in ["sluicegate_policy_call_seconds_count", "sluicegate_policy_decisions_total", "sluicegate_plugin_"] {
        assert!(!text.lines().any(|line| line.starts_with(series)), "{series} in {text}");
    }
    assert!(text.contains("sluicegate_counter_entries 0"), "{text}");
    let request = Request::get(gateway.url("/")).header("x-do", "head=canary").body(Full::<Bytes>::default()).unwrap();
    assert_eq!(send(request).await.status, 200, "the test took nothing of the quota");
    let log = gateway.wait_for_log(1);
    assert_eq!(log.len(), 1, "a test has no line in the access log");
    assert_eq!(log[0]["labels"]["canary"], "nothing", "the instance of the test serves nobody");
}

#[test]
fn a_test_ends_after_10_seconds_whatever_its_entry_allows() {
    let head = format!("{HOSTILE}\nlimits = {{ cpu_max_ms = 60000, wall_max_ms = 60000 }}");
    let said =
        check(&entry(&head, "request = { headers = { x-do = \"head=loop\" } }\nexpect = { decision = \"proceed\" }"));
    assert!(said.stderr.contains("it took over 10 seconds, which is the limit of one test"), "{}", said.stderr);
}

#[test]
fn sixty_four_tests_of_one_entry_run() {
    let tests: String = (0..64)
        .map(|number| {
            format!("[[chains.all.self_tests]]\nname = \"test {number}\"\nexpect = {{ decision = \"proceed\" }}\n")
        })
        .collect();
    let said = check(&format!("[[chains.all]]\n{MARKS}\n{tests}"));
    assert_eq!(said.status, 0, "{}", said.stderr);
}
