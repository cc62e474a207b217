//! What a trace tells: one line of JSON when it is armed, one for each exchange, one at its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::registry::{Armed, Traces};

/// The lines of one trace. Dropped, it disarms it.
pub struct TraceLines {
    traces: Arc<Traces>,
    armed: Arc<Armed>,
    lines: mpsc::Receiver<Bytes>,
    gateway_ends: watch::Receiver<bool>,
    count: u32,
    time: Duration,
    told: u32,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Armed,
    Over,
}

impl TraceLines {
    pub(super) fn new(
        traces: Arc<Traces>,
        armed: Arc<Armed>,
        lines: mpsc::Receiver<Bytes>,
        gateway_ends: watch::Receiver<bool>,
        count: u32,
        time: Duration,
    ) -> TraceLines {
        TraceLines { traces, armed, lines, gateway_ends, count, time, told: 0, stage: Stage::New }
    }

    /// Each with its line end.
    pub fn stream(self) -> impl Stream<Item = Bytes> + Send + 'static {
        unfold(self, |mut lines| async move { lines.next().await.map(|line| (line, lines)) })
    }

    pub(super) async fn next(&mut self) -> Option<Bytes> {
        match self.stage {
            Stage::New => {
                self.stage = Stage::Armed;
                Some(line(&json!({"armed": {
                    "id": self.armed.id,
                    "count": self.count,
                    "timeout_s": self.time.as_secs(),
                }})))
            }
            Stage::Armed if self.told >= self.count => Some(self.end("count")),
            Stage::Armed => {
                let until = self.armed.until;
                let why = tokio::select! {
                    biased;
                    told = self.lines.recv() => match told {
                        Some(told) => {
                            self.told += 1;
                            return Some(told);
                        }
                        None => "gateway",
                    },
                    () = tokio::time::sleep_until(until) => "time",
                    _ = self.gateway_ends.wait_for(|ended| *ended) => "gateway",
                };
                Some(self.end(why))
            }
            Stage::Over => None,
        }
    }

    fn end(&mut self, why: &str) -> Bytes {
        self.stage = Stage::Over;
        self.traces.disarm(self.armed.id);
        line(&json!({"ended": {
            "why": why,
            "exchanges": self.told,
            "open": self.armed.open.load(Ordering::Relaxed),
            "missed": self.armed.missed.load(Ordering::Relaxed),
        }}))
    }
}

impl Drop for TraceLines {
    fn drop(&mut self) {
        self.traces.disarm(self.armed.id);
    }
}

fn line(value: &Value) -> Bytes {
    format!("{value}\n").into()
}
