//! How quickly streams of language models are translated from dialect to dialect: in memory, without a gateway around it.

mod provider;

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use sluicegate_llm::dialect::read_call;
use sluicegate_llm::{Asked, Call, Dialect, Operation, Relay};

use crate::samples::Samples;
use crate::section::{Cell, Section, Table};

const MODEL: &str = "story-1";
const QUESTION: &str = "Tell a story of 2000 words.";
const OUTPUT_TOKENS: u64 = 10_000;
/// Each of one whole stream.
const SAMPLES: usize = 50;

const CLIENTS: [Dialect; 4] = [Dialect::OpenAi, Dialect::OpenAiResponses, Dialect::Anthropic, Dialect::Gemini];

/// A provider's answer.
struct Stream {
    dialect: Dialect,
    /// As they came.
    pieces: Vec<Bytes>,
}

/// What became of it, once for each sample.
struct Taken {
    seconds: Vec<f64>,
    tokens: u64,
}

pub fn measure() -> Result<Section> {
    let mut section = Section::new("translators", "Streams from dialect to dialect");
    section.notes.push(
        "Streams of the built-in provider, read event by event, on one processor; towards the same dialect they are read, and their \
         bytes go on. A row is what the provider speaks, a column what the client does. Medians."
            .to_owned(),
    );
    let calls = CLIENTS.into_iter().map(call).collect::<Result<Vec<_>>>()?;
    let columns = |what, next| {
        let clients = CLIENTS.map(Dialect::as_str);
        Table::new(&[[what, next].as_slice(), &clients].concat())
    };
    let mut rates = columns("MB of the provider's bytes a second", "bytes a token");
    let mut times = columns("µs a token", "tokens");
    let streams = provider::streams(calls.first().context("there are clients")?)?;
    for stream in streams {
        let taken = calls.iter().map(|call| take(&stream, call)).collect::<Result<Vec<_>>>()?;
        let bytes = stream.pieces.iter().map(Bytes::len).sum::<usize>() as f64;
        let tokens = taken.first().map_or(f64::NAN, |taken| taken.tokens as f64);
        let row = |next: f64, of: &dyn Fn(f64) -> f64| {
            let name = [Cell::text(stream.dialect.as_str()), Cell::Median(Samples::of([next]))];
            let figures =
                taken.iter().map(|taken| Cell::Median(Samples::of(taken.seconds.iter().map(|time| of(*time)))));
            name.into_iter().chain(figures).collect()
        };
        rates.rows.push(row(bytes / tokens, &|seconds| bytes / 1e6 / seconds));
        times.rows.push(row(tokens, &|seconds| seconds * 1e6 / tokens));
    }
    section.tables = vec![rates, times];
    Ok(section)
}

fn take(stream: &Stream, call: &Call) -> Result<Taken> {
    let mut taken = Taken { seconds: Vec::new(), tokens: 0 };
    let mut out = Vec::new();
    for _ in 0..SAMPLES {
        let mut relay = Relay::new(call, stream.dialect);
        let broken = |failure| anyhow!("{} to {}: {failure:?}", stream.dialect.as_str(), call.dialect.as_str());
        let began = Instant::now();
        for piece in &stream.pieces {
            // What a piece becomes is sent on at once.
            out.clear();
            relay.push(piece, &mut out).map_err(broken)?;
            black_box(&out);
        }
        relay.end(&mut out).map_err(broken)?;
        taken.seconds.push(began.elapsed().as_secs_f64());
        let seen = relay.seen();
        ensure!(seen.done, "a stream has no end");
        taken.tokens = seen.usage.as_ref().map(|usage| usage.output_tokens).context("a stream has no usage")?;
    }
    Ok(taken)
}

/// What a client of this dialect asks.
fn call(client: Dialect) -> Result<Call> {
    let mut asked = Asked { dialect: client, operation: Operation::Chat, model: None, streamed: None, as_array: false };
    let message = json!({ "role": "user", "content": QUESTION });
    let body: Value = match client {
        Dialect::OpenAi => json!({ "model": MODEL, "stream": true, "messages": [message],
            "stream_options": { "include_usage": true } }),
        Dialect::OpenAiResponses => json!({ "model": MODEL, "stream": true, "input": QUESTION }),
        Dialect::Anthropic => {
            json!({ "model": MODEL, "stream": true, "max_tokens": OUTPUT_TOKENS, "messages": [message] })
        }
        Dialect::Gemini | Dialect::Bedrock => {
            (asked.model, asked.streamed) = (Some(MODEL.to_owned()), Some(true));
            json!({ "contents": [{ "role": "user", "parts": [{ "text": QUESTION }] }] })
        }
    };
    read_call(&asked, body.to_string().into()).map_err(|error| anyhow!("{}: {}", client.as_str(), error.message))
}
