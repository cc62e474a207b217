//! What a trace tells of one exchange: which steps, in which order, and what each did.

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use serde_json::{Value, json};
use sluicegate_tests::{Raw, RawUpstream, Upstream, new_key};

use crate::support::*;

async fn echo() -> Upstream {
    Upstream::start(|request| {
        let reply = Response::builder().header("x-from", "upstream").header("content-type", "text/plain");
        reply.body(Full::new(request.body.clone())).unwrap()
    })
    .await
}

#[tokio::test]
async fn each_call_of_a_chain_is_told_in_its_order_with_what_it_did() {
    let upstream = echo().await;
    let key = new_key("acme", &[]);
    let limit = "plugin = \"rate-limit\"\nname = \"limit\"\nconfig = { limits = [{ name = \"requests\", requests = 5, window_ms = 60000, by = \"key\" }] }";
    let entries = ["plugin = \"api-key\"\nname = \"key\"", limit, EDITOR];
    let gateway = gateway(&upstream.url(), &entries, &[&key], "path = \"/*\"");
    let bearer = format!("Bearer {}", key.key);
    let (reply, exchange) = traced(&gateway, &[("authorization", &bearer), ("x-request-id", "the-id")]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        outline(&exchange),
        [
            "route",
            "head key proceed",
            "head limit proceed",
            "head editor proceed",
            "body request none",
            "attempt",
            "reply-head editor proceed",
            "reply-head limit proceed",
            "body answer as-it-comes",
            "answer",
            "end"
        ]
    );
    let expected = json!({
        "request_id": "the-id", "generation": 1, "client_address": "127.0.0.1", "method": "GET", "path": "/", "route": "all",
        "consumer": "acme", "key_id": key.id, "status": 200, "outcome": "complete", "fault": null, "code": null,
        "decided_by": null, "request_bytes": 0, "reply_bytes": 0, "steps_left_out": 0,
    });
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&exchange[member], value, "{member}");
    }

    let did = |call: Value| call["did"].clone();
    let of_key = did(call(&exchange, "head", "key"));
    assert_eq!(of_key[0], json!({"call": "keys.identify", "name": "authorization Bearer", "value": key.id}));
    assert!(
        of_key
            .as_array()
            .unwrap()
            .contains(&json!({"call": "identity-writer.set", "name": "consumer", "value": "acme"}))
    );
    let of_limit = did(call(&exchange, "head", "limit"));
    assert_eq!((&of_limit[0]["call"], &of_limit[0]["name"]), (&json!("counters.take"), &json!("requests")));
    assert!(of_limit[0]["value"].as_str().unwrap().starts_with("4 left, anew in "), "{of_limit}");
    assert_eq!(
        did(call(&exchange, "head", "editor")),
        json!([{"call": "request.set-header", "name": "x-a", "value": "b"}])
    );
    assert_eq!(
        did(call(&exchange, "reply-head", "editor")),
        json!([
            {"call": "reply.set-header", "name": "x-c", "value": "d"},
            {"call": "reply.remove-header", "name": "x-from"}
        ])
    );

    // Times fit into each other.
    let steps = steps(&exchange);
    let number = |step: &Value, name: &str| step[name].as_u64().unwrap_or_else(|| panic!("no {name} in {step}"));
    for pair in steps.windows(2) {
        assert!(number(&pair[0], "at_us") <= number(&pair[1], "at_us"), "{pair:#?}");
    }
    let heads: Vec<&Value> = steps.iter().filter(|step| step["phase"] == "head").collect();
    assert!(heads.iter().all(|step| number(step, "took_us") > 0 && number(step, "host_calls") > 0), "{heads:#?}");
    assert!(number(heads[0], "at_us") + number(heads[0], "took_us") <= number(heads[1], "at_us"));
    let attempt = steps.iter().find(|step| step["step"] == "attempt").unwrap();
    assert_eq!((&attempt["upstream"], &attempt["status"]), (&json!("service"), &json!(200)));
    assert_eq!(number(steps.last().unwrap(), "at_us"), number(&exchange, "duration_us"));
}

#[tokio::test]
async fn a_rejection_is_told_with_its_words_and_who_stands_in_front_meets_it() {
    let upstream = Upstream::ok().await;
    let gateway = gateway(&upstream.url(), &[EDITOR, HOSTILE], &[], "");
    let (reply, exchange) = traced(&gateway, &[("x-do", "head=reject")]).await;
    assert_eq!(reply.status, 418);
    assert_eq!(
        outline(&exchange),
        [
            "route",
            "head editor proceed",
            "head hostile reject",
            "reply-head editor proceed",
            "body answer buffered",
            "answer"
        ]
        .into_iter()
        .chain(["finish hostile proceed", "end"])
        .collect::<Vec<_>>()
    );
    let rejected = call(&exchange, "head", "hostile");
    assert_eq!(
        (&rejected["status"], &rejected["code"], &rejected["message"]),
        (&json!(418), &json!("told_to_reject"), &json!("Told to."))
    );
    assert_eq!((&exchange["decided_by"], &exchange["outcome"]), (&json!("hostile"), &json!("rejected")));
}

#[tokio::test]
async fn a_failure_is_told_with_what_became_of_it() {
    let upstream = Upstream::ok().await;
    for (on_error, status, breaker) in
        [("allow", 200, ""), ("deny", 500, ""), ("allow", 200, "breaker = { traps = 1 }")]
    {
        let entry = format!("{HOSTILE}\non_error = \"{on_error}\"\n{breaker}");
        let gateway = gateway(&upstream.url(), &[&entry], &[], "");
        let (reply, exchange) = traced(&gateway, &[("x-do", "head=trap")]).await;
        assert_eq!(reply.status, status);
        let failed = call(&exchange, "head", "hostile");
        assert_eq!(
            (&failed["decision"], &failed["failure"], &failed["then"]),
            (&json!("fail"), &json!("trap"), &json!(on_error))
        );
        assert!(failed["message"].as_str().unwrap().contains("wasm trap"), "{failed}");
        // The panic's own words are a line of the log.
        let said = failed["did"].as_array().unwrap().iter().find(|did| did["call"] == "log.write").expect("a line");
        assert_eq!(said["name"], "error");
        assert!(said["value"].as_str().unwrap().contains("told to trap in head"), "{said}");
        let refused = steps(&exchange).into_iter().find(|step| step["step"] == "refused");
        assert_eq!(refused.map(|step| step["code"].clone()), (status == 500).then(|| json!("policy_failed")));
        if !breaker.is_empty() {
            let (_, exchange) = traced(&gateway, &[]).await;
            let suspended = call(&exchange, "head", "hostile");
            assert_eq!((&suspended["failure"], &suspended["then"]), (&json!("suspended"), &json!("allow")));
        }
    }
}

#[tokio::test]
async fn the_pieces_of_a_stream_are_summed_up_behind_the_first() {
    let upstream = RawUpstream::start(|mut connection, _| async move {
        connection.read_head().await;
        connection
            .write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        for _ in 0..20 {
            connection.write("9\r\ndata: 1\n\n\r\n").await;
            // The next one comes when the client has this one, so that each is a piece.
            connection.read_until("next").await;
        }
        connection.write("0\r\n\r\n").await;
        connection.closed().await;
    })
    .await;
    let streams = HOSTILE.replace("reply_body = \"none\"", "body = \"none\"");
    let gateway = gateway(&upstream.url(), &[&streams], &[], "");
    let mut trace = Trace::arm(&gateway, json!({})).await;
    let mut client = Raw::connect(gateway.address()).await;
    client.write("POST / HTTP/1.1\r\nhost: gateway\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n").await;
    client.read_head().await;
    for _ in 0..20 {
        client.read_until("data: 1\n\n\r\n").await;
        client.write("4\r\nnext\r\n").await;
    }
    client.write("0\r\n\r\n").await;
    assert!(client.read_to_end().await.text().ends_with("0\r\n\r\n"));
    let exchange = trace.exchange().await;
    let pieces: Vec<Value> = steps(&exchange).into_iter().filter(|step| step["phase"] == "reply-body").collect();
    assert_eq!(pieces.len(), 4, "{pieces:#?}");
    assert!(pieces[..3].iter().all(|piece| piece["calls"] == 1 && piece["bytes_in"] == 9), "{pieces:#?}");
    // Twenty pieces and the end.
    assert_eq!(
        (&pieces[3]["calls"], &pieces[3]["bytes_in"], &pieces[3]["bytes_out"]),
        (&json!(18), &json!(153), &json!(153))
    );
    let outline = outline(&exchange);
    assert!(outline.contains(&"body request as-it-comes".to_owned()), "{outline:?}");
    assert!(outline.contains(&"body answer streamed".to_owned()), "{outline:?}");
    assert_eq!((&exchange["request_bytes"], &exchange["reply_bytes"]), (&json!(80), &json!(180)));
}

#[tokio::test]
async fn a_buffered_body_is_one_call_with_the_bytes_that_went_in_and_out() {
    let upstream = echo().await;
    let buffers = HOSTILE.replace("reply_body = \"none\"", "body = \"buffered\", reply_body = \"none\"");
    let gateway = gateway(&upstream.url(), &[&buffers], &[], "");
    let mut trace = Trace::arm(&gateway, json!({})).await;
    let reply = ask(&gateway, "/", &[("x-do", "body=change")], "some!").await;
    assert_eq!(reply.text(), "some! and more");
    let exchange = trace.exchange().await;
    let changed = call(&exchange, "body", "hostile");
    assert_eq!(
        (&changed["decision"], &changed["bytes_in"], &changed["bytes_out"]),
        (&json!("replace"), &json!(5), &json!(14))
    );
    let body = steps(&exchange).into_iter().find(|step| step["step"] == "body").unwrap();
    assert_eq!((&body["how"], &body["bytes"]), (&json!("buffered"), &json!(14)));
    assert!(!exchange.to_string().contains("and more"), "no byte of a body is told");
}

#[tokio::test]
async fn other_versions_of_an_entry_are_told_apart() {
    let upstream = Upstream::ok().await;
    let shadow = format!("{}\nmode = \"shadow\"", EDITOR.replace("\"editor\"", "\"watcher\""));
    let canary = format!(
        "{EDITOR}\n[chains.all.canary]\nplugin = \"headers\"\nweight = 100\nsticky = \"request\"\nconfig = {{ request = [{{ set = \"x-b\", value = \"1\" }}] }}"
    );
    let gateway = gateway(&upstream.url(), &[&shadow, &canary], &[], "");
    let (_, exchange) = traced(&gateway, &[]).await;
    let watched = call(&exchange, "head", "watcher");
    assert_eq!((&watched["version"], &watched["did"][0]["name"]), (&json!("shadow"), &json!("x-a")));
    assert_eq!(call(&exchange, "reply-head", "watcher")["version"], "shadow");
    let calls: Vec<Value> = steps(&exchange).into_iter().filter(|step| step["entry"] == "editor").collect();
    assert!(calls.iter().all(|call| call["version"] == "canary"), "{calls:#?}");
}

#[tokio::test]
async fn what_no_route_matches_and_what_no_upstream_answers_is_told_too() {
    let gateway = gateway("http://127.0.0.1:1", &[EDITOR], &[], "path = \"/only\"");
    let mut trace = Trace::arm(&gateway, json!({"count": 2})).await;
    assert_eq!(ask(&gateway, "/other", &[], "").await.status, 404);
    let exchange = trace.exchange().await;
    assert_eq!(outline(&exchange), ["route", "refused", "body answer buffered", "answer", "end"]);
    assert_eq!((&exchange["route"], &exchange["code"]), (&Value::Null, &json!("client_no_route")));

    assert_eq!(ask(&gateway, "/only", &[], "").await.status, 502);
    let exchange = trace.exchange().await;
    let attempt = steps(&exchange).into_iter().find(|step| step["step"] == "attempt").unwrap();
    assert_eq!((&attempt["error"], &attempt["status"]), (&json!("upstream_unreachable"), &Value::Null));
    assert_eq!(steps(&exchange)[0]["why"], "path `/only`");
}

#[tokio::test]
async fn an_attempt_that_nobody_waits_for_any_longer_is_told_as_that() {
    let upstream = RawUpstream::start(|mut connection, _| async move {
        connection.read_head().await;
        connection.closed().await;
    })
    .await;
    let gateway = gateway(&upstream.url(), &[EDITOR], &[], "timeout_ms = 100");
    let (reply, exchange) = traced(&gateway, &[]).await;
    assert_eq!(reply.status, 504);
    let of = |name: &str| steps(&exchange).into_iter().find(|step| step["step"] == name).unwrap();
    assert_eq!(of("attempt")["error"], "cancelled");
    assert!(of("attempt")["took_us"].as_u64().unwrap() > 50_000, "{exchange:#}");
    assert_eq!((&of("refused")["code"], &of("refused")["status"]), (&json!("gateway_timeout"), &json!(504)));
    assert_eq!(exchange["outcome"], "timed_out");
}

#[tokio::test]
async fn a_client_that_leaves_in_a_call_leaves_a_cancelled_one() {
    let upstream = Upstream::start(|_| Response::new(Full::new(Bytes::new()))).await;
    let slow = format!("{HOSTILE}\nlimits = {{ cpu_max_ms = 60_000, wall_max_ms = 60_000 }}");
    let gateway = gateway(&upstream.url(), &[&slow], &[], "");
    let mut trace = Trace::arm(&gateway, json!({})).await;
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: gateway\r\nx-do: head=loop\r\n\r\n").await;
    // The guest is at work from the moment on at which its exchange is open: nothing else runs on its thread.
    while sluicegate_tests::metric(&gateway, "sluicegate_exchanges_open", &[]).await < 1.0 {}
    drop(client);
    let exchange = trace.exchange().await;
    assert_eq!(call(&exchange, "head", "hostile")["decision"], "cancelled");
    assert_eq!((&exchange["outcome"], &exchange["status"]), (&json!("client_gone"), &Value::Null));
}
