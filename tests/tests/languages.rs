//! The example plugins in JavaScript and Python: built by their toolchains, and asked over sockets in the real gateway.

use std::fs;
use std::path::{Path, PathBuf};

use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use sluicegate_tests::languages::{JAVASCRIPT, JAVASCRIPT_THAT_THROWS, Language, PYTHON, data_dir};
use sluicegate_tests::{Gateway, Reply, Said, Upstream, post, send, sluicegate};
use tempfile::TempDir;

/// A gateway on the example's own configuration, in front of an upstream of the test.
struct Running {
    gateway: Gateway,
    _data: TempDir,
}

/// The example's configuration with what a test must choose itself. `change` makes the rest of it.
fn config(language: &Language, upstream: &str, data: &Path, change: impl Fn(String) -> String) -> String {
    let text = fs::read_to_string(language.sources().join("sluicegate.toml")).expect("the configuration");
    let component = language.component();
    let name = component.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let replaced = [
        ("127.0.0.1:8080".to_owned(), "127.0.0.1:0".to_owned()),
        ("http://127.0.0.1:3000".to_owned(), upstream.to_owned()),
        (format!("\"{name}\""), format!("\"{}\"", component.display())),
    ];
    let text = replaced.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "no {from} in {text}");
        text.replace(from, to)
    });
    format!("data_dir = \"{}\"\n{}", data.display(), change(text))
}

fn start(language: &Language, upstream: &Upstream, change: impl Fn(String) -> String) -> Running {
    compile(language);
    let data = tempfile::tempdir().expect("a folder");
    let config = config(language, &upstream.url(), &data_dir(data.path()), change);
    Running { gateway: Gateway::start(&config, &[]), _data: data }
}

/// What `sluicegate check` says. It has no limit of time, other than the start of a gateway in a test.
fn check(language: &Language, change: impl Fn(String) -> String) -> Said {
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(language, "http://127.0.0.1:9", &data_dir(folder.path()), change);
    fs::write(folder.path().join("sluicegate.toml"), config).expect("the configuration");
    sluicegate(folder.path(), &["check"])
}

/// The code is the same for all configs, and once it is compiled, every start is quick.
fn compile(language: &Language) {
    let said = check(language, |config| config);
    assert_eq!(said.status, 0, "{}", said.stderr);
}

/// With so much memory, and time enough on a machine that is busy.
fn with_time(config: String, memory_bytes: u64) -> String {
    let limits = format!("limits = {{ memory_bytes_max = {memory_bytes}, cpu_max_ms = 10_000, wall_max_ms = 60_000 }}");
    config.lines().map(|line| if line.starts_with("limits") { &limits } else { line }.to_owned() + "\n").collect()
}

fn unchanged(config: String) -> String {
    config
}

async fn get(running: &Running, target: &str) -> Reply {
    send(Request::get(running.gateway.url(target)).body(Full::default()).expect("a request")).await
}

/// Answers 404 to `/missing` and 200 to all else.
async fn upstream() -> Upstream {
    Upstream::start(|request| {
        let status = if request.target.starts_with("/missing") { StatusCode::NOT_FOUND } else { StatusCode::OK };
        Response::builder().status(status).body(Full::default()).expect("an answer")
    })
    .await
}

#[tokio::test]
async fn a_policy_in_javascript_refuses_queries_and_edits_answers() {
    let upstream = upstream().await;
    let running = start(&JAVASCRIPT, &upstream, unchanged);
    let link = Some("<https://example.com/docs>; rel=\"help\"");
    for (query, message) in [
        ("?sort=name&limit=1000", "`limit` is a number from 1 to 999."),
        ("?sort=name&limit=7&limit=", "`limit` is a number from 1 to 999."),
        ("?sort=nam%65s", "The query member `sort` is missing or not valid."),
        ("", "The query member `sort` is missing or not valid."),
    ] {
        let refused = get(&running, &format!("/orders{query}")).await;
        let problem = refused.json();
        assert_eq!((refused.status.as_u16(), &problem["code"]), (400, &json!("query_invalid")), "{query}");
        assert_eq!((&problem["detail"], refused.header("link")), (&json!(message), link), "{query}");
        assert_eq!(problem["member"], if message.contains("limit") { "limit" } else { "sort" });
    }
    assert!(upstream.received().is_empty());
    let passed = get(&running, "/orders?sort=nam%65&limit=999&other=%ff").await;
    assert_eq!((passed.status.as_u16(), passed.header("link")), (200, None));
    let missing = get(&running, "/missing?sort=date").await;
    assert_eq!((missing.status.as_u16(), missing.header("link")), (404, link));
    let targets: Vec<String> = upstream.received().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/orders?sort=nam%65&limit=999&other=%ff", "/missing?sort=date"]);
}

#[test]
fn what_was_compiled_for_one_config_serves_the_next() {
    compile(&JAVASCRIPT);
    let folder = tempfile::tempdir().expect("a folder");
    let data = data_dir(folder.path());
    // A folder of its own, so that no other test writes there.
    let code = data.join("code");
    let shared = fs::read_link(&code).expect("a link");
    fs::remove_file(&code).and_then(|()| fs::create_dir(&code)).expect("a folder");
    let images = |folder: &Path| -> Vec<PathBuf> {
        let files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "image")).collect()
    };
    for image in images(&shared) {
        fs::hard_link(&image, code.join(image.file_name().expect("a name"))).expect("a link");
    }
    let before = images(&code).len();
    let config = config(&JAVASCRIPT, "http://127.0.0.1:9", &data, |config| config.replace("name|date", "price|date"));
    fs::write(folder.path().join("sluicegate.toml"), config).expect("the configuration");
    let said = sluicegate(folder.path(), &["check"]);
    assert_eq!((said.status, images(&code).len()), (0, before), "{}", said.stderr);
}

/// `error: … --> sluicegate.toml:LINE:COLUMN`, as text of the line and what is said about it.
fn complaint<'a>(said: &'a Said, message: &str) -> &'a str {
    assert_eq!(said.status, 1, "{}{}", said.stdout, said.stderr);
    let start = said.stderr.find(message).unwrap_or_else(|| panic!("no {message:?} in:\n{}", said.stderr));
    let rest = &said.stderr[start..];
    rest.lines().find(|line| line.contains(" | ")).unwrap_or_else(|| panic!("no line of the file in:\n{rest}"))
}

#[test]
fn a_rule_that_is_none_is_shown_by_check_with_its_line() {
    let said = check(&JAVASCRIPT, |config| config.replace("\"name|date\"", "\"name|(date\""));
    let line = complaint(&said, "This is no regular expression of JavaScript: ");
    assert!(line.contains("sort = { pattern = \"name|(date\""), "{line}");
    let said = check(&JAVASCRIPT, |config| config.replace("required = true", "requierd = true"));
    let line = complaint(&said, "A rule has the members pattern, required, message.");
    assert!(line.contains("requierd = true"), "{line}");
}

#[test]
fn a_member_that_is_no_name_is_shown_by_check_with_its_line() {
    let said = check(&PYTHON, |config| config.replace("\"iban\"", "7"));
    let line = complaint(&said, "The name of a member is a string.");
    assert!(line.contains("members = [\"card\", 7]"), "{line}");
    let said = check(&PYTHON, |config| config.replace("\"card\", \"iban\"", ""));
    complaint(&said, "Name at least one member whose values are to be masked.");
}

#[tokio::test]
async fn a_policy_in_python_masks_members_of_bodies_and_lets_nothing_else_through() {
    let upstream = upstream().await;
    let running = start(&PYTHON, &upstream, |config| with_time(config, 128 << 20));
    let url = running.gateway.url("/orders");
    let body = "{\"total\": 12.5, \"card\": \"4111\", \"name\": \"Zo\u{eb}\", \
                \"people\": [{\"iban\": {\"a\": 1}, \"n\": null}], \"x\": {\"card\": 1}, \"x\": true}";
    assert_eq!(post(&url, body).await.status, 200);
    let [received] = &upstream.received()[..] else { panic!("one request") };
    let masked: Value = serde_json::from_slice(&received.body).expect("JSON");
    let expected = json!({
        "total": 12.5, "card": "***", "name": "Zo\u{eb}", "people": [{ "iban": "***", "n": null }], "x": true
    });
    assert_eq!(masked, expected);
    // What a second member of the same name would hide from the policy is not sent on either.
    assert_eq!(String::from_utf8_lossy(&received.body).matches("\"x\"").count(), 1);
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let hidden = format!("{}\"]]]\\\"]]]\"", "[\"]\",".repeat(2_000));
    for body in ["{\"card\": 4111", "1e999", "\"\\ud800\"", "\u{feff}1", &deep, &hidden] {
        let refused = post(&url, body.to_owned()).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (400, &json!("body_not_json")), "{body:.20}");
    }
    let form = Request::builder().method(Method::POST).uri(&url).header("content-type", "text/csv");
    let refused = send(form.body(Full::from("card\n4111")).expect("a request")).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (415, &json!("body_not_json")));
    let wide = format!("[{}[]]", "[],".repeat((1 << 20) / 3 - 10));
    assert_eq!(post(&url, wide.clone()).await.status, 200);
    assert_eq!(post(&url, wide + &" ".repeat(100)).await.status, 413);
    assert_eq!(upstream.received().len(), 2);
    assert!(running.gateway.log().iter().all(|line| line["fault"] != "plugin"), "{:#?}", running.gateway.log());
}

/// The request is refused, the client is not told why, and the operator is; the next request meets a new instance.
async fn failed(running: &Running, refused: Reply, kind: &str, messages: &[&str]) {
    let problem = refused.json();
    assert_eq!((refused.status.as_u16(), &problem["code"]), (500, &json!("policy_failed")));
    for message in messages {
        let line = running.gateway.wait_for_stderr(message);
        assert!(line.contains(" plugin: ") && !refused.text().contains(message), "{line}");
    }
    running.gateway.wait_for_stderr(&format!("kind=\"{kind}\""));
}

#[tokio::test]
async fn an_exception_in_javascript_fails_its_request_and_is_told_to_the_operator() {
    let upstream = upstream().await;
    let running = start(&JAVASCRIPT_THAT_THROWS, &upstream, unchanged);
    for _ in 0..2 {
        let refused = get(&running, "/orders?throw").await;
        failed(&running, refused, "trap", &["a mistake of its author", "onHead"]).await;
        assert_eq!(get(&running, "/orders?sort=name").await.status, 200);
    }
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn an_exception_in_python_fails_its_request_and_is_told_to_the_operator() {
    let upstream = upstream().await;
    let running = start(&PYTHON, &upstream, |config| with_time(config, 20 << 20));
    let url = running.gateway.url("/orders");
    let refused = post(&url, format!("[{}[]]", "[],".repeat(300_000))).await;
    failed(&running, refused, "memory", &["MemoryError", "on_body"]).await;
    assert_eq!(post(&url, "[]").await.status, 200);
}

#[tokio::test]
async fn a_policy_in_python_serves_each_request_from_a_fresh_instance_where_that_is_wanted() {
    let upstream = upstream().await;
    let each_its_own =
        |config: String| with_time(config, 64 << 20).replace("isolation = \"pooled\"", "isolation = \"request\"");
    let said = check(&PYTHON, each_its_own);
    assert_eq!(said.status, 0, "{}", said.stderr);
    let running = start(&PYTHON, &upstream, each_its_own);
    for _ in 0..3 {
        assert_eq!(post(&running.gateway.url("/orders"), "{\"card\": 4111}").await.status, 200);
    }
    assert!(upstream.received().iter().all(|request| request.body == "{\"card\": \"***\"}"));
}
