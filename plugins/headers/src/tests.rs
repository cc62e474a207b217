//! What becomes of header fields.

use serde_json::{Value, json};
use sluicegate_plugin::Rejection;
use sluicegate_plugin::testing::{self, Configured, Exchange};

use super::*;

fn policy(config: Value) -> Configured<Headers> {
    testing::configure(config).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn problems(config: Value) -> Vec<(String, String)> {
    let problems = testing::configure::<Headers>(config).err().unwrap_or_default();
    problems.into_iter().map(|problem| (problem.pointer, problem.message)).collect()
}

/// The field `x` that a request has when its template is rendered.
fn rendered(template: &str, exchange: Exchange) -> Option<String> {
    let mut exchange = exchange;
    let policy = policy(json!({ "request": [{ "set": "x", "value": template }] }));
    assert_eq!(policy.head(&mut exchange), Decision::Proceed);
    exchange.request_header("x")
}

fn refusal(decision: Decision) -> Rejection {
    match decision {
        Decision::Reject(rejection) => rejection,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[test]
fn the_four_operations_run_in_their_order() {
    let policy = policy(json!({ "request": [
        { "set": "X-A", "value": "1" },
        { "append": "x-a", "value": "2" },
        { "rename": "x-a", "to": "X-B" },
        { "remove": "x-c" }
    ]}));
    let mut exchange = Exchange::new("GET", "/").header("x-a", "old").header("x-b", "replaced").header("x-c", "gone");
    assert_eq!(policy.head(&mut exchange), Decision::Proceed);
    assert_eq!(exchange.request_headers("x-a"), Vec::<String>::new());
    assert_eq!(exchange.request_headers("x-b"), ["1", "2"]);
    assert_eq!(exchange.request_header("x-c"), None);
}

#[test]
fn a_rename_without_a_value_leaves_the_other_name_alone() {
    let policy = policy(json!({ "request": [{ "rename": "x-a", "to": "x-b" }] }));
    let mut exchange = Exchange::new("GET", "/").header("x-b", "stays");
    assert_eq!(policy.head(&mut exchange), Decision::Proceed);
    assert_eq!(exchange.request_header("x-b").as_deref(), Some("stays"));
}

#[test]
fn every_placeholder_has_its_value() {
    let exchange = || {
        Exchange::new("PUT", "/a/b?q=1")
            .authority("shop.test:8080")
            .header("x-tenant", "t1")
            .identity("consumer", "acme")
            .identity("claim.https://x.test/role", "admin")
            .id("e-7")
            .route("orders")
            .client_address("192.0.2.9")
    };
    let cases = [
        ("${identity.consumer}", "acme"),
        ("${identity.claim.https://x.test/role}", "admin"),
        ("${request.header.X-Tenant}", "t1"),
        ("${request.method} ${request.path}", "PUT /a/b"),
        ("${request.authority}", "shop.test:8080"),
        ("${exchange.id}/${exchange.route}", "e-7/orders"),
        ("for=${client.address}", "for=192.0.2.9"),
        ("5 $$ and $${client.address}", "5 $ and ${client.address}"),
        ("", ""),
    ];
    for (template, value) in cases {
        assert_eq!(rendered(template, exchange()).as_deref(), Some(value), "{template}");
    }
}

#[test]
fn a_value_that_is_absent_takes_away_what_the_client_sent_in_its_place() {
    assert_eq!(rendered("${identity.consumer}", Exchange::new("GET", "/").header("x", "admin")), None);
}

#[test]
fn a_value_that_is_absent_appends_nothing() {
    let policy = policy(json!({ "request": [{ "append": "x", "value": "${identity.team}" }] }));
    let mut exchange = Exchange::new("GET", "/").header("x", "own");
    assert_eq!(policy.head(&mut exchange), Decision::Proceed);
    assert_eq!(exchange.request_headers("x"), ["own"]);
}

#[test]
fn an_absent_part_may_stand_as_empty_text() {
    let policy =
        policy(json!({ "request": [{ "set": "x", "value": "team=${identity.team};", "when_empty": "empty" }] }));
    let mut exchange = Exchange::new("GET", "/");
    assert_eq!(policy.head(&mut exchange), Decision::Proceed);
    assert_eq!(exchange.request_header("x").as_deref(), Some("team=;"));
}

#[test]
fn the_answer_has_operations_of_its_own() {
    let policy = policy(json!({ "reply": [
        { "set": "x-status", "value": "${reply.status} for ${request.path}" },
        { "remove": "server" }
    ]}));
    assert_eq!(policy.setup().phases, ["reply-head"]);
    let mut exchange = Exchange::new("GET", "/a");
    exchange.reply(404, &[("server", "nginx")]);
    assert_eq!(policy.reply_head(&mut exchange), Decision::Proceed);
    assert_eq!(exchange.reply_header("x-status").as_deref(), Some("404 for /a"));
    assert_eq!(exchange.reply_header("server"), None);
    assert_eq!(exchange.request_header("x-status"), None);
}

#[test]
fn a_phase_without_operations_does_not_run() {
    let policy = policy(json!({ "request": [{ "remove": "x" }] }));
    assert_eq!(policy.setup().phases, ["head"]);
}

#[test]
fn bytes_that_are_not_utf8_are_copied_as_they_are() {
    let policy =
        policy(json!({ "request": [{ "set": "x", "value": "${request.header.y}" }, { "rename": "x", "to": "z" }] }));
    let mut exchange = Exchange::new("GET", "/").header("y", b"\xff\xfe");
    assert_eq!(policy.head(&mut exchange), Decision::Proceed);
    assert_eq!(exchange.request_header("z"), exchange.request_header("y"));
}

#[test]
fn a_line_break_in_a_claim_ends_the_request_and_adds_no_field() {
    let policy = policy(json!({ "request": [{ "set": "x", "value": "${identity.claim.name}" }] }));
    let mut exchange = Exchange::new("GET", "/").identity("claim.name", "a\r\nx-admin: 1");
    let rejection = refusal(policy.head(&mut exchange));
    assert_eq!((rejection.status, rejection.code.as_str()), (500, "header_refused"));
    assert_eq!(
        rejection.message,
        "The gateway could not change the field `x`: its value would hold a control character."
    );
    assert_eq!(exchange.request_header("x"), None);
}

#[test]
fn a_message_that_is_full_of_fields_ends_the_request() {
    let policy = policy(json!({ "request": [{ "append": "x", "value": "1" }] }));
    let full =
        (0..256).fold(Exchange::new("GET", "/"), |exchange, number| exchange.header(&format!("x-{number}"), "1"));
    let mut exchange = full;
    assert!(refusal(policy.head(&mut exchange)).message.contains("too many fields"));
}

#[test]
fn every_mistake_in_the_config_is_found_where_it_stands() {
    let found = problems(json!({
        "request": [
            { "set": "a b", "value": "${nobody}" },
            { "set": "x" },
            { "set": "x", "append": "y", "value": "1" },
            { "rename": "x" },
            { "rename": "x", "to": "X" },
            { "remove": "Host", "value": "1" },
            { "set": "authorization", "value": "$x" },
            { "set": "x", "value": "${reply.status}" },
            { "set": "x", "value": "${identity.email}" },
            { "set": "x", "value": "${request.header.cookie}" },
            { "append": "x", "value": "a\nb", "to": "y" },
            { "remove": "x", "when_empty": "skip", "to": "y" }
        ],
        "reply": [{ "set": "x-sluicegate-id", "value": "a".repeat(4097) }]
    }));
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/request/0/set",
            "/request/0/value",
            "/request/1",
            "/request/2",
            "/request/3",
            "/request/4/to",
            "/request/5/remove",
            "/request/5/value",
            "/request/6/set",
            "/request/6/value",
            "/request/7/value",
            "/request/8/value",
            "/request/9/value",
            "/request/10/to",
            "/request/10/value",
            "/request/11/when_empty",
            "/request/11/to",
            "/reply/0/set",
            "/reply/0/value"
        ]
    );
    assert!(found[1].1.starts_with("There is no placeholder `${nobody}`: there are identity.PART"), "{}", found[1].1);
    assert_eq!(
        problems(json!({})),
        [(String::new(), "There is nothing to do: give `request` or `reply` a list of operations.".into())]
    );
    assert_eq!(problems(json!({ "request": [{ "sett": "x" }] }))[0].0, "/request/0/sett");
    assert_eq!(
        problems(json!({ "request": [{ "set": "x", "value": "1", "when_empty": "no" }] }))[0].0,
        "/request/0/when_empty"
    );
    assert_eq!(problems(json!({ "request": vec![json!({ "remove": "x" }); 65] }))[0].0, "/request");
}

#[test]
fn an_open_placeholder_is_refused() {
    for template in ["$", "a$b", "${identity.consumer", "${}", "$${}${"] {
        assert_eq!(
            problems(json!({ "request": [{ "set": "x", "value": template }] }))[0].0,
            "/request/0/value",
            "{template}"
        );
    }
}

#[test]
fn the_schema_takes_what_is_configured_and_refuses_what_is_refused() {
    let schema = testing::config_schema::<Headers>();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let one = |operation: Value| json!({ "request": [operation] });
    let many = |count: usize| json!({ "reply": vec![json!({ "remove": "x" }); count] });
    let cases = [
        (true, one(json!({ "set": "X-A", "value": "${identity.consumer}" }))),
        (true, one(json!({ "set": "x", "value": "", "when_empty": "empty" }))),
        (true, one(json!({ "append": "x", "value": "1", "when_empty": "skip" }))),
        (true, one(json!({ "rename": "x", "to": "y" }))),
        (true, many(64)),
        (false, many(65)),
        (false, json!({ "answer": [] })),
        (false, json!({ "request": { "remove": "x" } })),
        (false, one(json!({}))),
        (false, one(json!("x"))),
        (false, one(json!({ "sett": "x", "value": "1" }))),
        (false, one(json!({ "set": "x" }))),
        (false, one(json!({ "set": "x y", "value": "1" }))),
        (false, one(json!({ "set": "x", "value": 1 }))),
        (false, one(json!({ "set": "x", "value": "v".repeat(4097) }))),
        (false, one(json!({ "set": "x", "value": "1", "to": "y" }))),
        (false, one(json!({ "set": "x", "value": "1", "when_empty": "never" }))),
        (false, one(json!({ "set": "x", "append": "y", "value": "1" }))),
        (false, one(json!({ "rename": "x" }))),
        (false, one(json!({ "rename": "x", "to": "y", "value": "1" }))),
        (false, one(json!({ "remove": "x", "when_empty": "skip" }))),
        (false, one(json!({ "remove": "" }))),
    ];
    for (taken, config) in cases {
        assert_eq!(testing::configure::<Headers>(config.clone()).is_ok(), taken, "{config}");
        assert_eq!(validator.is_valid(&config), taken, "the schema and {config}");
    }
}
