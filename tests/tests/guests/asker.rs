//! The asker: what is called as the one module that it is gets the same answers as a component, and does the same.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::json;
use sluicegate::runtime::model::{Attempt, EditError, ModelCall, ModelState, ModelUsage, Reading};
use sluicegate::runtime::services::{
    Claim, Clock, Counters, KeyFailure, KeyOwner, Keys, PluginMetrics, Services, Taken, Waiting,
};
use sluicegate::runtime::{
    BreakerPolicy, Call, Candidates, EngineOptions, Entry, EntryOptions, Exchange, ExchangeFacts, GRANTS, Held,
    Isolation, OnError, PluginLimits, PluginSpec, Presented, ReplyHead, RequestHead, Runtime, TargetPlan, Verdict,
    Version,
};
use sluicegate_tests::guests;

/// What the guest decided and did, as text: in each phase, with each isolation.
async fn heard(as_components: bool) -> String {
    let options = EngineOptions { instances_max: 4, as_components, ..EngineOptions::default() };
    let runtime = Runtime::new(options).expect("room for a few instances");
    let mut heard = String::new();
    for isolation in [Isolation::Request, Isolation::Pooled] {
        let spec = PluginSpec {
            entry: "asker".into(),
            version: Version::Stable,
            wasm: Bytes::from_static(guests::ASKER),
            config: json!({}),
            grants: GRANTS.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(),
            isolation,
            limits: PluginLimits::default(),
        };
        let plugin = runtime.load(spec).await.expect("it loads");
        assert_eq!(plugin.is_component(), as_components);
        let options =
            EntryOptions { on_error: OnError::Deny, breaker: BreakerPolicy::default(), piece_bytes_max: 1 << 20 };
        let entry = Entry::new("asker".into(), plugin, options);
        let exchange = Arc::new(exchange().traced());
        let body = |text: &'static str, end| Call::Body { bytes: Bytes::from_static(text.as_bytes()), end };
        for call in [
            Call::Head,
            body("", true),
            body("?", true),
            body("a piece", false),
            body("a piece", true),
            Call::Route,
            Call::ReplyHead,
            Call::ReplyBody { bytes: Bytes::from_static(b"an answer, "), end: true },
            Call::Finish,
        ] {
            let verdict = entry.call(&mut Held::default(), &exchange, 0, &call).await;
            if let Ok(Verdict::Respond(answer)) = &verdict {
                heard += &String::from_utf8_lossy(&answer.body);
            }
            let done = exchange.take_done(0, call.phase());
            heard += &format!("{verdict:?} {:?} {}\n", done.deeds, done.host_calls);
        }
        let state = exchange.lock();
        heard += &format!("{:?} {:?} {:?}\n", state.request.headers, state.labels, state.identity);
    }
    heard
}

#[tokio::test]
async fn whichever_way_it_is_called_it_hears_and_does_the_same() {
    let (component, module) = (heard(true).await, heard(false).await);
    assert!(component.contains("take: [[], [Taken { allowed: true"), "{component}");
    assert!(component.contains("read: ([0, 7], [5, 13], \"text \u{e9}\u{e9} more\")"), "{component}");
    for (component, module) in component.lines().zip(module.lines()) {
        assert_eq!(component, module);
    }
    assert_eq!(component.len(), module.len());
}

struct Scripted;

impl Keys for Scripted {
    fn identify<'a>(&'a self, presented: &'a [u8]) -> Waiting<'a, Result<KeyOwner, KeyFailure>> {
        Box::pin(async move {
            // Not ready at once.
            tokio::task::yield_now().await;
            match presented {
                b"good" => Ok(KeyOwner {
                    key_id: "id".into(),
                    consumer: String::new(),
                    scopes: vec!["chat".into(), String::new(), "more".into()],
                }),
                b"late" => Err(KeyFailure::Expired),
                _ => Err(KeyFailure::Unknown),
            }
        })
    }
}

impl Counters for Scripted {
    fn take<'a>(&'a self, _namespace: &'a str, claims: &'a [Claim]) -> Waiting<'a, Vec<Taken>> {
        let taken =
            |claim: &Claim| Taken { allowed: claim.units == 1, remaining: claim.limit, reset_ms: claim.window_ms };
        Box::pin(std::future::ready(claims.iter().map(taken).collect()))
    }
}

impl PluginMetrics for Scripted {
    fn add(&self, _entry: &str, _version: Version, _route: &str, _name: &str, _by: u64) {}
    fn observe(&self, _entry: &str, _version: Version, _route: &str, _name: &str, _value: f64) {}
}

impl Clock for Scripted {
    fn now_unix_ms(&self) -> u64 {
        u64::MAX
    }

    fn monotonic_ns(&self) -> u64 {
        7
    }
}

impl Candidates for Scripted {
    fn count(&self) -> usize {
        3
    }

    fn name(&self, number: u32) -> String {
        format!("candidate-{number}")
    }

    fn facts(&self, _name: &str) -> Vec<String> {
        vec!["one".into(), String::new(), "three".into()]
    }

    fn figures(&self, _name: &str) -> Vec<Option<u64>> {
        vec![Some(u64::MAX), None, Some(0)]
    }

    fn capable(&self, feature: &str) -> Vec<u32> {
        if feature == "tools" { vec![0, 2] } else { Vec::new() }
    }
}

impl ModelCall for Scripted {
    fn operation(&self) -> &'static str {
        "chat"
    }

    fn dialect(&self) -> &'static str {
        "gemini"
    }

    fn streamed(&self) -> bool {
        true
    }

    fn model(&self) -> String {
        "mod\u{e9}l".into()
    }

    fn set_model(&mut self, _model: &str) -> Result<(), EditError> {
        Err(EditError::TooLate)
    }

    fn has(&self, feature: &str) -> bool {
        feature == "tools"
    }

    fn number(&self, name: &str) -> Option<f64> {
        (name == "temperature").then_some(-0.1)
    }

    fn set_number(&mut self, _name: &str, _value: Option<f64>) -> Result<(), EditError> {
        Err(EditError::TooLate)
    }

    fn word(&self, name: &str) -> Option<String> {
        (!name.is_empty()).then(|| format!("{name} it is"))
    }

    fn set_word(&mut self, _name: &str, _value: Option<&str>) -> Result<(), EditError> {
        Err(EditError::TooLate)
    }

    fn read(&self, role: &str, _place: &str) -> Reading {
        match role {
            "" => Reading { segments: vec![0, 7], ends: vec![5, 13], text: "text \u{e9}\u{e9} more".into() },
            "user" => Reading { segments: vec![u32::MAX], ends: vec![0], text: String::new() },
            _ => Reading { segments: Vec::new(), ends: Vec::new(), text: String::new() },
        }
    }

    fn text_bytes(&self) -> u64 {
        u64::MAX
    }

    fn role(&self, segment: u32) -> Option<String> {
        (segment < 2).then(String::new)
    }

    fn place(&self, segment: u32) -> Option<String> {
        (segment == 1).then(|| "text".into())
    }

    fn tool(&self, segment: u32) -> Option<String> {
        (segment == u32::MAX).then(|| "tool".into())
    }

    fn rewrite(&mut self, _segment: u32, _text: &str) -> Result<(), EditError> {
        Err(EditError::TooLate)
    }

    fn insert(&mut self, _role: &str, _text: &str, _before: Option<u32>) -> Result<u32, EditError> {
        Err(EditError::TooLate)
    }

    fn remove(&mut self, _segment: u32) -> Result<(), EditError> {
        Err(EditError::TooLate)
    }

    fn copy(&self) -> Box<dyn ModelCall> {
        Box::new(Scripted)
    }
}

fn model() -> ModelState {
    let usage = ModelUsage { input_tokens: Some(u64::MAX), raw: Some("{}".into()), ..ModelUsage::default() };
    let attempt = Attempt { target: 2, reason: "why".into(), status: Some(200), ..Attempt::default() };
    let mut model = ModelState::new(Box::new(Scripted));
    (model.usage, model.attempts) = (usage, vec![attempt]);
    model
}

pub fn exchange() -> Exchange {
    let scripted = Arc::new(Scripted);
    let services = Services {
        keys: scripted.clone(),
        counters: scripted.clone(),
        metrics: scripted.clone(),
        clock: scripted.clone(),
    };
    let facts = ExchangeFacts {
        id: "id".into(),
        route: "route".into(),
        generation: u64::MAX,
        client_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        started: Instant::now(),
        services: Arc::new(services),
        credential_fields: Arc::new([AUTHORIZATION, HeaderName::from_static("cookie")]),
        candidates: scripted,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-one", "1"), ("x-empty", ""), ("x-many", "1"), ("x-many", "2"), ("x-many", "")] {
        headers.append(name, HeaderValue::from_static(value));
    }
    let request = RequestHead {
        method: Method::POST,
        scheme: "https",
        authority: "example.com:1".into(),
        path: "/path".into(),
        query: Some("q=1".into()),
        headers: headers.clone(),
        sent: false,
    };
    let mut presented = Presented::new();
    presented.add_header(AUTHORIZATION, HeaderValue::from_static("Bearer good"));
    presented.add_header(HeaderName::from_static("x-api-key"), HeaderValue::from_static("late"));
    let exchange = Exchange::new(facts, request, presented);
    headers.append("x-reply", HeaderValue::from_static("a"));
    headers.append("x-reply", HeaderValue::from_static("b"));
    headers.append(SET_COOKIE, HeaderValue::from_static("c=1"));
    let mut state = exchange.lock();
    state.reply = Some(ReplyHead { status: StatusCode::OK, headers, sent: false });
    state.plan = TargetPlan::open(vec![0, 1, 2]);
    state.model = Some(Box::new(model()));
    drop(state);
    exchange
}
