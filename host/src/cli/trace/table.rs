//! One traced request for a person: a heading, and under it a row for each step, in columns.

use serde_json::Value;

use super::text::{milliseconds, number, word};
use crate::cli::paint::{Colour, Paint};
use crate::cli::plain::plain;

pub(super) struct Table {
    pub(super) paint: Paint,
}

/// One row, and what is indented under it.
struct Row {
    is_call: bool,
    at_us: u64,
    took_us: Option<u64>,
    /// The phase, or the host's own step.
    what: String,
    /// The chain entry or the upstream.
    who: String,
    result: (Colour, String),
    /// Times and sizes.
    aside: String,
    under: Vec<(Colour, String)>,
}

impl Table {
    pub(super) fn exchange(&self, exchange: &Value) -> String {
        let rows: Vec<Row> = exchange["steps"].as_array().into_iter().flatten().filter_map(Row::of).collect();
        let width = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
        let (what, who) = (width(|row| &row.what), width(|row| &row.who));
        let mut text = self.heading(exchange);
        text.push_str(&self.paint(Colour::Dim, &format!("  {:>10} {:>10}\n", "at ms", "took ms")));
        let mut phase = "";
        for row in &rows {
            // A phase is named where it begins.
            let shown = if row.what == phase { "" } else { row.what.as_str() };
            phase = if row.is_call { &row.what } else { "" };
            let took = row.took_us.map(milliseconds).unwrap_or_default();
            let times = format!("  {:>10} {took:>10}", milliseconds(row.at_us));
            let line = format!(
                "{}  {}  {:who$}  {}{}",
                self.paint(Colour::Dim, &times),
                self.paint(Colour::Cyan, &format!("{shown:what$}")),
                row.who,
                self.paint(row.result.0, &row.result.1),
                self.paint(Colour::Dim, &row.aside),
            );
            text.push_str(line.trim_end());
            text.push('\n');
            for (colour, line) in &row.under {
                let indent = " ".repeat(2 + 10 + 1 + 10 + 2 + what + 2 + 2);
                text.push_str(&format!("{indent}{}\n", self.paint(*colour, line)));
            }
        }
        let left_out = number(exchange, "steps_left_out");
        if left_out > 0 {
            text.push_str(&format!("  {left_out} further steps are left out\n"));
        }
        text.push('\n');
        text
    }

    fn heading(&self, exchange: &Value) -> String {
        let status = exchange["status"].as_u64().map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let code = exchange["code"].as_str().map(|code| format!(" {}", plain(code))).unwrap_or_default();
        let first = format!(
            "{} {}{} → {status}{code}, {}, {} ms",
            word(exchange, "method"),
            word(exchange, "authority"),
            word(exchange, "path"),
            word(exchange, "outcome"),
            milliseconds(number(exchange, "duration_us")),
        );
        let mut facts = vec![
            format!("request {}", word(exchange, "request_id")),
            format!("from {}", word(exchange, "client_address")),
            format!("generation {}", number(exchange, "generation")),
        ];
        for (member, name) in
            [("route", "route"), ("consumer", "consumer"), ("key_id", "key"), ("decided_by", "decided by")]
        {
            facts.extend(exchange[member].as_str().map(|value| format!("{name} {}", plain(value))));
        }
        let bytes = (number(exchange, "request_bytes"), number(exchange, "reply_bytes"));
        facts.push(format!("{} bytes in, {} out", bytes.0, bytes.1));
        format!("{}\n  {}\n", self.paint(Colour::Bold, &first), facts.join(", "))
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        self.paint.paint(colour, text)
    }
}

impl Row {
    /// None for a step that only a newer gateway has.
    fn of(step: &Value) -> Option<Row> {
        let name = step["step"].as_str()?;
        let (what, who, result) = match name {
            "call" => return Some(Row::of_call(step)),
            "route" => {
                let route = step["route"].as_str().map_or_else(|| "-".to_owned(), plain);
                ("route".to_owned(), route, (Colour::Green, word(step, "why")))
            }
            "body" => {
                let bytes = step["bytes"].as_u64().map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
                let how = format!("{}{bytes}", word(step, "how"));
                (format!("{} body", word(step, "of")), String::new(), (Colour::Green, how))
            }
            "attempt" => {
                let answer = match (step["status"].as_u64(), step["error"].as_str()) {
                    (Some(status), _) => (Colour::Green, status.to_string()),
                    (None, error) => (Colour::Red, plain(error.unwrap_or_default())),
                };
                ("attempt".to_owned(), word(step, "upstream"), answer)
            }
            "refused" => {
                let said = format!("{} {}: {}", number(step, "status"), word(step, "code"), word(step, "message"));
                ("refused".to_owned(), "gateway".to_owned(), (Colour::Red, said))
            }
            "answer" => {
                let status = number(step, "status").to_string();
                ("answer".to_owned(), String::new(), (Colour::Green, format!("{status}, first byte")))
            }
            "cut" => {
                let said = format!("{}: {}", word(step, "code"), word(step, "message"));
                ("cut".to_owned(), String::new(), (Colour::Red, said))
            }
            "end" => ("end".to_owned(), String::new(), (Colour::Green, word(step, "outcome"))),
            _ => return None,
        };
        let took_us = step["took_us"].as_u64();
        Some(Row {
            is_call: false,
            at_us: number(step, "at_us"),
            took_us,
            what,
            who,
            result,
            aside: String::new(),
            under: Vec::new(),
        })
    }

    fn of_call(step: &Value) -> Row {
        let version = match step["version"].as_str() {
            None | Some("stable") => String::new(),
            Some(version) => format!(" ({})", plain(version)),
        };
        let message = word(step, "message");
        let places = (step["decision"] == "fail").then(|| message.split_once(PLACES)).flatten();
        let places = places.map(|(_, places)| (Colour::Red, format!("at {places}")));
        let mut under: Vec<(Colour, String)> = places.into_iter().collect();
        under.extend(step["did"].as_array().into_iter().flatten().map(deed));
        let left_out = number(step, "did_left_out");
        if left_out > 0 {
            under.push((Colour::Dim, format!("and {left_out} more that are left out")));
        }
        Row {
            is_call: true,
            at_us: number(step, "at_us"),
            took_us: step["took_us"].as_u64(),
            what: word(step, "phase"),
            who: format!("{}{version}", word(step, "entry")),
            result: decision(step),
            aside: aside(step),
            under,
        }
    }
}

/// Stands in a failure's message in front of where it was.
const PLACES: &str = "; at ";

fn decision(step: &Value) -> (Colour, String) {
    let message = word(step, "message");
    match step["decision"].as_str().unwrap_or_default() {
        "reject" => (Colour::Red, format!("reject {} {}: {message}", number(step, "status"), word(step, "code"))),
        "respond" => (Colour::Yellow, format!("respond {}", number(step, "status"))),
        "fail" => {
            let then = match step["then"].as_str() {
                Some("allow") => "the request goes on without it",
                Some("deny") => "the request is refused",
                _ => "the request is not touched",
            };
            let kind = word(step, "failure");
            let message = message.split_once(PLACES).map_or(message.as_str(), |(why, _)| why);
            let what = if kind == "suspended" { "not called".to_owned() } else { format!("fail {kind}") };
            (Colour::Red, format!("{what}, {then}: {message}"))
        }
        "cancelled" => (Colour::Yellow, "cancelled".to_owned()),
        other => (Colour::Green, plain(other)),
    }
}

/// How many calls it sums up, how long they waited, and what went through them.
fn aside(step: &Value) -> String {
    let mut parts = Vec::new();
    let calls = number(step, "calls");
    if calls > 1 {
        parts.push(format!("{calls} pieces until {} ms", milliseconds(number(step, "until_us"))));
    }
    match (step["bytes_in"].as_u64(), step["bytes_out"].as_u64()) {
        (Some(0), Some(0)) => parts.push("the end".to_owned()),
        (Some(bytes), Some(out)) if bytes == out => parts.push(format!("{bytes} bytes")),
        (Some(bytes), Some(out)) => parts.push(format!("{bytes} → {out} bytes")),
        (Some(bytes), None) | (None, Some(bytes)) => parts.push(format!("{bytes} bytes")),
        (None, None) => {}
    }
    let waited = number(step, "waited_us");
    if waited > 0 {
        parts.push(format!("waited {} ms", milliseconds(waited)));
    }
    if parts.is_empty() { String::new() } else { format!("  ({})", parts.join(", ")) }
}

/// As a person would say it, where the call says it in the contract's words.
fn deed(did: &Value) -> (Colour, String) {
    let (call, name, value) = (word(did, "call"), word(did, "name"), word(did, "value"));
    let (of, does) = call.split_once('.').unwrap_or((&call, ""));
    let (of, name) = (of.to_owned(), if name.is_empty() { String::new() } else { format!(" {name}") });
    let value = if value.is_empty() { String::new() } else { format!(": {value}") };
    let said = match (of.as_str(), does) {
        ("log", _) => format!("log{name}{value}"),
        (_, "set-header" | "append-header" | "append-reply-cookie") => {
            let head = if of == "reply" || does == "append-reply-cookie" { "answer" } else { "request" };
            format!("{head}: {}{name}{value}", does.split('-').next().unwrap_or_default())
        }
        (_, "remove-header") => format!("{}: remove{name}", if of == "reply" { "answer" } else { "request" }),
        ("request", "set-method" | "set-path" | "set-query") => {
            format!("request: {}{value}", does.replace("set-", "set "))
        }
        ("reply", "set-status") => format!("answer: set status{value}"),
        ("labels", _) => format!("label{name}{value}"),
        ("identity-writer", _) => format!("identity{name}{value}"),
        ("metrics", _) => format!("metric{name}{value}"),
        ("keys", _) => format!("key in{name}{value}"),
        ("counters", _) => format!("counter{name}{value}"),
        _ => format!("{call}{name}{value}"),
    };
    match did["refused"].as_str() {
        Some(why) => (Colour::Yellow, format!("{said} ({})", plain(why))),
        None => (Colour::Dim, said),
    }
}

#[cfg(test)]
mod tests;
