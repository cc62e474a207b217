//! `sluicegate trace`: what the chain of a running gateway does with single requests, as they come.

mod table;
mod text;

use std::io::{ErrorKind, IsTerminal, Write};
use std::ops::ControlFlow;

use anyhow::{Context, bail};
use serde_json::Value;

use self::table::Table;
use super::admin::Gateway;
use super::paint::Paint;
use crate::chain::TraceRequest;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Only requests that this route takes.
    #[arg(long)]
    route: Option<String>,
    /// Only requests with this method, such as POST.
    #[arg(long)]
    method: Option<String>,
    /// Only requests whose path begins so.
    #[arg(long, value_name = "PREFIX")]
    path: Option<String>,
    /// Only requests with this header field. May be given several times. One that carries credentials cannot be asked for.
    #[arg(long = "header", value_name = "NAME=VALUE")]
    headers: Vec<String>,
    /// Only the request with this `x-request-id`.
    #[arg(long, value_name = "ID", conflicts_with = "headers")]
    request_id: Option<String>,
    /// Only requests of this consumer, as the plugins establish it.
    #[arg(long)]
    consumer: Option<String>,
    /// End after so many requests; at most 100.
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u32,
    /// End after so many seconds; at most 600.
    #[arg(long, value_name = "S", default_value_t = 60)]
    timeout: u64,
    #[command(flatten)]
    gateway: Gateway,
}

pub(super) fn trace(options: &Options) -> anyhow::Result<()> {
    let client = options.gateway.client()?;
    let request = serde_json::to_string(&options.request()?)?;
    let table = Table { paint: Paint::new(std::io::stdout().is_terminal()) };
    let mut ended = None;
    client.follow("/traces", request, |line| {
        let value: Value =
            serde_json::from_str(line).context("the gateway's answer is no JSON; is it another version?")?;
        if let Some(armed) = value.get("armed") {
            let (count, seconds) = (&armed["count"], &armed["timeout_s"]);
            eprintln!("waiting for {count} request(s), {seconds} seconds at most; Ctrl-C ends it");
        }
        if let Some(end) = value.get("ended") {
            ended = Some(end.clone());
        }
        match (options.gateway.json, value.get("exchange")) {
            (true, _) => print(&format!("{line}\n")),
            (false, Some(exchange)) => print(&table.exchange(exchange)),
            (false, None) => Ok(ControlFlow::Continue(())),
        }
    })?;
    match ended {
        Some(ended) => outcome(&ended, options.timeout),
        None => Ok(()),
    }
}

impl Options {
    fn request(&self) -> anyhow::Result<TraceRequest> {
        let headers = self.headers.iter().map(|field| {
            let (name, value) = field
                .split_once('=')
                .with_context(|| format!("`{field}` is no header field; write NAME=VALUE, such as x-team=blue"))?;
            Ok((name.to_ascii_lowercase(), value.to_owned()))
        });
        Ok(TraceRequest {
            route: self.route.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            headers: headers.collect::<anyhow::Result<_>>()?,
            request_id: self.request_id.clone(),
            consumer: self.consumer.clone(),
            count: Some(self.count),
            timeout_s: Some(self.timeout),
        })
    }
}

/// At once, as who reads waits for it. Whoever has closed the pipe has seen enough.
fn print(text: &str) -> anyhow::Result<ControlFlow<()>> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(error).context("what the trace tells cannot be written"),
    }
}

/// An error when nothing was seen.
fn outcome(ended: &Value, seconds: u64) -> anyhow::Result<()> {
    let number = |name: &str| ended[name].as_u64().unwrap_or_default();
    if number("missed") > 0 {
        eprintln!(
            "{} further request(s) matched and are not shown: too many at once, or this end too slow",
            number("missed")
        );
    }
    if number("open") > 0 {
        eprintln!("{} request(s) that matched had not ended yet and are not shown", number("open"));
    }
    match (ended["why"].as_str(), number("exchanges")) {
        (Some("count"), _) => Ok(()),
        (Some("gateway"), _) => bail!("the gateway has ended"),
        (_, 0) => bail!("no request that matches was served within {seconds} seconds"),
        (_, count) => {
            eprintln!("{count} request(s) within {seconds} seconds");
            Ok(())
        }
    }
}
