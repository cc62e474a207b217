//! Which instance hears what of one exchange.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use serde_json::json;
use sluicegate::runtime::{
    BreakerPolicy, Call, EngineOptions, Entry, EntryOptions, Exchange, GRANTS, Held, Isolation, OnError, PluginLimits,
    PluginSpec, Runtime, Version,
};
use sluicegate_tests::guests;

use crate::asker::exchange;

/// Calls in this order; a piece with a `!` tells what its instance has kept, and keeps the number of the call.
async fn canaries(need: &str, isolation: Isolation, calls: &[Call]) -> Vec<String> {
    let runtime = Runtime::new(EngineOptions { instances_max: 8, ..EngineOptions::default() }).expect("room");
    let spec = PluginSpec {
        entry: "hostile".into(),
        version: Version::Stable,
        wasm: Bytes::from_static(guests::HOSTILE),
        config: json!({ "instance": need }),
        grants: GRANTS.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(),
        isolation,
        limits: PluginLimits::default(),
    };
    let plugin = runtime.load(spec).await.expect("it loads");
    let options = EntryOptions { on_error: OnError::Deny, breaker: BreakerPolicy::default(), piece_bytes_max: 1 << 20 };
    let entry = Entry::new("hostile".into(), plugin, options);
    let exchange: Arc<Exchange> = Arc::new(exchange());
    let mut held = Held::reusing();
    let mut told = Vec::new();
    for (number, call) in calls.iter().enumerate() {
        {
            let mut state = exchange.lock();
            state.labels.clear();
            let headers = &mut state.request.headers;
            headers.insert("x-do", HeaderValue::from_static("body=canary,reply-body=canary,reply-head=canary"));
            headers.insert("x-secret", HeaderValue::from_str(&number.to_string()).unwrap());
        }
        entry.call(&mut held, &exchange, 0, call).await.expect("a call that goes well");
        let state = exchange.lock();
        told.extend(state.labels.iter().filter(|(name, _)| name.contains("canary")).map(|(_, kept)| kept.to_string()));
    }
    entry.release(&mut held);
    assert!(held.is_empty());
    told
}

fn body(end: bool) -> Call {
    Call::Body { bytes: Bytes::from_static(b"!"), end }
}

fn reply_body(end: bool) -> Call {
    Call::ReplyBody { bytes: Bytes::from_static(b"!"), end }
}

#[tokio::test]
async fn a_body_keeps_its_instance_while_an_answer_begins_and_streams_in_between() {
    for isolation in [Isolation::Request, Isolation::Pooled] {
        let calls = [body(false), Call::ReplyHead, reply_body(false), body(false), reply_body(true), body(true)];
        let told = canaries("body", isolation, &calls).await;
        assert_eq!([&told[0], &told[3], &told[5]], ["nothing", "0", "3"], "{isolation:?}: {told:?}");
        assert_eq!(told[4], "2", "{isolation:?}: {told:?}");
        // No byte of the request's instance in another one.
        if isolation == Isolation::Request {
            assert_eq!([&told[1], &told[2]], ["nothing", "nothing"], "{told:?}");
        }
    }
}

#[tokio::test]
async fn an_instance_for_the_exchange_hears_all_of_it() {
    for isolation in [Isolation::Request, Isolation::Pooled] {
        let calls = [body(false), Call::ReplyHead, reply_body(false), body(true), reply_body(true)];
        let told = canaries("exchange", isolation, &calls).await;
        assert_eq!(told, ["nothing", "0", "1", "2", "3"], "{isolation:?}");
    }
}
