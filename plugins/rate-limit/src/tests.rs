//! What callers within and over a limit meet.

use serde_json::{Value, json};
use sluicegate_plugin::testing::{self, Configured, Exchange, Host};

use super::*;

fn policy(limits: Value) -> Configured<RateLimit> {
    testing::configure(json!({ "limits": limits })).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn limit(name: &str, requests: u64, window_ms: u64, by: &str) -> Value {
    json!({ "name": name, "requests": requests, "window_ms": window_ms, "by": by })
}

fn refusal(decision: Decision) -> Rejection {
    match decision {
        Decision::Reject(rejection) => rejection,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

fn field(rejection: &Rejection, name: &str) -> String {
    let field = rejection.fields.iter().find(|field| field.name == name);
    field.map(|field| String::from_utf8_lossy(&field.value).into_owned()).unwrap_or_default()
}

fn passes(policy: &Configured<RateLimit>, exchange: Exchange) -> bool {
    let mut exchange = exchange;
    policy.head(&mut exchange) == Decision::Proceed
}

#[test]
fn requests_pass_up_to_the_limit_and_again_when_the_window_is_over() {
    let host = Host::new();
    let policy = policy(json!([limit("burst", 2, 60_000, "address")]));
    let request = || Exchange::new("GET", "/").on(&host);
    assert!(passes(&policy, request()) && passes(&policy, request()));
    assert!(!passes(&policy, request()));
    host.advance(Duration::from_millis(59_999));
    assert!(!passes(&policy, request()));
    host.advance(Duration::from_millis(1));
    assert!(passes(&policy, request()));
}

#[test]
fn a_refusal_says_which_limit_and_when_to_come_again() {
    let host = Host::new();
    let policy = policy(json!([limit("burst", 1, 60_000, "global")]));
    assert!(passes(&policy, Exchange::new("GET", "/").on(&host)));
    host.advance(Duration::from_millis(18_500));
    let rejection = refusal(policy.head(&mut Exchange::new("GET", "/").on(&host)));
    assert_eq!((rejection.status, rejection.code.as_str()), (429, "rate_limit_exceeded"));
    assert_eq!(rejection.message, "The limit \"burst\" of 1 requests in 1m0s is reached. Try again in 41.5s.");
    assert_eq!(rejection.retry_after_ms, Some(41_500));
    assert_eq!(
        rejection.problem_type.as_deref(),
        Some("https://iana.org/assignments/http-problem-types#quota-exceeded")
    );
    assert_eq!(rejection.details[0].name, "violated-policies");
    assert_eq!(rejection.details[0].json, r#"["burst"]"#);
    assert_eq!(field(&rejection, "ratelimit-policy"), "\"burst\";q=1;w=60");
    assert_eq!(field(&rejection, "ratelimit"), "\"burst\";r=0;t=42");
    assert_eq!(field(&rejection, "x-ratelimit-limit-requests"), "1");
    assert_eq!(field(&rejection, "x-ratelimit-remaining-requests"), "0");
    assert_eq!(field(&rejection, "x-ratelimit-reset-requests"), "41.5s");
}

#[test]
fn an_answer_tells_what_is_left_even_if_it_took_long() {
    let host = Host::new();
    let policy = policy(json!([limit("burst", 100, 60_000, "global"), limit("daily", 5, 86_400_000, "global")]));
    let mut exchange = Exchange::new("GET", "/").on(&host);
    assert_eq!(policy.head(&mut exchange), Decision::Proceed);
    host.advance(Duration::from_secs(10));
    exchange.reply(200, &[("x-ratelimit-limit-requests", "the upstream's own")]);
    assert_eq!(policy.reply_head(&mut exchange), Decision::Proceed);
    assert_eq!(
        exchange.reply_header("ratelimit-policy").as_deref(),
        Some("\"burst\";q=100;w=60, \"daily\";q=5;w=86400")
    );
    assert_eq!(exchange.reply_header("ratelimit").as_deref(), Some("\"burst\";r=99;t=50, \"daily\";r=4;t=86390"));
    assert_eq!(exchange.reply_headers("x-ratelimit-limit-requests"), ["5"]);
    assert_eq!(exchange.reply_header("x-ratelimit-remaining-requests").as_deref(), Some("4"));
    assert_eq!(exchange.reply_header("x-ratelimit-reset-requests").as_deref(), Some("23h59m50s"));
}

#[test]
fn an_answer_to_a_request_that_was_never_counted_tells_nothing() {
    let policy = policy(json!([limit("burst", 1, 1_000, "global")]));
    let mut exchange = Exchange::new("GET", "/");
    exchange.reply(404, &[]);
    assert_eq!(policy.reply_head(&mut exchange), Decision::Proceed);
    assert_eq!(exchange.reply_header("ratelimit"), None);
}

#[test]
fn a_request_that_one_limit_refuses_uses_up_nothing_of_the_others() {
    let host = Host::new();
    let policy = policy(json!([limit("wide", 3, 60_000, "global"), limit("narrow", 1, 1_000, "global")]));
    let request = || Exchange::new("GET", "/").on(&host);
    assert!(passes(&policy, request()));
    for _ in 0..10 {
        let rejection = refusal(policy.head(&mut request()));
        assert_eq!(rejection.details[0].json, r#"["narrow"]"#);
        assert_eq!(rejection.retry_after_ms, Some(1_000));
        assert_eq!(field(&rejection, "ratelimit"), "\"wide\";r=2;t=60, \"narrow\";r=0;t=1");
    }
    host.advance(Duration::from_secs(1));
    assert!(passes(&policy, request()));
}

#[test]
fn when_several_limits_refuse_the_longest_wait_is_told() {
    let host = Host::new();
    let policy = policy(json!([limit("short", 1, 1_000, "global"), limit("long", 1, 60_000, "global")]));
    assert!(passes(&policy, Exchange::new("GET", "/").on(&host)));
    let rejection = refusal(policy.head(&mut Exchange::new("GET", "/").on(&host)));
    assert_eq!(rejection.details[0].json, r#"["short","long"]"#);
    assert_eq!(rejection.retry_after_ms, Some(60_000));
    assert_eq!(field(&rejection, "x-ratelimit-reset-requests"), "1m0s");
}

#[test]
fn each_key_consumer_route_address_and_header_value_has_its_own_counter() {
    type Make = fn(Exchange, &str) -> Exchange;
    let cases: [(&str, Make); 5] = [
        ("key", |exchange, value| exchange.identity("key", value)),
        ("consumer", |exchange, value| exchange.identity("consumer", value)),
        ("route", |exchange, value| exchange.route(value)),
        ("address", |exchange, value| exchange.client_address(value)),
        ("header:X-Tenant", |exchange, value| exchange.header("x-tenant", value)),
    ];
    for (by, make) in cases {
        let host = Host::new();
        let policy = policy(json!([limit("one", 1, 1_000, by)]));
        let request = |value: &str| make(Exchange::new("GET", "/").on(&host), value);
        assert!(passes(&policy, request("a")), "{by}");
        assert!(!passes(&policy, request("a")), "{by}");
        assert!(passes(&policy, request("b")), "{by}");
    }
}

#[test]
fn a_caller_whom_nobody_knows_is_refused_where_callers_are_counted() {
    for by in ["key", "consumer"] {
        let policy = policy(json!([limit("one", 1, 1_000, by)]));
        assert_eq!(policy.setup().requires, ["identity"]);
        let rejection = refusal(policy.head(&mut Exchange::new("GET", "/")));
        assert_eq!((rejection.status, rejection.code.as_str()), (401, "identity_required"));
    }
    assert!(policy(json!([limit("one", 1, 1_000, "address")])).setup().requires.is_empty());
}

#[test]
fn the_addresses_of_one_ipv6_network_share_a_counter() {
    let host = Host::new();
    let policy = policy(json!([limit("one", 1, 1_000, "address")]));
    let request = |address| Exchange::new("GET", "/").on(&host).client_address(address);
    assert!(passes(&policy, request("2001:db8:1:2::1")));
    assert!(!passes(&policy, request("2001:db8:1:2:ffff::9")));
    assert!(passes(&policy, request("2001:db8:1:3::1")));
    assert!(passes(&policy, request("::ffff:192.0.2.7")));
    assert!(!passes(&policy, request("192.0.2.7")));
}

#[test]
fn a_missing_and_an_overlong_header_have_one_counter_each() {
    let host = Host::new();
    let policy = policy(json!([limit("one", 1, 1_000, "header:x-tenant")]));
    let with = |value: &str| Exchange::new("GET", "/").on(&host).header("x-tenant", value);
    assert!(passes(&policy, Exchange::new("GET", "/").on(&host)));
    assert!(!passes(&policy, Exchange::new("GET", "/").on(&host)));
    assert!(passes(&policy, with(&"a".repeat(257))));
    assert!(!passes(&policy, with(&"b".repeat(300))));
    assert!(passes(&policy, with(&"a".repeat(256))));
    assert!(passes(&policy, with("header-absent")));
}

#[test]
fn durations_read_as_model_sdks_expect() {
    for (ms, text) in
        [(0, "0ms"), (12, "12ms"), (1_000, "1s"), (1_050, "1.05s"), (360_000, "6m0s"), (3_600_000, "1h0m0s")]
    {
        assert_eq!(fields::duration(ms), text);
    }
}

#[test]
fn every_mistake_in_the_config_is_found_where_it_stands() {
    let found = |config: Value| -> Vec<String> {
        let problems = testing::configure::<RateLimit>(config).err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.pointer).collect()
    };
    let limits = json!([
        limit("a b", 0, 0, "nobody"),
        limit("ok", 1, 1, "header:authorization"),
        limit("twice", 1, 1, "global"),
        limit("twice", 1, 1, "global"),
        limit("wide", 1_000_000_000_000_000, 366 * 24 * 3_600_000 + 1, "header:"),
    ]);
    let pointers = found(json!({ "limits": limits }));
    assert_eq!(
        pointers,
        [
            "/limits/0/name",
            "/limits/0/requests",
            "/limits/0/window_ms",
            "/limits/0/by",
            "/limits/1/by",
            "/limits/3/name",
            "/limits/4/requests",
            "/limits/4/window_ms",
            "/limits/4/by"
        ]
    );
    assert_eq!(found(json!({ "limits": [] })), ["/limits"]);
    assert_eq!(found(json!({ "limits": vec![limit("a", 1, 1, "global"); 17] }))[0], "/limits");
    assert_eq!(found(json!({})), [""]);
    let problems = testing::configure::<RateLimit>(json!({ "limits": ["burst"] })).err().unwrap_or_default();
    assert_eq!(problems[0].message, "`limits[0]`: invalid type: string \"burst\", expected a table.");
    assert_eq!(found(json!({ "limits": [{ "name": "a", "requests": -1 }] })), ["/limits/0/requests"]);
}

#[test]
fn the_schema_takes_what_is_configured_and_refuses_what_is_refused() {
    let schema = testing::config_schema::<RateLimit>();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let good = || limit("burst", 5, 1000, "key");
    let with = |name: &str, value: Value| {
        let mut limit = good();
        limit[name] = value;
        (false, json!({ "limits": [limit] }))
    };
    let cases = [
        (true, json!({ "limits": [good()] })),
        (true, json!({ "limits": [limit("a-B_9", 999_999_999_999_999, 31_622_400_000, "header:X-Team")] })),
        (true, json!({ "limits": [limit("a", 1, 1, "consumer"), limit("b", 1, 1, "global")] })),
        (false, json!({})),
        (false, json!({ "limits": [] })),
        (false, json!({ "limits": (0..17).map(|n| limit(&format!("n{n}"), 1, 1, "route")).collect::<Vec<_>>() })),
        (false, json!({ "limits": [good()], "limit": 1 })),
        (false, json!({ "limits": good() })),
        (false, json!({ "limits": [{ "name": "a", "requests": 1, "window_ms": 1 }] })),
        with("name", json!("")),
        with("name", json!("a b")),
        with("name", json!("a".repeat(65))),
        with("requests", json!(0)),
        with("requests", json!(1_000_000_000_000_000_u64)),
        with("requests", json!("5")),
        with("requests", json!(1.5)),
        with("window_ms", json!(31_622_400_001_u64)),
        with("window_ms", json!(-1)),
        with("by", json!("nobody")),
        with("by", json!("header:")),
        with("by", json!("header:a b")),
        with("unit", json!("s")),
    ];
    for (taken, config) in cases {
        assert_eq!(testing::configure::<RateLimit>(config.clone()).is_ok(), taken, "{config}");
        assert_eq!(validator.is_valid(&config), taken, "the schema and {config}");
    }
}
