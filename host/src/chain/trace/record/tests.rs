use http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::*;
use crate::chain::trace::filter::TraceRequest;
use crate::chain::trace::lines::TraceLines;
use crate::chain::trace::step::Did;
use crate::secrets::Redaction;

/// A recorder, and the lines that it will be told in.
fn recorder() -> (Arc<Recorder>, TraceLines) {
    recorder_of(TraceRequest::default(), Presented::new())
}

fn recorder_of(request: TraceRequest, presented: Presented) -> (Arc<Recorder>, TraceLines) {
    let traces = Arc::new(Traces::new());
    let lines = traces.arm(request).unwrap_or_else(|error| panic!("{error}"));
    let headers = HeaderMap::new();
    let head = Head { route: "all", method: &Method::GET, path: "/", headers: &headers, request_id: "id" };
    let veil = || Veil::new(Redaction::new(), &presented);
    (Recorder::of(&traces, &head, Instant::now(), veil).expect("it matches"), lines)
}

/// What is told of it at its end.
async fn told(recorder: &Recorder, lines: TraceLines) -> Value {
    told_of(recorder, lines, &ending()).await
}

async fn told_of(recorder: &Recorder, mut lines: TraceLines, ending: &Ending<'_>) -> Value {
    recorder.end(ending);
    lines.next().await.expect("armed");
    let line: Value = serde_json::from_slice(&lines.next().await.expect("the exchange")).unwrap();
    line["exchange"].clone()
}

fn ending() -> Ending<'static> {
    Ending {
        request_id: "id",
        generation: 3,
        time: 0,
        client_address: [127, 0, 0, 1].into(),
        method: &Method::GET,
        authority: "localhost",
        path: "/",
        route: Some("all"),
        consumer: None,
        key_id: None,
        status: Some(200),
        outcome: "complete",
        fault: None,
        code: None,
        decided_by: None,
        request_bytes: 0,
        reply_bytes: 2,
        first_byte_us: Some(5),
        duration_us: u64::MAX,
    }
}

#[tokio::test]
async fn a_consumer_is_asked_for_as_it_is_and_shown_without_a_credential() {
    let mut presented = Presented::new();
    presented.add_header(header::AUTHORIZATION, HeaderValue::from_static("Bearer sg_abc.def"));
    let request = TraceRequest { consumer: Some("sg_abc.def".to_owned()), ..TraceRequest::default() };
    let (recorder, lines) = recorder_of(request, presented);
    let ending = Ending { consumer: Some("sg_abc.def"), code: Some("sg_abc.def"), ..ending() };
    let told = told_of(&recorder, lines, &ending).await;
    assert_eq!(
        (&told["consumer"], &told["code"], &told["key_id"]),
        (&"[hidden]".into(), &"[hidden]".into(), &Value::Null)
    );
}

fn piece(at_us: u64, decision: &'static str) -> CallStep {
    let failure = (decision == "fail").then_some("trap");
    let did = vec![Did { call: "labels.set", name: "a".to_owned(), value: Some("b".to_owned()), refused: None }];
    CallStep {
        at_us,
        took_us: 10,
        calls: 1,
        bytes_in: Some(4),
        bytes_out: Some(5),
        decision,
        failure,
        did,
        ..CallStep::default()
    }
}

#[tokio::test]
async fn the_first_pieces_of_a_body_stand_alone_and_the_rest_in_one_step() {
    let (recorder, lines) = recorder();
    for at in 0..10 {
        recorder.called(1, Phase::Body, piece(at, if at == 7 { "replace" } else { "proceed" }));
    }
    // Another way to end, and another entry, are no part of the sum.
    recorder.called(1, Phase::Body, piece(20, "fail"));
    recorder.called(2, Phase::Body, piece(21, "proceed"));
    let told = told(&recorder, lines).await;
    let steps = told["steps"].as_array().unwrap();
    assert_eq!(steps.len() as u64, PIECES_MAX + 1 + 2 + 1);
    let sum = &steps[PIECES_MAX as usize];
    assert_eq!(
        (&sum["calls"], &sum["bytes_in"], &sum["bytes_out"], &sum["took_us"], &sum["until_us"], &sum["decision"]),
        (&7.into(), &28.into(), &35.into(), &70.into(), &19.into(), &"replace".into())
    );
    assert_eq!(sum["did"].as_array().map(Vec::len), Some(7));
}

#[tokio::test]
async fn steps_over_the_limit_are_counted() {
    let (recorder, lines) = recorder();
    for _ in 0..STEPS_MAX + 5 {
        recorder.answer(200);
    }
    // A sum that there was no room for takes nothing in.
    for at in 0..9 {
        recorder.called(1, Phase::ReplyBody, piece(at, "proceed"));
    }
    let told = told(&recorder, lines).await;
    assert_eq!(told["steps"].as_array().map(Vec::len), Some(STEPS_MAX + 1));
    assert_eq!(told["steps_left_out"], 5 + 9);
    assert_eq!(told["steps"][STEPS_MAX]["step"], "end");
}

#[tokio::test]
async fn bytes_over_the_limit_are_left_out() {
    let (recorder, lines) = recorder();
    for at in 0..200 {
        let mut step = piece(at, "proceed");
        let value = Some("x".repeat(200));
        step.did = (0..100)
            .map(|_| Did { call: "labels.set", name: String::new(), value: value.clone(), refused: None })
            .collect();
        recorder.called(1, Phase::Head, step);
    }
    let told = told(&recorder, lines).await;
    assert!(told.to_string().len() < 2 * EXCHANGE_BYTES_MAX);
    assert!(told["steps_left_out"].as_u64().unwrap() > 100, "{}", told["steps_left_out"]);
}

#[tokio::test]
async fn steps_stand_in_the_order_in_which_they_began() {
    let (recorder, lines) = recorder();
    recorder.called(1, Phase::Head, piece(9, "proceed"));
    recorder.called(0, Phase::Head, piece(3, "cancelled"));
    let told = told(&recorder, lines).await;
    let at: Vec<_> = told["steps"].as_array().unwrap().iter().map(|step| step["at_us"].as_u64().unwrap()).collect();
    assert_eq!(at, [3, 9, u64::MAX]);
    assert_eq!(told["generation"], 3);
}
