//! A steady rate of requests, whether or not answers come: each has a time at which it is due, and is timed from then.
//!
//! Timed from when it was sent, a request that had to wait for a late answer would hide that wait.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::chat;
use crate::ground::Ground;
use crate::question::Question;

/// At most; each on a thread of its own, which sleeps until its next request is due: timers of the async runtime are a millisecond wide.
const CONNECTIONS_MAX: u32 = 32;
/// Until all threads have begun to sleep.
const BEGIN: Duration = Duration::from_millis(20);
/// A proxy that takes so long for one answer has failed.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// So long after the last request was due, a proxy that cannot keep up is not waited for.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Args)]
pub struct Options {
    #[arg(long)]
    address: SocketAddr,
    #[arg(long)]
    path: String,
    #[arg(long)]
    key: Option<String>,
    #[arg(long)]
    body: Option<String>,
    /// A field of the head, as `name: value`; may be given several times
    #[arg(long = "field")]
    fields: Vec<String>,
    #[arg(long, value_enum)]
    until: Until,
    /// Requests a second
    #[arg(long)]
    rate: u32,
    #[arg(long)]
    seconds: u32,
}

/// With what the time of an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Until {
    End,
    /// Of a stream of chat completions: the first piece of text.
    Token,
}

/// Times in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    /// Requests that were due and for which there was no more time.
    pub unsent: u32,
}

impl Options {
    /// So many that each has a request a second, or more: servers close those on which nothing happens.
    fn connections(&self) -> u32 {
        self.rate.clamp(1, CONNECTIONS_MAX)
    }
}

/// In a process of its own, on the load's processor.
pub fn measure(ground: &Ground, question: &Question, until: Until, rate: u32, seconds: u32) -> Result<Latency> {
    let mut command = ground.cores.load.command(std::env::current_exe()?);
    command.args(["steady", "--address", &question.address.to_string(), "--path", &question.path]);
    command.args(["--rate", &rate.to_string(), "--seconds", &seconds.to_string()]);
    let until = until.to_possible_value().context("every end has a name")?;
    command.args(["--until", until.get_name()]);
    for (name, value) in &question.fields {
        command.args(["--field", &format!("{name}: {value}")]);
    }
    for (flag, value) in [("--key", &question.key), ("--body", &question.body)] {
        if let Some(value) = value {
            command.args([flag, value]);
        }
    }
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What [`measure`] starts: prints a [`Latency`] as JSON.
pub fn run(options: &Options) -> Result<()> {
    // The kernel wakes a sleeper up to 50 microseconds late, to wake several at once. Threads inherit what is set here.
    std::fs::write("/proc/self/timerslack_ns", "1000").context("/proc/self/timerslack_ns cannot be written")?;
    // Opened one after another and each used once, so that all are there before the first request is due.
    let connections = (0..options.connections()).map(|_| Connection::open(options)).collect::<Result<Vec<_>>>()?;
    let began = Instant::now() + BEGIN;
    let threads: Vec<_> = (0..)
        .zip(connections)
        .map(|(number, connection)| {
            let options = options.clone();
            std::thread::spawn(move || answers(connection, &options, number, began))
        })
        .collect();
    let mut times = Vec::new();
    for thread in threads {
        times.extend(thread.join().map_err(|_| anyhow::anyhow!("a thread of the load panicked"))??);
    }
    ensure!(!times.is_empty(), "no request was answered in time");
    times.sort();
    let percentile = |percent: usize| {
        let time = times.get((times.len() * percent / 100).min(times.len() - 1)).copied().unwrap_or_default();
        time.as_secs_f64() * 1e3
    };
    let due = u64::from(options.rate) * u64::from(options.seconds);
    let unsent = u32::try_from(due.saturating_sub(times.len() as u64))?;
    println!("{}", serde_json::to_string(&Latency { p50: percentile(50), p99: percentile(99), unsent })?);
    Ok(())
}

/// Times of the requests that are this connection's turn: each so many'th.
fn answers(mut connection: Connection, options: &Options, number: u32, began: Instant) -> Result<Vec<Duration>> {
    let gap = Duration::from_secs(1) / options.rate;
    let end = began + Duration::from_secs(u64::from(options.seconds)) + GRACE;
    let mut times = Vec::new();
    for turn in (number..options.rate * options.seconds).step_by(options.connections() as usize) {
        let due = began + gap * turn;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if Instant::now() > end {
            break;
        }
        times.push(connection.send()?.saturating_duration_since(due));
    }
    Ok(times)
}

struct Connection {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    until: Until,
}

impl Connection {
    fn open(options: &Options) -> Result<Connection> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sender = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(options.address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            anyhow::Ok(sender)
        })?;
        let method = if options.body.is_some() { "POST" } else { "GET" };
        let mut request =
            Request::builder().method(method).uri(&options.path).header(HOST, options.address.to_string());
        if let Some(key) = &options.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        if options.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for field in &options.fields {
            let (name, value) = field.split_once(": ").context("a field has no `: `")?;
            request = request.header(name, value);
        }
        let request = request.body(Full::from(options.body.clone().unwrap_or_default()))?;
        let mut connection = Connection { runtime, sender, request, until: options.until };
        connection.send()?;
        Ok(connection)
    }

    /// Returns once the whole answer is there, with the moment that counts.
    fn send(&mut self) -> Result<Instant> {
        let Connection { runtime, sender, request, until } = self;
        let answer = async {
            sender.ready().await?;
            let answer = sender.send_request(request.clone()).await?;
            let status = answer.status();
            let (mut body, mut said, mut token) = (answer.into_body(), Vec::new(), None);
            while let Some(frame) = body.frame().await {
                said.extend_from_slice(frame?.data_ref().map_or(&[][..], |bytes| bytes));
                if token.is_none() && chat::has_token(&said) {
                    token = Some(Instant::now());
                }
            }
            ensure!(status == 200, "{status} instead of 200: {}", String::from_utf8_lossy(&said));
            match until {
                Until::End => Ok(Instant::now()),
                Until::Token => token.context("a stream has no token"),
            }
        };
        runtime.block_on(async { tokio::time::timeout(ANSWER_TIMEOUT, answer).await.context("an answer never came")? })
    }
}
