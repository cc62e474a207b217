//! Secrets of the gateway and of its clients: where they go, and where they never stand.

use std::fs;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use sluicegate_tests::{Gateway, Raw, RawUpstream, Received, Reply, Upstream, config, get, new_key, send};

const SECRET: &str = "sk-provider+Z9/q7=planted";

fn to_everything(gateway: &Gateway, target: &str, key: &str) -> impl Future<Output = Reply> + use<> {
    let request = Request::get(gateway.url(target))
        .header("authorization", format!("Bearer {key}"))
        .header("proxy-authorization", format!("Basic {key}"))
        .header("x-api-key", key)
        .header("api-key", key)
        .header("x-goog-api-key", key)
        .header("cookie", "session=of-the-user")
        .body(Full::<Bytes>::default())
        .unwrap();
    send(request)
}

fn has(request: &Received, text: &str) -> bool {
    request.target.contains(text) || request.headers.values().any(|value| contains(value.as_bytes(), text.as_bytes()))
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digits = (0..=chunk.len()).map(|at| DIGITS[(bits >> (18 - 6 * at) & 63) as usize] as char);
        digits.collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The secret as it is, and as it could be written by accident. Base64 also inside a longer text: its three alignments.
fn forms(secret: &str) -> Vec<String> {
    let aligned = (0..3).map(|skip| {
        let padded = [&[b' '; 2][..skip], secret.as_bytes()].concat();
        let digits = base64(&padded);
        // The outermost digits also depend on what stands beside.
        digits[4..digits.len() - 4].to_owned()
    });
    let mut forms: Vec<String> = aligned.collect();
    forms.extend([
        secret.to_owned(),
        percent(secret),
        percent(secret).to_lowercase(),
        format!("{:?}", secret.as_bytes()),
    ]);
    forms
}

#[tokio::test]
async fn the_gateways_credential_takes_the_place_of_what_the_client_presents() {
    for (value, prefix) in [("${env:PLANTED}", ""), ("${file:planted.key}", "header = \"x-api-key\"\n")] {
        let upstream = Upstream::ok().await;
        let bystander = Upstream::ok().await;
        let config = format!(
            "[credentials.provider]\nvalue = \"{value}\"\norigin = \"{url}\"\n{prefix}[upstreams.service]\nurl = \"{url}\"\n\
             credential = \"provider\"\n[upstreams.other]\nurl = \"{other}\"\n[[routes]]\nname = \"all\"\nupstream = \
             \"service\"\n[[routes]]\nname = \"other\"\npath = \"/other\"\nupstream = \"other\"\n",
            url = upstream.url(),
            other = bystander.url()
        );
        let secret_line = format!("{SECRET}\n");
        let files: [(&str, &[u8]); 1] = [("planted.key", secret_line.as_bytes())];
        let gateway = Gateway::try_start(&config, &files, &[("PLANTED", SECRET)]).unwrap();
        to_everything(&gateway, "/x?key=of-the-client&a=1&%6bey=of-the-client", "of-the-client").await;
        to_everything(&gateway, "/other?key=of-the-client", "of-the-client").await;
        let seen = upstream.received().remove(0);
        match prefix {
            "" => assert_eq!(seen.headers["authorization"], format!("Bearer {SECRET}")),
            _ => assert_eq!(seen.headers["x-api-key"], SECRET),
        }
        assert!(!has(&seen, "of-the-client"), "{seen:?}");
        assert_eq!(seen.target, "/x?a=1");
        assert_eq!(seen.headers["cookie"], "session=of-the-user");
        let elsewhere = bystander.received().remove(0);
        assert!(!has(&elsewhere, SECRET) && !has(&elsewhere, "of-the-client"), "{elsewhere:?}");
        assert_eq!(elsewhere.target, "/other");
    }
}

#[tokio::test]
async fn what_a_route_forwards_goes_on_and_nothing_else() {
    let upstream = Upstream::ok().await;
    let lines = "credential_places = [\"x-token\", \"?ticket\"]\nforward_credentials = [\"x-api-key\", \"?ticket\"]";
    let gateway = Gateway::start(&config::route(&upstream.url(), lines), &[]);
    let request = Request::get(gateway.url("/?ticket=t1&key=k1&b=2"))
        .header("authorization", "Bearer a1")
        .header("x-api-key", "x1")
        .header("x-token", "x-t1")
        .header("cookie", "c1")
        .body(Full::<Bytes>::default())
        .unwrap();
    send(request).await;
    let seen = upstream.received().remove(0);
    assert_eq!(seen.headers["x-api-key"], "x1");
    let members: Vec<&str> = seen.target.trim_start_matches("/?").split('&').collect();
    assert!(members.contains(&"ticket=t1") && members.contains(&"b=2") && members.len() == 2, "{}", seen.target);
    for gone in ["authorization", "x-token", "cookie"] {
        assert!(!seen.headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn a_credential_that_is_missing_stops_the_start_and_names_its_source() {
    let upstream = Upstream::ok().await;
    let config = |value: &str| {
        format!(
            "[credentials.provider]\nvalue = \"{value}\"\norigin = \"{url}\"\n{}",
            config::service(&upstream.url(), "credential = \"provider\""),
            url = upstream.url()
        )
    };
    for (value, sentence) in [
        ("${env:SLUICEGATE_NOT_SET}", "environment variable SLUICEGATE_NOT_SET is not set"),
        ("${file:not-there.key}", "not-there.key"),
    ] {
        let said = Gateway::try_start(&config(value), &[], &[]).err().expect("it does not start");
        assert!(said.contains("`provider`") && said.contains(sentence), "{said}");
    }
}

/// Everything that the process wrote or answered, at the loudest log, on good ways and on bad ones.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_ever_stands_in_a_log_an_error_a_metric_or_an_admin_answer() {
    // Answers with what it was sent, in several failing ways.
    let echo = |request: &Received| {
        let field = request.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let said = field.unwrap_or_default();
        Response::builder()
            .status(if request.target.starts_with("/fail") { 500 } else { 401 })
            .header("x-reason", "bad key")
            .body(Full::new(format!("Incorrect API key provided: {said}").into()))
            .unwrap()
    };
    let upstream = Upstream::start(echo).await;
    let broken = RawUpstream::start(|mut connection, _| async move {
        let head = connection.read_head().await;
        let line = head.lines().find(|line| line.starts_with("authorization")).unwrap_or_default().to_owned();
        // A head that cannot be read, with the secret in it.
        connection.write(format!("HTTP/1.1 nonsense {line}\r\n{line}\u{0}\r\n\r\n")).await;
    })
    .await;
    let key = new_key("acme", &[]);
    let config = format!(
        r#"
[admin]
address = "127.0.0.1:0"
[credentials.provider]
value = "${{env:PLANTED}}"
origin = "{url}"
[credentials.broken]
value = "${{file:planted.key}}"
origin = "{broken}"
[upstreams.service]
url = "{url}"
credential = "provider"
[upstreams.broken]
url = "{broken}"
credential = "broken"
[[chains.keys]]
plugin = "api-key"
[[chains.keys]]
plugin = "headers"
config = {{ request = [{{ set = "x-consumer", value = "${{identity.consumer}}" }}] }}
[[routes]]
name = "all"
chain = "keys"
upstream = "service"
[[routes]]
name = "broken"
path = "/broken"
upstream = "broken"
[[routes]]
name = "open"
path = "/open"
upstream = "service"
{table}
"#,
        url = upstream.url(),
        broken = broken.url(),
        table = key.table
    );
    let environment = [("PLANTED", SECRET), ("SLUICEGATE_LOG", "trace")];
    let gateway = Gateway::try_start(&config, &[("planted.key", SECRET.as_bytes())], &environment).unwrap();
    let client_secret = "client-presented-Q8x2";
    let replies = [
        to_everything(&gateway, "/good?key=query-presented-Q8x2", &key.key).await,
        to_everything(&gateway, "/fail", &key.key).await,
        to_everything(&gateway, "/wrong", client_secret).await,
        to_everything(&gateway, "/broken", client_secret).await,
        to_everything(&gateway, "/open?key=query-presented-Q8x2", client_secret).await,
        to_everything(&gateway, "/a//b?key=query-presented-Q8x2", client_secret).await,
    ];
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(statuses, [401, 500, 401, 502, 401, 400]);
    // A head that hyper refuses, with a key in it.
    let mut client = Raw::connect(gateway.address()).await;
    client.write(format!("GET / HTTP/1.1\r\nauthorization: Bearer {client_secret}\r\nbro ken: 1\r\n\r\n")).await;
    client.read_to_end().await;

    let token = gateway.admin_token();
    let mut admin = String::new();
    for path in ["/metrics", "/config", "/health", "/nothing"] {
        let request = Request::get(format!("{}{path}", gateway.admin()))
            .header("authorization", format!("Bearer {token}"))
            .body(Full::<Bytes>::default())
            .unwrap();
        let reply = send(request).await;
        admin.push_str(&format!("{:?} {}", reply.headers, reply.text()));
    }
    admin.push_str(&get(&format!("{}/config", gateway.admin())).await.text());
    gateway.wait_for_log(6);
    let folder = gateway.folder().to_owned();
    gateway.signal("TERM");
    // Read before the folder goes with the gateway.
    let access_log = || fs::read_to_string(folder.join("access.log")).unwrap();
    let log_text = access_log();
    let (status, _, stderr) = gateway.wait();
    assert!(status.success());
    let stderr = stderr.join("\n");
    assert!(stderr.contains("upstream `broken` broke the exchange"), "{stderr}");
    // The answers of an upstream go to the client as they are; those of the gateway itself are among what is searched.
    let own: String = [2, 3, 5].map(|at: usize| format!("{:?} {}", replies[at].headers, replies[at].text())).concat();
    for (name, text) in [("stderr", &stderr), ("access log", &log_text), ("admin", &admin), ("errors", &own)] {
        for secret in [SECRET, client_secret, "query-presented-Q8x2", key.key.as_str(), token.as_str()] {
            for form in forms(secret) {
                if let Some(at) = text.find(&form) {
                    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
                    let line = text[start..].lines().next().unwrap_or_default();
                    panic!("{name} holds {form} of {secret}: {line}");
                }
            }
        }
    }
}
