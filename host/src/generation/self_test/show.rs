//! What a plugin did in an exchange, for people: short, on one line each, and without what the exchange presents as a credential.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use sluicegate_runtime::{Phase, State};

use super::Drive;
use super::drive::GIVEN;
use super::model::ModelOutcome;
use super::service::Value;
use crate::config::{Decision, TestExchange};
use crate::http::{credential, fields};

/// Bytes of a value that are shown.
const VALUE_BYTES_MAX: usize = 120;

/// Makes texts fit to be shown.
pub struct Show {
    /// The longest first.
    secrets: Vec<String>,
}

/// What a plugin did. Where nothing is, it did nothing.
#[derive(Debug, Serialize)]
pub struct Seen {
    pub decision: &'static str,
    /// Of the rejection, or of the plugin's own answer.
    pub status: Option<u16>,
    pub code: Option<String>,
    pub message: Option<String>,
    pub retry_after_ms: Option<u64>,
    /// Why the exchange did not come to its end.
    pub failure: Option<String>,
    /// Method, path and query, if it changed them.
    pub request_line: Option<String>,
    pub request_headers: Vec<Change>,
    pub request_body: Option<BodySeen>,
    /// The targets that would be tried, in their order, where it was asked for a plan.
    pub plan: Option<Vec<String>>,
    /// Of the upstream's answer; of its own one, all that it has.
    pub reply_headers: Vec<Change>,
    pub reply_status: Option<u16>,
    pub reply_body: Option<BodySeen>,
    /// Of a call of a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<ModelCallSeen>,
    pub labels: BTreeMap<String, String>,
    /// The parts that it wrote.
    pub identity: BTreeMap<String, String>,
    pub metrics: Vec<MetricSeen>,
    pub calls: Vec<CallSeen>,
}

/// A header field that is another afterwards. Several of a name are joined by a comma.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub name: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A body that was replaced.
#[derive(Debug, Serialize)]
pub struct BodySeen {
    pub bytes: usize,
    /// Its beginning.
    pub text: String,
}

/// What became of a call of a model.
#[derive(Debug, Serialize)]
pub struct ModelCallSeen {
    pub model: String,
    /// The texts that the client did not send, by their place in the call, counted from 1.
    pub texts: BTreeMap<usize, String>,
    /// None where there was none to be chosen, or none was left.
    pub target: Option<String>,
    /// Names and reasons.
    pub skipped: Vec<(String, String)>,
    /// Of the answer.
    pub text: Option<String>,
    pub end: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct MetricSeen {
    pub name: String,
    /// What was added to a counter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added: Option<u64>,
    /// What a histogram was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<f64>,
}

#[derive(Debug, Serialize)]
pub struct CallSeen {
    pub phase: &'static str,
    pub microseconds: f64,
}

pub fn seen(drive: &Drive, exchange: &TestExchange, show: &Show) -> Seen {
    let outcome = &drive.outcome;
    let state = drive.exchange.lock();
    let rejection = outcome.rejection.as_ref();
    let none = HeaderMap::new();
    let mut before = exchange.request.headers.clone();
    let (_, query) = fields::take_presented(&mut before, exchange.request.query.as_deref(), &[]);
    let mut request_headers = changes(&before, &state.request.headers, show);
    request_headers.extend(set_in_clear(&state, show));
    let given = exchange.reply.as_ref();
    let reply_headers = match (outcome.decision(), &state.reply, rejection) {
        (Decision::Reject, _, Some(rejection)) => changes(&none, &rejection.fields, show),
        (Decision::Respond, Some(reply), _) => changes(&none, &reply.headers, show),
        (_, Some(reply), _) => changes(given.map_or(&none, |given| &given.headers), &reply.headers, show),
        _ => Vec::new(),
    };
    let reply_status = state.reply.as_ref().map(|reply| reply.status);
    let own_body = outcome.answer.as_ref().map(|answer| &answer.body).filter(|body| !body.is_empty());
    let by_plugin = state.identity.iter().filter(|(_, _, writer)| *writer == &*drive.entry && *writer != GIVEN);
    let planned = outcome.calls.iter().any(|(phase, _)| *phase == Phase::Route);
    Seen {
        decision: outcome.decision().as_str(),
        status: outcome.status(),
        code: outcome.code().map(str::to_owned),
        message: rejection.map(|rejection| show.value(rejection.message.as_bytes())),
        retry_after_ms: rejection.and_then(|rejection| rejection.retry_after).map(milliseconds),
        failure: outcome.failure.as_ref().map(|failure| show.text(failure)),
        request_line: request_line(&state, exchange, query, show),
        request_headers,
        request_body: outcome.request_body.as_ref().map(|body| show.body(body)),
        plan: planned.then(|| exchange.request.names(state.plan.order())),
        reply_headers,
        reply_status: reply_status
            .filter(|status| given.is_some_and(|given| given.status != *status))
            .filter(|_| outcome.decision() == Decision::Proceed)
            .map(|status| status.as_u16()),
        reply_body: outcome.reply_body.as_ref().or(own_body).map(|body| show.body(body)),
        call: outcome.model.as_ref().map(|model| model_call(model, exchange, show)),
        labels: state.labels.iter().map(|(name, value)| (name.clone(), show.value(value.as_bytes()))).collect(),
        identity: by_plugin.map(|(part, value, _)| (part.to_owned(), show.value(value.as_bytes()))).collect(),
        metrics: drive.written.values().into_iter().map(|(name, value)| metric(&name, value, show)).collect(),
        calls: outcome.calls.iter().map(|(phase, took)| call(phase.as_str(), *took)).collect(),
    }
}

fn request_line(state: &State, given: &TestExchange, query: Option<String>, show: &Show) -> Option<String> {
    let now = &state.request;
    if (&now.method, &now.path, &now.query) == (&given.request.method, &given.request.path, &query) {
        return None;
    }
    let query = now.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    Some(show.value(format!("{} {}{query}", now.method, now.path).as_bytes()))
}

fn changes(before: &HeaderMap, after: &HeaderMap, show: &Show) -> Vec<Change> {
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).map(HeaderName::as_str).collect();
    let values =
        |headers: &HeaderMap, name: &str| -> Vec<HeaderValue> { headers.get_all(name).iter().cloned().collect() };
    let shown = |values: &[HeaderValue]| {
        let shown: Vec<String> = values.iter().map(|value| show.value(value.as_bytes())).collect();
        (!shown.is_empty()).then(|| shown.join(", "))
    };
    let changed = names.into_iter().filter_map(|name| {
        let (before, after) = (values(before, name), values(after, name));
        (before != after).then(|| Change { name: show.text(name), before: shown(&before), after: shown(&after) })
    });
    changed.collect()
}

/// Fields that carry credentials and that a plugin with the grant for it has set: their names, and never a value.
fn set_in_clear(state: &State, show: &Show) -> Vec<Change> {
    let names = state.presented.headers().keys().filter(|name| state.presented.is_set_for_upstream(name));
    let change =
        |name: &HeaderName| Change { name: show.text(name.as_str()), before: None, after: Some(HIDDEN.to_owned()) };
    names.map(change).collect()
}

fn model_call(model: &ModelOutcome, exchange: &TestExchange, show: &Show) -> ModelCallSeen {
    let text = |text: &str| show.value(text.as_bytes());
    let name = |target: u32| exchange.request.names(&[target]).concat();
    let changed = (1..).zip(&model.texts).filter(|(_, after)| !model.texts_before.contains(after));
    ModelCallSeen {
        model: text(&model.model),
        texts: changed.map(|(place, after)| (place, text(after))).collect(),
        target: model.target.map(name),
        skipped: model.skipped.iter().map(|(target, reason)| (name(*target), text(reason))).collect(),
        text: model.text.as_deref().map(text),
        end: model.end.as_deref().map(text),
    }
}

fn metric(name: &str, value: Value, show: &Show) -> MetricSeen {
    let name = show.value(name.as_bytes());
    match value {
        Value::Added(by) => MetricSeen { name, added: Some(by), observed: None },
        Value::Observed(value) => MetricSeen { name, added: None, observed: Some(value) },
    }
}

fn call(phase: &'static str, took: Duration) -> CallSeen {
    CallSeen { phase, microseconds: took.as_nanos() as f64 / 1000.0 }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What stands in the place of a secret.
const HIDDEN: &str = "[secret]";

impl Show {
    /// Hides what the exchange presents as a client would, wherever the plugin has put it, and `further` secrets.
    pub fn new(exchange: &TestExchange, further: &[String]) -> Show {
        let mut headers = exchange.request.headers.clone();
        let (presented, _) = fields::take_presented(&mut headers, exchange.request.query.as_deref(), &[]);
        let mut secrets = credential::texts(&presented);
        secrets.extend(further.iter().filter(|secret| secret.len() >= credential::BYTES_MIN).cloned());
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Show { secrets }
    }

    /// Without secrets, on one line, and without what could move a terminal's cursor.
    pub fn text(&self, text: &str) -> String {
        let hidden = self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN));
        let printable = hidden.chars().flat_map(char::escape_debug).collect::<String>();
        printable.replace("\\\"", "\"").replace("\\'", "'")
    }

    /// The same, and short.
    pub fn value(&self, value: &[u8]) -> String {
        let text = String::from_utf8_lossy(value);
        let hidden = self.secrets.iter().fold(text.into_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN));
        let end = hidden.floor_char_boundary(VALUE_BYTES_MAX.min(hidden.len()));
        let (start, rest) = hidden.split_at(end);
        self.text(start) + if rest.is_empty() { "" } else { "…" }
    }

    fn body(&self, body: &Bytes) -> BodySeen {
        BodySeen { bytes: body.len(), text: self.value(body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_exchanges;

    fn show(request: &str) -> Show {
        let text = format!("[[exchanges]]\nname = \"x\"\nrequest = {request}\n");
        let exchanges = parse_exchanges(std::path::Path::new("x.toml"), text).expect("exchanges");
        Show::new(&exchanges.trials[0].exchange, &["sg_of_the_file".to_owned()])
    }

    #[test]
    fn what_a_request_presents_is_hidden_whole_and_in_parts() {
        let show = show(
            "{ path = \"/?key=in%2Fquery\", headers = { authorization = \"Bearer of-the-header\", cookie = \"a=first-cookie; b=second-cookie\" } }",
        );
        for secret in [
            "Bearer of-the-header",
            "of-the-header",
            "first-cookie",
            "second-cookie",
            "in%2Fquery",
            "in/query",
            "sg_of_the_file",
        ] {
            assert_eq!(show.text(&format!("<{secret}>")), "<[secret]>", "{secret}");
            assert_eq!(show.value(format!("<{secret}>").as_bytes()), "<[secret]>", "{secret}");
        }
        assert_eq!(show.text("Bearer realm"), "Bearer realm", "a scheme is no secret");
    }

    #[test]
    fn a_value_is_short_and_cannot_steer_a_terminal() {
        let show = show("{ headers = { x-api-key = \"secret-in-a-field\" } }");
        assert_eq!(show.value(b"\x1b[31m\xff\"'"), "\\u{1b}[31m\u{fffd}\"'");
        // Hidden before it is cut: no half of a secret is left at the end.
        let long = format!("{}secret-in-a-field", "x".repeat(VALUE_BYTES_MAX - 8));
        let shown = show.value(long.as_bytes());
        assert!(shown.ends_with("[secret]") && !shown.contains("secret-in"), "{shown}");
        assert!(show.value(&[b'y'; 500]).ends_with("y…"));
    }
}
