//! The bundled plugins, as clients meet them.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use sluicegate_tests::{Gateway, Key, Reply, Upstream, config, new_key, send};

/// A route whose chain is `entries`, each a table of `[[chains.all]]`.
fn chain(upstream: &str, entries: &[&str], dialect: &str, keys: &[&Key]) -> String {
    let entries: String = entries.iter().map(|entry| format!("[[chains.all]]\n{entry}\n")).collect();
    let keys: String = keys.iter().map(|key| format!("{}\n", key.table)).collect();
    format!("{entries}{keys}{}", config::route(upstream, &format!("chain = \"all\"\ndialect = \"{dialect}\"")))
}

async fn ask(gateway: &Gateway, target: &str, fields: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(gateway.url(target));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    send(request.body(Full::<Bytes>::default()).unwrap()).await
}

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

#[tokio::test]
async fn a_key_is_accepted_at_each_of_its_places() {
    let upstream = Upstream::ok().await;
    let key = new_key("acme", &["read"]);
    let entries = ["plugin = \"api-key\""];
    let gateway = Gateway::start(&chain(&upstream.url(), &entries, "http", &[&key]), &[]);
    let (bearer, key_text) = (bearer(&key.key), key.key.as_str());
    for (name, value) in [
        ("authorization", bearer.as_str()),
        ("x-api-key", key_text),
        ("api-key", key_text),
        ("x-goog-api-key", key_text),
    ] {
        assert_eq!(ask(&gateway, "/", &[(name, value)]).await.status, 200, "{name}");
    }
    assert_eq!(ask(&gateway, &format!("/?key={key_text}"), &[]).await.status, 200);
    let log = gateway.wait_for_log(5);
    for line in &log {
        assert_eq!((&line["key_id"], &line["consumer"]), (&key.id.as_str().into(), &"acme".into()));
    }
    assert!(upstream.received().iter().all(|request| !format!("{request:?}").contains(key_text)));
}

#[tokio::test]
async fn a_key_that_is_missing_wrong_expired_or_revoked_is_401_with_a_reason() {
    let upstream = Upstream::ok().await;
    let (good, mut expired, mut revoked) = (new_key("a", &[]), new_key("b", &[]), new_key("c", &[]));
    let stranger = new_key("d", &[]);
    expired.table.push_str("expires = 2020-01-01T00:00:00Z\n");
    revoked.table.push_str("revoked = true\n");
    let keys = [&good, &expired, &revoked];
    let entries = ["plugin = \"api-key\"\nconfig = { realm = \"models\" }"];
    let gateway = Gateway::start(&chain(&upstream.url(), &entries, "openai", &keys), &[]);
    let mut mistyped = good.key.clone();
    mistyped.replace_range(20..21, if &mistyped[20..21] == "x" { "y" } else { "x" });
    for (presented, sentence) in [
        (None, "No API key was sent. Send one in the header `Authorization: Bearer YOUR_KEY`."),
        (Some("sg_wrong"), "This API key is not valid. Check that it was copied whole."),
        (Some(mistyped.as_str()), "This API key is not valid. Check that it was copied whole."),
        (Some(stranger.key.as_str()), "This API key is not valid. Check that it was copied whole."),
        (Some(expired.key.as_str()), "This API key has expired. Ask for a new one."),
        (Some(revoked.key.as_str()), "This API key has been revoked. Ask for a new one."),
    ] {
        let field = presented.map(bearer);
        let fields: Vec<(&str, &str)> = field.iter().map(|value| ("authorization", value.as_str())).collect();
        let reply = ask(&gateway, "/", &fields).await;
        let error = reply.json();
        assert_eq!((reply.status.as_u16(), &error["error"]["message"]), (401, &sentence.into()));
        assert_eq!(error["error"]["code"], "invalid_api_key");
        let challenge = reply.header("www-authenticate").unwrap();
        let expected = if presented.is_some() { ", error=\"invalid_token\"" } else { "" };
        assert_eq!(challenge, format!("Bearer realm=\"models\"{expected}"));
    }
    let log = gateway.wait_for_log(6);
    for line in &log {
        assert_eq!((&line["decided_by"], &line["fault"]), (&"api-key".into(), &"policy".into()));
        assert_eq!((&line["outcome"], &line["consumer"]), (&"rejected".into(), &Value::Null));
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_key_without_the_scopes_is_403_and_anonymous_callers_pass_where_they_may() {
    let upstream = Upstream::ok().await;
    let (reader, writer) = (new_key("a", &["read"]), new_key("b", &["read", "write"]));
    let entries = ["plugin = \"api-key\"\nconfig = { scopes = { all = [\"read\", \"write\"] } }"];
    let gateway = Gateway::start(&chain(&upstream.url(), &entries, "http", &[&reader, &writer]), &[]);
    let refused = ask(&gateway, "/", &[("x-api-key", &reader.key)]).await;
    let problem = refused.json();
    assert_eq!((refused.status.as_u16(), &problem["code"]), (403, &"insufficient_scope".into()));
    assert_eq!(
        (&problem["detail"], &problem["missing_scopes"]),
        (&"This API key lacks the scope write.".into(), &json!(["write"]))
    );
    assert_eq!(ask(&gateway, "/", &[("x-api-key", &writer.key)]).await.status, 200);

    let entries = ["plugin = \"api-key\"\nconfig = { allow_anonymous = true }"];
    let gateway = Gateway::start(&chain(&upstream.url(), &entries, "http", &[&reader]), &[]);
    assert_eq!(ask(&gateway, "/", &[]).await.status, 200);
    assert_eq!(ask(&gateway, "/", &[("x-api-key", "sg_wrong")]).await.status, 401);
    assert_eq!(ask(&gateway, "/", &[("x-api-key", &reader.key)]).await.status, 200);
    let consumers: Vec<Value> = gateway.wait_for_log(3).iter().map(|line| line["consumer"].clone()).collect();
    assert_eq!(consumers, [Value::Null, Value::Null, "a".into()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_requests_at_once_exactly_as_many_pass_as_the_limit_says() {
    for isolation in ["pooled", "request"] {
        let upstream = Upstream::ok().await;
        let entry = format!(
            "plugin = \"rate-limit\"\nisolation = \"{isolation}\"\nconfig = {{ limits = [{{ name = \"burst\", requests = 50, \
             window_ms = 600000, by = \"route\" }}] }}"
        );
        let gateway = Gateway::start(&chain(&upstream.url(), &[&entry], "http", &[]), &[]);
        let url = gateway.url("/");
        let asking: Vec<_> = (0..200)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { sluicegate_tests::get(&url).await.status.as_u16() })
            })
            .collect();
        let mut counts: BTreeMap<u16, u32> = BTreeMap::new();
        for asked in asking {
            *counts.entry(asked.await.unwrap()).or_default() += 1;
        }
        assert_eq!(counts, BTreeMap::from([(200, 50), (429, 150)]), "{isolation}");
        assert_eq!(upstream.received().len(), 50, "{isolation}");
        gateway.wait_for_log(200);
    }
}

#[tokio::test]
async fn each_key_consumer_address_and_header_has_a_count_of_its_own() {
    let upstream = Upstream::ok().await;
    let keys = [new_key("acme", &[]), new_key("acme", &[]), new_key("other", &[])];
    let refs: Vec<&Key> = keys.iter().collect();
    let limit = |by: &str| {
        format!(
            "plugin = \"rate-limit\"\nconfig = {{ limits = [{{ name = \"one\", requests = 1, window_ms = 600000, by = \"{by}\" }}] }}"
        )
    };
    // By (key index, header value) of each request in turn: whether it passes.
    let cases: [(&str, &[(usize, &str, u16)]); 5] = [
        ("key", &[(0, "a", 200), (1, "a", 200), (0, "b", 429), (2, "a", 200)]),
        ("consumer", &[(0, "a", 200), (1, "a", 429), (2, "a", 200), (2, "b", 429)]),
        ("header:x-tenant", &[(0, "a", 200), (1, "a", 429), (1, "b", 200), (2, "b", 429)]),
        ("address", &[(0, "a", 200), (1, "b", 429)]),
        ("global", &[(0, "a", 200), (2, "b", 429)]),
    ];
    for (by, requests) in cases {
        let entry = limit(by);
        let gateway = Gateway::start(&chain(&upstream.url(), &["plugin = \"api-key\"", &entry], "http", &refs), &[]);
        for (number, (key, tenant, status)) in requests.iter().enumerate() {
            let fields = [("x-api-key", keys[*key].key.as_str()), ("x-tenant", tenant)];
            assert_eq!(ask(&gateway, "/", &fields).await.status, *status, "by {by}, request {number}");
        }
    }
}

#[tokio::test]
async fn a_reached_limit_says_so_in_the_fields_and_the_dialect_that_clients_read() {
    let upstream = Upstream::ok().await;
    let entry = "plugin = \"rate-limit\"\nconfig = { limits = [{ name = \"burst\", requests = 2, window_ms = 60000, by = \"route\" }] }";
    for dialect in ["http", "openai"] {
        let gateway = Gateway::start(&chain(&upstream.url(), &[entry], dialect, &[]), &[]);
        let first = ask(&gateway, "/", &[]).await;
        assert_eq!(first.header("ratelimit-policy"), Some("\"burst\";q=2;w=60"));
        assert_eq!(first.header("ratelimit"), Some("\"burst\";r=1;t=60"));
        assert_eq!(first.header("x-ratelimit-limit-requests"), Some("2"));
        assert_eq!(first.header("x-ratelimit-remaining-requests"), Some("1"));
        assert!(first.header("x-ratelimit-reset-requests").is_some());
        ask(&gateway, "/", &[]).await;
        let refused = ask(&gateway, "/", &[]).await;
        assert_eq!((refused.status.as_u16(), refused.header("x-ratelimit-remaining-requests")), (429, Some("0")));
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        let body = refused.json();
        if dialect == "http" {
            assert_eq!(body["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
            assert_eq!(body["violated-policies"], json!(["burst"]));
            assert_eq!((&body["status"], &body["code"]), (&429.into(), &"rate_limit_exceeded".into()));
        } else {
            let error = body["error"].as_object().unwrap();
            let names: Vec<&str> = error.keys().map(String::as_str).collect();
            assert_eq!(error.len(), 4, "{names:?}");
            assert_eq!((&error["code"], &error["param"]), (&"rate_limit_exceeded".into(), &Value::Null));
            assert!(error["message"].is_string() && error["type"].is_string());
        }
        let log = gateway.wait_for_log(3);
        assert_eq!((&log[2]["code"], &log[2]["decided_by"]), (&"rate_limit_exceeded".into(), &"rate-limit".into()));
    }
}

#[tokio::test]
async fn a_request_that_one_limit_refuses_uses_up_nothing_of_the_others() {
    let upstream = Upstream::ok().await;
    let entry = "plugin = \"rate-limit\"\nconfig = { limits = [\
                 { name = \"all\", requests = 3, window_ms = 600000, by = \"route\" }, \
                 { name = \"each\", requests = 1, window_ms = 600000, by = \"header:x-tenant\" }] }";
    let gateway = Gateway::start(&chain(&upstream.url(), &[entry], "http", &[]), &[]);
    let mut passed = Vec::new();
    for tenant in ["a", "a", "a", "a", "b", "c", "d"] {
        passed.push(ask(&gateway, "/", &[("x-tenant", tenant)]).await.status.as_u16());
    }
    assert_eq!(passed, [200, 429, 429, 429, 200, 200, 429]);
}

#[tokio::test]
async fn fields_are_set_appended_renamed_and_removed_on_request_and_answer() {
    let upstream = Upstream::start(|_| {
        let answer =
            http::Response::builder().header("server", "secret/1.0").header("x-old", "kept").header("vary", "accept");
        answer.body(Full::<Bytes>::default()).unwrap()
    })
    .await;
    let key = new_key("acme", &["read", "write"]);
    let entry = r#"plugin = "headers"
[chains.all.config]
request = [
  { set = "x-consumer", value = "${identity.consumer}" },
  { set = "x-scopes", value = "<${identity.scopes}>" },
  { append = "x-many", value = "${request.method} ${request.path} ${exchange.route}" },
  { rename = "x-tenant", to = "x-customer" },
  { remove = "x-debug" },
  { set = "x-team", value = "${identity.team}" },
  { set = "x-price", value = "$$5" },
]
reply = [
  { set = "x-status", value = "${reply.status} for ${identity.key}" },
  { append = "vary", value = "x-customer" },
  { rename = "x-old", to = "x-new" },
  { remove = "server" },
  { set = "x-id", value = "${exchange.id}" },
]
"#;
    let gateway = Gateway::start(&chain(&upstream.url(), &["plugin = \"api-key\"", entry], "http", &[&key]), &[]);
    let fields = [
        ("x-api-key", key.key.as_str()),
        ("x-consumer", "forged"),
        ("x-team", "forged"),
        ("x-many", "first"),
        ("x-tenant", "t1"),
        ("x-debug", "1"),
        ("x-request-id", "id-1"),
    ];
    let reply = ask(&gateway, "/p", &fields).await;
    let seen = upstream.received().remove(0).headers;
    let all = |name: &str| seen.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!((all("x-consumer"), all("x-price")), (vec!["acme"], vec!["$5"]));
    assert_eq!(all("x-scopes").len(), 1);
    assert_eq!(all("x-many"), ["first", "GET /p all"]);
    assert_eq!((all("x-customer"), all("x-tenant"), all("x-debug")), (vec!["t1"], vec![], vec![]));
    assert!(all("x-team").is_empty(), "nobody sends a team that the gateway does not know");
    assert_eq!(reply.header("x-status"), Some(format!("200 for {}", key.id).as_str()));
    let vary: Vec<_> = reply.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["accept", "x-customer"]);
    assert_eq!((reply.header("x-new"), reply.header("x-old"), reply.header("server")), (Some("kept"), None, None));
    assert_eq!(reply.header("x-id"), Some("id-1"));
    // A refusal passes the entries in front of the one that refused, and no others.
    let refused = ask(&gateway, "/p", &[]).await;
    assert_eq!((refused.status.as_u16(), refused.header("x-status")), (401, None));
    assert_eq!(gateway.wait_for_log(2)[0]["plugins"], json!(["api-key", "headers"]));
    assert_eq!(gateway.log()[1]["plugins"], json!(["api-key"]));
}

#[tokio::test]
async fn an_answer_in_front_reaches_a_refusal_from_behind() {
    let upstream = Upstream::ok().await;
    let cors = "plugin = \"headers\"\nconfig = { reply = [{ set = \"access-control-allow-origin\", value = \"*\" }] }";
    let gateway = Gateway::start(&chain(&upstream.url(), &[cors, "plugin = \"api-key\""], "http", &[]), &[]);
    let refused = ask(&gateway, "/", &[]).await;
    assert_eq!((refused.status.as_u16(), refused.header("access-control-allow-origin")), (401, Some("*")));
}
