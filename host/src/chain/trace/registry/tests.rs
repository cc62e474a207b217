use http::{HeaderMap, Method};
use serde_json::Value;

use super::*;

fn traces() -> Arc<Traces> {
    Arc::new(Traces::new())
}

fn arm(traces: &Arc<Traces>, request: TraceRequest) -> TraceLines {
    traces.arm(request).unwrap_or_else(|error| panic!("{error}"))
}

fn consumer(name: &str) -> TraceRequest {
    TraceRequest { consumer: Some(name.to_owned()), ..TraceRequest::default() }
}

fn claims(traces: &Traces) -> Vec<Claim> {
    let headers = HeaderMap::new();
    traces.claims(&Head { route: "all", method: &Method::GET, path: "/", headers: &headers, request_id: "id" })
}

fn tell(claims: Vec<Claim>, consumer: Option<&str>) {
    claims.into_iter().for_each(|claim| claim.tell(consumer, || Bytes::from_static(b"{\"exchange\":{}}\n")));
}

async fn next(lines: &mut TraceLines) -> Value {
    serde_json::from_slice(&lines.next().await.expect("a line")).unwrap()
}

#[tokio::test]
async fn as_many_exchanges_are_taken_as_were_asked_for_and_then_it_ends() {
    let traces = traces();
    let mut lines = arm(&traces, TraceRequest { count: Some(2), ..TraceRequest::default() });
    assert_eq!(next(&mut lines).await["armed"]["count"], 2);
    let (first, second) = (claims(&traces), claims(&traces));
    assert!(claims(&traces).is_empty());
    tell(second, None);
    tell(first, None);
    assert!(next(&mut lines).await["exchange"].is_object());
    assert!(next(&mut lines).await["exchange"].is_object());
    let end = next(&mut lines).await;
    assert_eq!((&end["ended"]["why"], &end["ended"]["exchanges"]), (&"count".into(), &2.into()));
    assert!(lines.next().await.is_none() && !traces.is_armed());
}

#[tokio::test]
async fn one_that_is_never_told_makes_room_for_another() {
    let traces = traces();
    let _lines = arm(&traces, TraceRequest::default());
    let taken = claims(&traces);
    assert!(claims(&traces).is_empty());
    drop(taken);
    assert_eq!(claims(&traces).len(), 1);
}

#[tokio::test]
async fn whose_an_exchange_is_decides_at_its_end() {
    let traces = traces();
    let mut lines = arm(&traces, consumer("acme"));
    next(&mut lines).await;
    let (other, one, another) = (claims(&traces), claims(&traces), claims(&traces));
    tell(other, Some("other"));
    tell(one, Some("acme"));
    // It has what it wants.
    tell(another, Some("acme"));
    assert!(claims(&traces).is_empty());
    assert!(next(&mut lines).await["exchange"].is_object());
    assert_eq!(next(&mut lines).await["ended"]["exchanges"], 1);
}

#[tokio::test]
async fn its_time_ends_it_and_says_what_is_still_open() {
    let traces = traces();
    let mut lines = arm(&traces, TraceRequest { count: Some(5), timeout_s: Some(1), ..TraceRequest::default() });
    next(&mut lines).await;
    let open = claims(&traces);
    let before = Instant::now();
    let end = next(&mut lines).await;
    assert!(before.elapsed().as_millis() > 900, "{:?}", before.elapsed());
    assert_eq!((&end["ended"]["why"], &end["ended"]["open"]), (&"time".into(), &1.into()));
    assert!(claims(&traces).is_empty());
    tell(open, None);
}

#[tokio::test]
async fn so_many_can_be_armed_and_one_that_is_dropped_makes_room() {
    let traces = traces();
    let mut armed: Vec<TraceLines> = (0..ARMED_MAX).map(|_| arm(&traces, TraceRequest::default())).collect();
    assert_eq!(traces.arm(TraceRequest::default()).err(), Some(ArmError::Full));
    // Each of them takes it.
    assert_eq!(claims(&traces).len(), ARMED_MAX);
    armed.pop();
    armed.push(arm(&traces, TraceRequest::default()));
    armed.clear();
    assert!(!traces.is_armed());
}

#[tokio::test]
async fn a_reader_that_has_stalled_keeps_no_place_behind_its_time() {
    let traces = traces();
    let brief = || TraceRequest { timeout_s: Some(1), ..TraceRequest::default() };
    let _stalled: Vec<TraceLines> = (1..ARMED_MAX).map(|_| arm(&traces, brief())).collect();
    let mut read = arm(&traces, brief());
    next(&mut read).await;
    assert_eq!(next(&mut read).await["ended"]["why"], "time");
    // None of those that nobody reads has said that its time is over.
    let again: Vec<TraceLines> = (0..ARMED_MAX).map(|_| arm(&traces, TraceRequest::default())).collect();
    drop(again);
    assert!(!traces.is_armed());
}

#[tokio::test]
async fn a_request_finds_out_that_the_time_of_a_stalled_reader_is_over() {
    let traces = traces();
    let brief = || TraceRequest { timeout_s: Some(1), ..TraceRequest::default() };
    let (_stalled, mut read) = (arm(&traces, brief()), arm(&traces, brief()));
    next(&mut read).await;
    assert_eq!(next(&mut read).await["ended"]["why"], "time");
    assert!(traces.is_armed());
    assert!(claims(&traces).is_empty());
    assert!(!traces.is_armed());
}

#[tokio::test]
async fn a_reader_that_is_too_slow_misses_some_and_is_told_how_many() {
    let traces = traces();
    let mut lines = arm(&traces, TraceRequest { count: Some(100), ..TraceRequest::default() });
    next(&mut lines).await;
    (0..QUEUE_EXCHANGES_MAX + 3).for_each(|_| tell(claims(&traces), None));
    traces.end();
    for _ in 0..QUEUE_EXCHANGES_MAX {
        assert!(next(&mut lines).await["exchange"].is_object());
    }
    let end = next(&mut lines).await;
    assert_eq!((&end["ended"]["missed"], &end["ended"]["why"]), (&3.into(), &"gateway".into()));
}

#[tokio::test]
async fn exchanges_recorded_at_once_are_bounded() {
    let traces = traces();
    let places: Vec<_> = (0..RECORDING_MAX).map(|_| traces.place().expect("room")).collect();
    assert!(traces.place().is_none());
    drop(places);
    assert!(traces.place().is_some());
}

#[tokio::test]
async fn a_gateway_that_ends_arms_nothing_more() {
    let traces = traces();
    traces.end();
    assert_eq!(traces.arm(TraceRequest::default()).err(), Some(ArmError::Ended));
}
