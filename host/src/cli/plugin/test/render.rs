//! What a person reads of the exchanges: one block each, a row for everything that the plugin did.

use super::{Report, Tried, Verdict};
use crate::cli::paint::Paint;
use crate::generation::self_test::{BodySeen, Change, MetricSeen, ModelCallSeen, Seen};

/// Columns in front of a row's value.
const LABEL_WIDTH: usize = 10;

pub(super) fn render(report: &Report, paint: Paint) -> String {
    let mut text = format!("{}, contract {}\n", paint.bold(&report.plugin), report.contract);
    let mut rows = Rows { text: String::new(), last: "", paint };
    for line in &report.configure_log {
        rows.add("configure", &format!("{}: {}", line.level, line.message));
    }
    text.push_str(&rows.text);
    text.push('\n');
    for tried in &report.exchanges {
        text.push_str(&block(tried, paint));
        text.push('\n');
    }
    text.push_str(&summary(report, paint));
    text
}

fn summary(report: &Report, paint: Paint) -> String {
    let part = |count: usize, word: &str, colour: fn(Paint, &str) -> String| {
        let part = format!("{count} {word}");
        if count > 0 { colour(paint, &part) } else { part }
    };
    let mut parts = vec![part(report.passed, "passed", Paint::good), part(report.failed, "failed", Paint::bad)];
    if report.shown > 0 {
        parts.push(part(report.shown, "shown", Paint::plain));
    }
    parts.join(", ") + "\n"
}

fn block(tried: &Tried, paint: Paint) -> String {
    let word = match tried.result {
        Verdict::Passed => paint.good(tried.result.as_str()),
        Verdict::Failed => paint.bad(tried.result.as_str()),
        // As wide as the others.
        Verdict::Shown => paint.plain(tried.result.as_str()) + " ",
    };
    let mut rows = Rows { text: format!("{word}  {}\n", paint.bold(&tried.name)), last: "", paint };
    if let Some(problem) = &tried.problem {
        rows.add("problem", &paint.bad(&without_trace(problem)));
    }
    if let Some(seen) = &tried.seen {
        rows.add("decision", &decision(seen));
        rows.add_some("message", seen.message.as_deref());
        rows.seen(seen);
    }
    for line in &tried.log {
        rows.add("log", &format!("{}: {}", line.level, line.message));
    }
    if let Some(seen) = &tried.seen {
        rows.times(seen, tried);
    }
    rows.text
}

/// The functions of a trace have no names in a component that was stripped; `--json` has them.
fn without_trace(problem: &str) -> String {
    match (problem.split_once("error while executing at wasm backtrace:"), problem.rsplit_once("wasm trap: ")) {
        (Some((before, _)), Some((_, cause))) => format!("{before}{cause}"),
        _ => problem.to_owned(),
    }
}

fn decision(seen: &Seen) -> String {
    let mut text = seen.decision.to_owned();
    if let Some(status) = seen.status {
        text.push_str(&format!(" {status}"));
    }
    if let Some(code) = &seen.code {
        text.push_str(&format!(" {code}"));
    }
    if let Some(wait) = seen.retry_after_ms {
        text.push_str(&format!(", retry after {wait} ms"));
    }
    // What it would have decided after its failure, nobody knows.
    if seen.failure.is_some() && seen.decision == "proceed" { "none: it failed".to_owned() } else { text }
}

struct Rows {
    text: String,
    /// The label of the row above, which is not repeated.
    last: &'static str,
    paint: Paint,
}

impl Rows {
    fn add(&mut self, label: &'static str, value: &str) {
        let shown = if label == self.last { "" } else { label };
        let label_shown = self.paint.dim(&format!("{shown:<LABEL_WIDTH$}"));
        self.text.push_str(&format!("        {label_shown}{value}\n"));
        self.last = label;
    }

    fn add_some(&mut self, label: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(label, value);
        }
    }

    fn seen(&mut self, seen: &Seen) {
        self.add_some("request", seen.request_line.as_deref());
        self.changes("request", &seen.request_headers);
        self.body("request", seen.request_body.as_ref());
        if let Some(plan) = &seen.plan {
            self.add("plan", &if plan.is_empty() { "none is left".to_owned() } else { plan.join(", ") });
        }
        self.call(seen.call.as_ref());
        if let Some(status) = seen.reply_status {
            self.add("answer", &format!("status {status}"));
        }
        self.changes("answer", &seen.reply_headers);
        self.body("answer", seen.reply_body.as_ref());
        for (name, value) in &seen.labels {
            self.add("labels", &format!("{name} = {value}"));
        }
        for (part, value) in &seen.identity {
            self.add("identity", &format!("{part} = {value}"));
        }
        for MetricSeen { name, added, observed } in &seen.metrics {
            let value = added.map(|by| format!("+{by}")).or(observed.map(|value| value.to_string()));
            self.add("metrics", &format!("{name} {}", value.unwrap_or_default()));
        }
    }

    fn call(&mut self, seen: Option<&ModelCallSeen>) {
        let Some(seen) = seen else { return };
        self.add("model", &seen.model);
        for (place, text) in &seen.texts {
            self.add("texts", &format!("~ {place}: {text}"));
        }
        for (name, reason) in &seen.skipped {
            self.add("targets", &format!("{name} is skipped: {reason}"));
        }
        self.add_some("targets", seen.target.as_deref());
        self.add_some("text", seen.text.as_deref());
        self.add_some("end", seen.end.as_deref());
    }

    fn changes(&mut self, label: &'static str, changes: &[Change]) {
        for Change { name, before, after } in changes {
            let row = match (before, after) {
                (None, Some(after)) => self.paint.good(&format!("+ {name}: {after}")),
                (Some(before), Some(after)) => self.paint.plain(&format!("~ {name}: {before} → {after}")),
                (_, None) => self.paint.bad(&format!("- {name}")),
            };
            self.add(label, &row);
        }
    }

    fn body(&mut self, label: &'static str, body: Option<&BodySeen>) {
        if let Some(BodySeen { bytes, text }) = body {
            self.add(label, &format!("body, {bytes} bytes: {text}"));
        }
    }

    fn times(&mut self, seen: &Seen, tried: &Tried) {
        let calls = seen.calls.iter().map(|call| format!("{} {:.1} µs", call.phase, call.microseconds));
        let calls: Vec<String> = calls.collect();
        let frozen = if tried.not_frozen.is_some() { ", not frozen" } else { "" };
        let calls = if calls.is_empty() { "no phase ran".to_owned() } else { calls.join(", ") };
        self.add("time", &self.paint.dim(&format!("{calls} ({}{frozen})", tried.isolation)));
    }
}
