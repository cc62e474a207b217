//! Credentials that a swap has replaced, while exchanges of the former generation still run.

use sluicegate_tests::{Gateway, Raw, RawUpstream};

use crate::support::*;

const FORMER: &str = "sk-former-7Gq2-Zk81";
const NEXT: &str = "sk-next-4Wd9-Lm30";

/// Begins a stream of a model, and once it is told to, ends it with an error that repeats the credential that it was sent.
async fn repeating() -> RawUpstream {
    RawUpstream::start(|mut raw: Raw, notes| async move {
        let head = raw.read_head().await;
        let field = head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization")).unwrap_or_default();
        let credential = field.rsplit(' ').next().unwrap_or_default().to_owned();
        let chunk = |event: &str| format!("{:x}\r\ndata: {event}\n\n\r\n", event.len() + 8);
        raw.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let delta = r#"{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"hello"}}]}"#;
        raw.write(chunk(delta)).await;
        notes.wait_for("swapped").await;
        let error = format!(r#"{{"error":{{"message":"Incorrect API key: {credential}","type":"invalid_request_error","code":"bad"}}}}"#);
        raw.write(chunk(&error)).await;
        raw.write("0\r\n\r\n").await;
        notes.add(credential);
    })
    .await
}

#[tokio::test]
async fn a_generations_secrets_stay_redacted_after_a_swap() {
    let provider = repeating().await;
    let config = format!(
        r#"
[admin]
address = "127.0.0.1:0"
[credentials.provider]
value = "${{file:former.key}}"
origin = "{url}"
[providers.main]
kind = "openai"
url = "{url}/v1"
credentials = ["provider"]
[models.assistant]
targets = [{{ provider = "main", model = "m" }}]
[[routes]]
name = "models"
models = ["*"]
"#,
        url = provider.url()
    );
    let files = [("former.key", FORMER.as_bytes()), ("next.key", NEXT.as_bytes())];
    let gateway = Gateway::try_start(&config, &files, &[("SLUICEGATE_LOG", "debug")]).unwrap();
    let call = r#"{"model":"assistant","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    let mut client = Raw::connect(gateway.address()).await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json";
    client.write(format!("{head}\r\ncontent-length: {}\r\n\r\n{call}", call.len())).await;
    client.read_until("hello").await;

    assert_eq!(push(&gateway, &edited(&gateway, "former.key", "next.key")).status, 0);
    provider.notes.add("swapped");
    let told = client.read_to_end().await.text();
    provider.notes.wait_for(FORMER).await;
    assert!(told.contains("Incorrect API key: [redacted]"), "{told}");

    let access_log = format!("{:?}", gateway.wait_for_log(1));
    let admin = command(&gateway, &["generations"]).stdout + &summary(&gateway).await.to_string();
    gateway.signal("TERM");
    let (_, _, stderr) = gateway.wait();
    let stderr = stderr.join("\n");
    assert!(stderr.contains("Incorrect API key: [redacted]"), "{stderr}");
    for (name, text) in [("client", told), ("stderr", stderr), ("access log", access_log), ("admin", admin)] {
        assert!(!text.contains(FORMER) && !text.contains(NEXT), "{name}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_told_without_the_secrets_that_it_alone_has() {
    // Sends whoever asks for the plugin to a path that is the credential, where there is nothing.
    let server = RawUpstream::start(|mut raw: Raw, _| async move {
        let head = raw.read_head().await;
        let field =
            head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization")).unwrap_or_default();
        let credential = field.rsplit(' ').next().unwrap_or_default();
        let answer = match head.starts_with("GET /p.wasm ") {
            true => format!("302 Found\r\nlocation: /{credential}"),
            false => "404 Not Found".to_owned(),
        };
        raw.write(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n")).await;
    })
    .await;
    let files = [("next.key", NEXT.as_bytes())];
    let gateway = Gateway::try_start(&versioned("http://127.0.0.1:9", "one"), &files, &[]).unwrap();
    let plugin = format!(
        "[credentials.server]\nvalue = \"${{file:next.key}}\"\norigin = \"{url}\"\n[plugins.there]\n\
         url = \"{url}/p.wasm\"\nsha256 = \"{}\"\ncredential = \"server\"\n",
        "0".repeat(64),
        url = server.url()
    );
    let text = edited(&gateway, "plugin = \"headers\"\n", "plugin = \"there\"\n") + &plugin;
    let said = push(&gateway, &text);
    assert_ne!(said.status, 0);
    assert!(said.stderr.contains("/[redacted] answered 404"), "{}", said.stderr);
    let admin = summary(&gateway).await.to_string();
    gateway.signal("TERM");
    let stderr = gateway.wait().2.join("\n");
    for (name, text) in [("command", said.stderr), ("stderr", stderr), ("admin", admin)] {
        assert!(!text.contains(NEXT), "{name}: {text}");
    }
}
