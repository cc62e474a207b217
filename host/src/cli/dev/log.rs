//! What happens in the gateway, in lines for the one who writes the plugin: the log's events, and one line a request.

use std::fmt;
use std::io::{self, Write};

use serde::Deserialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Without time and target: whoever reads them sits beside.
pub(super) struct Events;

impl<S, N> FormatEvent<S, N> for Events
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut seen = Seen::default();
        event.record(&mut seen);
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        if let Some(plugin) = &seen.plugin {
            write!(writer, "{plugin} ")?;
        }
        writer.write_str(level)?;
        if !seen.others.is_empty() {
            write!(writer, " ({})", seen.others.join(", "))?;
        }
        writeln!(writer, ": {}", seen.message)
    }
}

/// The fields of an event. The request's id is left out: one request is at work mostly, and its line follows.
#[derive(Default)]
struct Seen {
    plugin: Option<String>,
    message: String,
    others: Vec<String>,
}

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "plugin" => self.plugin = Some(value.to_owned()),
            "request_id" => {}
            name => self.others.push(format!("{name} {value}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "request_id" => {}
            name => self.others.push(format!("{name} {value:?}")),
        }
    }
}

/// Takes the access log's lines, and writes one for a reader in the place of each.
pub(super) struct Requests<W> {
    line: Vec<u8>,
    inner: W,
}

impl<W: Write> Requests<W> {
    pub(super) fn new(inner: W) -> Requests<W> {
        Requests { line: Vec::new(), inner }
    }
}

impl<W: Write> Write for Requests<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The log writes whole lines, each of which the redactor has passed.
        for byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    if let Ok(record) = serde_json::from_slice::<Record>(&line) {
                        // What a client or a plugin has written must not look like further lines.
                        writeln!(self.inner, "{}", record.to_string().replace(char::is_control, " "))?;
                    }
                }
                byte => self.line.push(*byte),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// What is shown of the access log's line.
#[derive(Deserialize)]
struct Record {
    method: String,
    path: String,
    status: Option<u16>,
    outcome: String,
    code: Option<String>,
    decided_by: Option<String>,
    upstream: Option<String>,
    labels: Map<String, Value>,
    bypasses: Map<String, Value>,
    duration_us: u64,
}

impl fmt::Display for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}  ", self.method, self.path)?;
        match self.status {
            Some(status) => write!(formatter, "{status}  ")?,
            None => formatter.write_str("no answer  ")?,
        }
        match (&self.decided_by, &self.code, &self.upstream) {
            (Some(entry), Some(code), _) => write!(formatter, "refused by {entry}: {code}")?,
            (Some(entry), None, _) => write!(formatter, "answered by {entry}")?,
            (None, Some(code), _) => write!(formatter, "refused by the gateway: {code}")?,
            (None, None, Some(upstream)) => write!(formatter, "answered by upstream {upstream}")?,
            (None, None, None) => formatter.write_str("not answered")?,
        }
        if !["complete", "rejected"].contains(&self.outcome.as_str()) {
            write!(formatter, ", {}", self.outcome)?;
        }
        for entry in self.bypasses.keys() {
            write!(formatter, ", {entry} passed over")?;
        }
        for (name, value) in &self.labels {
            write!(formatter, "  {name}={}", value.as_str().unwrap_or_default())?;
        }
        write!(formatter, "  {}.{} ms", self.duration_us / 1000, self.duration_us / 100 % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"time":"x","method":"GET","path":"/orders","status":200,"outcome":"complete","code":null,"decided_by":null,"upstream":"echo","labels":{"team":"blue"},"bypasses":{},"duration_us":1250}"#;

    fn shown(lines: &[String]) -> String {
        let mut out = Vec::new();
        let mut requests = Requests::new(&mut out);
        for line in lines {
            // As it may come: in pieces.
            let (first, second) = line.as_bytes().split_at(line.len() / 2);
            requests.write_all(first).unwrap();
            requests.write_all(second).unwrap();
            requests.write_all(b"\n").unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_request_is_a_line_that_says_who_decided() {
        let refused = LINE
            .replace("200", "400")
            .replace("\"complete\"", "\"rejected\"")
            .replace("\"code\":null", "\"code\":\"header_missing\"")
            .replace("\"decided_by\":null", "\"decided_by\":\"my-policy\"");
        let failed = LINE
            .replace("200", "500")
            .replace("\"complete\"", "\"failed\"")
            .replace("\"code\":null", "\"code\":\"policy_failed\"");
        let forged = LINE.replace("blue", "a\\nGET /forged");
        let gone = LINE.replace("200", "null").replace("\"complete\"", "\"client_gone\"");
        let passed = LINE.replace("\"bypasses\":{}", "\"bypasses\":{\"my-policy\":1}");
        assert_eq!(
            shown(&[LINE.to_owned(), refused, failed, gone, passed, forged]),
            "GET /orders  200  answered by upstream echo  team=blue  1.2 ms\n\
             GET /orders  400  refused by my-policy: header_missing  team=blue  1.2 ms\n\
             GET /orders  500  refused by the gateway: policy_failed, failed  team=blue  1.2 ms\n\
             GET /orders  no answer  answered by upstream echo, client_gone  team=blue  1.2 ms\n\
             GET /orders  200  answered by upstream echo, my-policy passed over  team=blue  1.2 ms\n\
             GET /orders  200  answered by upstream echo  team=a GET /forged  1.2 ms\n"
        );
    }

    #[test]
    fn what_the_access_log_writes_can_be_shown() {
        let line = include_str!(
            "../../telemetry/access_log/snapshots/sluicegate__telemetry__access_log__tests__a_record_is_one_line_of_json.snap"
        );
        let line = line.lines().find(|line| line.starts_with('{')).unwrap();
        assert!(shown(&[line.to_owned()]).ends_with(" ms\n"), "{line}");
    }
}
