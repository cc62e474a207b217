//! Runs the self-tests of chain entries: on exchanges of their own, in the real runtime, before anything is swapped.
//!
//! What a test does stays in it: its counters are new, its metrics go nowhere, its instances serve nobody else.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use sluicegate_runtime::services::{Keys, PluginMetrics, Services};
use sluicegate_runtime::{
    BodyMode, Call, Candidates, Entry, EntryOptions, Exchange, ExchangeFacts, Held, Phase, Plugin, ReplyHead,
    RequestHead, State, TargetPlan, Verdict, Version,
};

use super::services::{LocalCounters, SharedClock};
use crate::chain::credential_fields;
use crate::clock::Clock;
use crate::config::{ChainEntry, Decision, Diagnostic, Expected, SelfTest};
use crate::http::fields;
use crate::state::counters::Counters;

/// One test with all its phases.
const TEST_TIME_MAX: Duration = Duration::from_secs(10);
/// Counters that one test may keep.
const COUNTERS_MAX: usize = 1024;
/// Bytes of a value that a message shows.
const SHOWN_BYTES_MAX: usize = 120;

/// What all tests of one generation share.
pub(super) struct Bench {
    pub(super) generation: u64,
    pub(super) keys: Arc<dyn Keys>,
    pub(super) clock: Arc<dyn Clock>,
}

/// What came of a test.
struct Outcome {
    decision: Decision,
    status: Option<u16>,
    code: Option<String>,
    request_body: Bytes,
    reply_body: Bytes,
}

impl Bench {
    /// What is wrong with a plugin by the tests of its entry; nothing if it passes all.
    pub(super) async fn run(
        &self,
        entry: &ChainEntry,
        plugin: &Arc<Plugin>,
        options: &EntryOptions,
    ) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for test in &entry.self_tests {
            let version = match plugin.version() {
                Version::Stable => String::new(),
                other => format!(" ({})", other.as_str()),
            };
            if let Err(problem) = self.test(entry, plugin, options, test).await {
                let message =
                    format!("plugin `{}`{version} fails the self-test \"{}\": {problem}", entry.plugin, test.name);
                diagnostics.push(test.place.entry_problem(&message));
            }
        }
        diagnostics
    }

    async fn test(
        &self,
        entry: &ChainEntry,
        plugin: &Plugin,
        options: &EntryOptions,
        test: &SelfTest,
    ) -> Result<(), String> {
        let exchange = Arc::new(self.exchange(test)?);
        // A breaker and warm instances of its own.
        let entry = Entry::new(entry.name.as_str().into(), Arc::new(plugin.apart()), options.clone());
        let running = run(&entry, &exchange, test);
        let outcome = tokio::time::timeout(TEST_TIME_MAX, running).await.map_err(|_| {
            let seconds = TEST_TIME_MAX.as_secs();
            format!("it took over {seconds} seconds, which is the limit of one test")
        })??;
        let hidden = secrets(test);
        compare(test, &outcome, &exchange.lock()).map_err(|problem| hide(problem, &hidden))
    }

    fn exchange(&self, test: &SelfTest) -> Result<Exchange, String> {
        let counters = Arc::new(Counters::with_entries_max(COUNTERS_MAX));
        let services = Services {
            keys: self.keys.clone(),
            counters: Arc::new(LocalCounters { counters, clock: self.clock.clone() }),
            metrics: Arc::new(Nowhere),
            clock: Arc::new(SharedClock(self.clock.clone())),
        };
        let facts = ExchangeFacts {
            id: "self-test".to_owned(),
            route: "self-test".into(),
            generation: self.generation,
            client_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            started: Instant::now(),
            services: Arc::new(services),
            credential_fields: credential_fields(&[]),
            candidates: Arc::new(Idle(test.request.targets.clone())),
        };
        let mut headers = test.request.headers.clone();
        let (presented, query) = fields::take_presented(&mut headers, test.request.query.as_deref(), &[]);
        let request = RequestHead {
            method: test.request.method.clone(),
            scheme: "http",
            authority: "localhost".to_owned(),
            path: test.request.path.clone(),
            query,
            headers,
            sent: false,
        };
        let exchange = Exchange::new(facts, request, presented);
        for (part, value) in &test.identity {
            if !exchange.lock().identity.establish(part, value, "self-test") {
                return Err(format!("its identity has a part `{part}` that cannot be established"));
            }
        }
        Ok(exchange)
    }
}

/// Calls the phases in their order, as the chain would.
async fn run(entry: &Entry, exchange: &Arc<Exchange>, test: &SelfTest) -> Result<Outcome, String> {
    let mut outcome = Outcome {
        decision: Decision::Proceed,
        status: None,
        code: None,
        request_body: test.request.body.clone(),
        reply_body: test.reply.as_ref().map(|reply| reply.body.clone()).unwrap_or_default(),
    };
    let mut held = Held::default();
    for phase in Phase::ALL {
        let call = match call(entry, test, phase) {
            Some(call) if phase == Phase::Finish || outcome.decision == Decision::Proceed => call,
            _ => continue,
        };
        prepare(&mut exchange.lock(), test, phase, outcome.decision);
        let verdict = entry.call(&mut held, exchange, 0, &call).await;
        let verdict = verdict.map_err(|failure| format!("it failed in phase `{}`: {failure}", phase.as_str()))?;
        match verdict {
            Verdict::Proceed => {}
            Verdict::Replace(bytes) if phase == Phase::Body => outcome.request_body = bytes,
            Verdict::Replace(bytes) => outcome.reply_body = bytes,
            Verdict::Reject(rejection) => {
                outcome.decision = Decision::Reject;
                outcome.status = Some(rejection.status.as_u16());
                outcome.code = Some(rejection.code);
            }
            Verdict::Respond(answer) => {
                outcome.decision = Decision::Respond;
                outcome.status = Some(answer.status.as_u16());
                outcome.reply_body = answer.body;
                let reply = ReplyHead { status: answer.status, headers: answer.fields, sent: false };
                exchange.lock().reply = Some(reply);
            }
        }
    }
    Ok(outcome)
}

/// None when the plugin takes no part in the phase, or the test has nothing for it.
fn call(entry: &Entry, test: &SelfTest, phase: Phase) -> Option<Call> {
    let setup = entry.plugin.setup();
    let whole = |mode: BodyMode, bytes: Option<&Bytes>| {
        bytes.filter(|bytes| !bytes.is_empty() && mode != BodyMode::None).cloned()
    };
    let call = match phase {
        Phase::Head => Some(Call::Head),
        Phase::Body => whole(setup.body.mode, Some(&test.request.body)).map(|bytes| Call::Body { bytes, end: true }),
        Phase::Route => Some(Call::Route).filter(|_| !test.request.targets.is_empty()),
        Phase::ReplyHead => test.reply.as_ref().map(|_| Call::ReplyHead),
        Phase::ReplyBody => {
            let bytes = whole(setup.reply_body.mode, test.reply.as_ref().map(|reply| &reply.body));
            bytes.map(|bytes| Call::ReplyBody { bytes, end: true })
        }
        Phase::Finish => Some(Call::Finish),
    };
    call.filter(|_| entry.phases().contains(phase))
}

/// What the gateway does between the phases.
fn prepare(state: &mut State, test: &SelfTest, phase: Phase, decision: Decision) {
    if let (Phase::ReplyHead | Phase::ReplyBody | Phase::Finish, Some(reply), None) = (phase, &test.reply, &state.reply)
    {
        state.request.sent = true;
        state.reply = Some(ReplyHead { status: reply.status, headers: reply.headers.clone(), sent: false });
    }
    match phase {
        Phase::Route => state.plan = TargetPlan::open((0..).take(test.request.targets.len()).collect()),
        _ => state.plan.close(),
    }
    if phase == Phase::Finish {
        state.outcome = if decision == Decision::Reject { "rejected" } else { "complete" };
        state.reply.iter_mut().for_each(|reply| reply.sent = true);
    }
}

/// The first expectation that does not hold, and what came instead.
fn compare(test: &SelfTest, outcome: &Outcome, state: &State) -> Result<(), String> {
    let expect = &test.expect;
    let came = |status: Option<u16>, code: Option<&str>| {
        let status = status.map(|status| format!(" with status {status}")).unwrap_or_default();
        let code = code.map(|code| format!(" and code `{}`", shown(code.as_bytes()))).unwrap_or_default();
        format!("{status}{code}")
    };
    let differs = expect.decision != outcome.decision
        || expect.status.is_some_and(|status| outcome.status != Some(status))
        || expect.code.as_ref().is_some_and(|code| outcome.code.as_ref() != Some(code));
    if differs {
        return Err(format!(
            "expected `{}`{}, and it decided `{}`{}",
            expect.decision.as_str(),
            came(expect.status, expect.code.as_deref()),
            outcome.decision.as_str(),
            came(outcome.status, outcome.code.as_deref())
        ));
    }
    fields_hold("header of the request", &expect.request_headers, &state.request.headers)?;
    body_holds("the request's body", expect.request_body.as_ref(), &outcome.request_body)?;
    plan_holds(test, state.plan.order())?;
    let reply = state.reply.as_ref();
    let status =
        reply.map(|reply| reply.status.as_u16()).or_else(|| test.reply.as_ref().map(|one| one.status.as_u16()));
    if let Some(expected) = expect.reply_status.filter(|expected| Some(*expected) != status) {
        let came = status.map_or("none".to_owned(), |status| status.to_string());
        return Err(format!("expected {expected} as the answer's status, and it is {came}"));
    }
    let none = HeaderMap::new();
    let given = test.reply.as_ref().map_or(&none, |reply| &reply.headers);
    fields_hold("header of the answer", &expect.reply_headers, reply.map_or(given, |reply| &reply.headers))?;
    body_holds("the answer's body", expect.reply_body.as_ref(), &outcome.reply_body)?;
    for (name, expected) in &expect.labels {
        holds("label", name, expected, state.labels.get(name).map(String::as_bytes))?;
    }
    Ok(())
}

fn plan_holds(test: &SelfTest, order: &[u32]) -> Result<(), String> {
    let Some(expected) = &test.expect.plan else { return Ok(()) };
    let name = |number: &u32| test.request.targets.get(usize::try_from(*number).ok()?).cloned();
    let plan: Vec<String> = order.iter().filter_map(name).collect();
    match plan == *expected {
        true => Ok(()),
        false => Err(format!("expected the plan to be {expected:?}, and it is {plan:?}")),
    }
}

fn fields_hold(what: &str, expected: &[(http::HeaderName, Expected)], headers: &HeaderMap) -> Result<(), String> {
    for (name, expected) in expected {
        // Any of several fields of a name will do.
        let fits = |value: &http::HeaderValue| holds(what, name.as_str(), expected, Some(value.as_bytes())).is_ok();
        if !headers.get_all(name).iter().any(fits) {
            holds(what, name.as_str(), expected, headers.get(name).map(http::HeaderValue::as_bytes))?;
        }
    }
    Ok(())
}

fn holds(what: &str, name: &str, expected: &Expected, value: Option<&[u8]>) -> Result<(), String> {
    let came = || value.map_or("is not there".to_owned(), |value| format!("is `{}`", shown(value)));
    match (expected, value) {
        (Expected::Absent, None) | (Expected::Any, Some(_)) => Ok(()),
        (Expected::Value(text), Some(value)) if text.as_bytes() == value => Ok(()),
        (Expected::Absent, _) => Err(format!("expected no {what} `{name}`, and it {}", came())),
        (Expected::Any, _) => Err(format!("expected a {what} `{name}`, and it {}", came())),
        (Expected::Value(text), _) => {
            Err(format!("expected the {what} `{name}` to be `{}`, and it {}", shown(text.as_bytes()), came()))
        }
    }
}

fn body_holds(what: &str, expected: Option<&Bytes>, body: &Bytes) -> Result<(), String> {
    match expected.filter(|expected| *expected != body) {
        Some(expected) => Err(format!("expected {what} to be `{}`, and it is `{}`", shown(expected), shown(body))),
        None => Ok(()),
    }
}

/// Short, on one line, and without what could move a terminal's cursor.
fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let end = text.floor_char_boundary(SHOWN_BYTES_MAX.min(text.len()));
    let (start, rest) = text.split_at(end);
    let dots = if rest.is_empty() { "" } else { "…" };
    start.chars().flat_map(char::escape_debug).collect::<String>().replace("\\\"", "\"").replace("\\'", "'") + dots
}

/// What the test presents as a client would: it must not stand in a message, wherever the plugin has put it.
fn secrets(test: &SelfTest) -> Vec<String> {
    let mut headers = test.request.headers.clone();
    let (presented, _) = fields::take_presented(&mut headers, test.request.query.as_deref(), &[]);
    let values = presented.headers().values().filter_map(|value| value.to_str().ok());
    let members = presented.query_members().iter().filter_map(|member| Some(member.raw().split_once('=')?.1));
    let whole: Vec<&str> = values.chain(members).collect();
    // Behind a scheme, the second word is the secret.
    let words = whole.iter().flat_map(|value| value.split_ascii_whitespace());
    let mut secrets: Vec<String> = whole.iter().copied().chain(words).map(str::to_owned).collect();
    secrets.retain(|secret| secret.len() >= 6);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

fn hide(text: String, secrets: &[String]) -> String {
    secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "[secret]"))
}

/// The targets of a test by their names: nothing has been sent to them yet.
struct Idle(Vec<String>);

impl Candidates for Idle {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn facts(&self, name: &str) -> Vec<String> {
        match name {
            "name" => self.0.clone(),
            _ => vec![String::new(); self.0.len()],
        }
    }

    fn figures(&self, name: &str) -> Vec<Option<u64>> {
        let figure = matches!(name, "in-flight" | "rests-ms").then_some(0);
        vec![figure; self.0.len()]
    }
}

/// Metrics of a test are nobody's.
struct Nowhere;

impl PluginMetrics for Nowhere {
    fn add(&self, _entry: &str, _version: Version, _route: &str, _name: &str, _by: u64) {}

    fn observe(&self, _entry: &str, _version: Version, _route: &str, _name: &str, _value: f64) {}
}
