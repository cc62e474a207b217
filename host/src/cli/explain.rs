//! `sluicegate explain`: which route a request takes and why, by the code that serves.

use anyhow::{Context, bail};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::{ConfigFile, check, logging, tokio_runtime};
use crate::error::Refusal;
use crate::generation::Generation;
use crate::http::path;
use crate::router::{Explanation, Match};
use crate::secrets::Redaction;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The request's method, such as POST.
    method: String,
    /// Where the request goes: `http://host/path?query`, or only `/path` for any host.
    url: String,
    /// A header field of the request, as `name: value`. May be given several times.
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    headers: Vec<String>,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn explain(options: &Options) -> anyhow::Result<()> {
    let method = Method::from_bytes(options.method.as_bytes())
        .with_context(|| format!("`{}` is no method; write one such as GET", options.method))?;
    let url: Uri = options
        .url
        .parse()
        .with_context(|| format!("`{}` is no URL; write one such as http://localhost/v1/models", options.url))?;
    if let Err(problem) = path::check(url.path()) {
        bail!("the gateway would refuse this path: {}", Refusal::from(problem).message);
    }
    let headers = options.headers.iter().map(|field| parse_field(field)).collect::<anyhow::Result<HeaderMap>>()?;
    let config = options.config.load()?;
    let redaction = Redaction::new();
    logging::start(&redaction, "warn")?;
    let generation = tokio_runtime()?.block_on(check::trial(&config, redaction))?;
    let host = url.host().unwrap_or_default();
    let explanation = generation.explain(&method, host, url.path(), &headers);
    print!("{}", render(&generation, &explanation));
    Ok(())
}

/// What a person reads: the candidates with their reasons, then the order of the plugins.
pub fn render(generation: &Generation, explanation: &Explanation) -> String {
    let mut text = format!("{explanation}\n");
    let route = match &explanation.result {
        Match::Matched(route) => Some(route.name.as_str()),
        Match::NoRoute | Match::MethodNotAllowed(_) => None,
    };
    for (phase, entries) in generation.order(route) {
        let list = if entries.is_empty() { "-".to_owned() } else { entries.join(" → ") };
        text.push_str(&format!("  {:<11} {list}\n", phase.as_str()));
    }
    text
}

fn parse_field(field: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    let (name, value) =
        field.split_once(':').with_context(|| format!("`{field}` is no header field; write `name: value`"))?;
    let name: HeaderName = name.trim().parse().with_context(|| format!("`{name}` is no field name"))?;
    let value =
        value.trim().parse().with_context(|| format!("the value of `{name}` has a character that is not allowed"))?;
    Ok((name, value))
}
