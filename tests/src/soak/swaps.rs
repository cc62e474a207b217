//! Changes the gateway's configuration again and again: each time something else, and in another way.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::Value;

use super::book::Book;
use super::client::Client;
use super::config::State;
use super::load::{Load, Sizes};
use super::upstream::ScriptedUpstream;
use crate::client::{Reply, send};
use crate::gateway::{Gateway, PATIENCE};

#[derive(Debug, Clone, Copy)]
enum Way {
    /// The files change, and the gateway sees it.
    Watch,
    /// The files change, and a signal says so.
    Hangup,
    Push,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Value,
    PluginFile,
    Order,
    Route,
}

const WAYS: [Way; 3] = [Way::Watch, Way::Hangup, Way::Push];
const CHANGES: [Change; 4] = [Change::Value, Change::PluginFile, Change::Order, Change::Route];
/// How often it is looked whether a generation serves.
const LOOK_INTERVAL: Duration = Duration::from_millis(2);
/// Streams that have lasted long enough have so long to end before the next swap.
const REST: Duration = Duration::from_millis(25);

/// A gateway between clients and an upstream that are all in the book.
pub struct Stand {
    pub gateway: Gateway,
    pub upstream: ScriptedUpstream,
    pub book: Arc<Book>,
    /// How many swaps there have been.
    pub swaps: Arc<AtomicU64>,
    state: State,
    plugin_file: String,
    turn: usize,
    /// The newest that was looked at.
    generation: u64,
}

impl Stand {
    pub async fn start() -> Stand {
        let upstream = ScriptedUpstream::start().await;
        let state = State::default();
        let gateway = state.start_gateway(&upstream.url());
        let book = Arc::<Book>::default();
        book.makes(state);
        let swaps = upstream.swaps().clone();
        let plugin_file = "marker.wasm".to_owned();
        Stand { gateway, upstream, book, swaps, state, plugin_file, turn: 0, generation: 1 }
    }

    pub fn load(&self, sizes: Sizes) -> Load {
        Load::start(self.gateway.address(), &self.book, &self.swaps, sizes)
    }

    /// One swap; returns when it serves. The error is the gateway's refusal.
    pub async fn swap(&mut self) -> Result<(), String> {
        let way = WAYS[self.turn % WAYS.len()];
        let change = CHANGES[self.turn / WAYS.len() % CHANGES.len()];
        self.turn += 1;
        let before = self.state;
        let files_before = self.plugin_file.clone();
        match change {
            Change::PluginFile => self.state.mark += 1,
            Change::Value => self.state.version += 1,
            Change::Order => {
                self.state.version += 1;
                self.state.reversed = !before.reversed;
            }
            Change::Route => {
                self.state.version += 1;
                self.state.moved = !before.moved;
            }
        }
        self.book.makes(self.state);
        match (way, change) {
            (Way::Push, Change::PluginFile) => {
                self.plugin_file = format!("marker-{}.wasm", self.state.mark);
                self.replace(&self.plugin_file, &self.state.plugin());
                self.push(&self.text("")).await?;
            }
            (Way::Push, _) => drop(self.push(&self.text("")).await?),
            (Way::Watch, Change::PluginFile) => self.replace(&self.plugin_file, &self.state.plugin()),
            (Way::Watch, _) => self.replace("sluicegate.toml", self.text("").as_bytes()),
            (Way::Hangup, _) => {
                if matches!(change, Change::PluginFile) {
                    self.replace(&self.plugin_file, &self.state.plugin());
                }
                self.replace("sluicegate.toml", self.text("").as_bytes());
                self.gateway.signal("HUP");
            }
        }
        self.wait().await.map_err(|error| format!("{change:?} by {way:?}: {error}"))?;
        if files_before != self.plugin_file {
            drop(fs::remove_file(self.gateway.folder().join(files_before)));
        }
        self.swaps.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(REST).await;
        Ok(())
    }

    /// The configuration that serves, with further tables.
    pub fn text(&self, more: &str) -> String {
        self.state.text(&self.upstream.url(), &self.plugin_file, more)
    }

    /// Makes a text the configuration that serves in other respects as before.
    pub async fn push_same(&mut self, text: &str) -> Result<(), String> {
        self.push(text).await?;
        self.wait().await
    }

    /// In the place of the file of this name, by a rename.
    pub fn replace(&self, name: &str, bytes: &[u8]) {
        let partial = self.gateway.folder().join("partial");
        fs::write(&partial, bytes).expect("the folder is there");
        fs::rename(&partial, self.gateway.folder().join(name)).expect("the folder is there");
    }

    /// The generations that are live once those without requests have gone.
    pub async fn live_generations(&self) -> usize {
        let started = Instant::now();
        loop {
            let live = self.admin("GET", "/generations", "").await.json();
            let live = live.as_array().map_or(0, Vec::len);
            if live == 1 || started.elapsed() > Duration::from_secs(5) {
                return live;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Waits until the access log has a line for all that is in the book.
    pub async fn wait_for_log(&self) {
        let started = Instant::now();
        let log = self.access_log();
        while lines(&log) < self.book.exchanges() && started.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn access_log(&self) -> std::path::PathBuf {
        self.gateway.folder().join("access.log")
    }

    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    async fn push(&self, text: &str) -> Result<Value, String> {
        let reply = self.admin("POST", "/config", text).await;
        match reply.status.as_u16() {
            200 => Ok(reply.json()),
            _ => Err(format!("a push is refused: {}", reply.text())),
        }
    }

    async fn admin(&self, method: &str, path: &str, body: &str) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.gateway.admin()))
            .header("authorization", format!("Bearer {}", self.gateway.admin_token()))
            .body(Full::<Bytes>::from(body.to_owned()));
        send(request.expect("a request")).await
    }

    /// Until a generation serves whose marks are those of the state that was asked for.
    async fn wait(&mut self) -> Result<(), String> {
        let started = Instant::now();
        loop {
            let known = self.generation;
            let newest = self.gateway.last_in_stderr(|line| number_after(line, "generation ", " serves new requests"));
            let Some(next) = newest.filter(|newest| *newest > known) else {
                let refused = |line: &String| line.contains("configuration is refused").then(|| line.clone());
                if let Some(refused) = self.gateway.last_in_stderr(refused) {
                    return Err(refused);
                }
                if started.elapsed() > PATIENCE {
                    let lines = self.gateway.stderr_lines();
                    let last = lines[lines.len().saturating_sub(10)..].join("\n");
                    return Err(format!("the change is not seen; the gateway's last lines:\n{last}"));
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
                continue;
            };
            self.generation = next;
            // One that has been idle for long is closed by the gateway.
            let mut probe = Client::connect(self.address()).await?;
            if probe.get(&self.book).await? == self.state {
                return Ok(());
            }
        }
    }
}

fn number_after(line: &str, before: &str, behind: &str) -> Option<u64> {
    let (head, _) = line.split_once(behind)?;
    head.rsplit_once(before)?.1.parse().ok()
}

fn lines(file: &std::path::Path) -> u64 {
    fs::read(file).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count() as u64)
}
