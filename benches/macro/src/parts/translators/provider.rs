//! Streams of the built-in provider in each of its dialects, asked for as a gateway would.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, anyhow, ensure};
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sluicegate_llm::dialect::write_call;
use sluicegate_llm::{Call, Target, Wire};
use sluicegate_provider::{Provider, ProviderKey, ProviderOptions};
use tokio::net::TcpStream;

use super::{MODEL, OUTPUT_TOKENS, Stream};

const KEY: &str = "provider-of-the-benches";

/// With what stands in front of each one's paths.
const WIRES: [(Wire, &str); 5] = [
    (Wire::OpenAi, "/v1"),
    (Wire::OpenAiResponses, "/v1"),
    (Wire::Anthropic, ""),
    (Wire::Gemini, "/v1beta"),
    (Wire::Bedrock, ""),
];

pub(super) fn streams(call: &Call) -> Result<Vec<Stream>> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let options = ProviderOptions::new(ProviderKey::new(KEY));
        let provider = Provider::bind((Ipv4Addr::LOCALHOST, 0).into(), options).await?;
        let address = provider.address();
        let serving = tokio::spawn(provider.serve(std::future::pending()));
        let mut streams = Vec::new();
        for (wire, base) in WIRES {
            streams.push(stream(call, &wire, base, address).await.with_context(|| wire.dialect().as_str())?);
        }
        serving.abort();
        Ok(streams)
    })
}

async fn stream(call: &Call, wire: &Wire, base: &str, address: SocketAddr) -> Result<Stream> {
    let target = Target { model: MODEL, output_tokens_default: OUTPUT_TOKENS };
    let outgoing = write_call(call, wire, target).map_err(|error| anyhow!("{error:?}"))?;
    let query = outgoing.query.map_or_else(String::new, |query| format!("?{query}"));
    let mut request = Request::post(format!("{base}{}{query}", outgoing.path))
        .header(HOST, address.to_string())
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, format!("Bearer {KEY}"));
    for (name, value) in outgoing.fields {
        request = request.header(name, value);
    }
    let (mut sender, connection) = http1::handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::spawn(connection);
    let answer = sender.send_request(request.body(Full::new(outgoing.body))?).await?;
    let status = answer.status();
    let (mut body, mut pieces) = (answer.into_body(), Vec::new());
    while let Some(frame) = body.frame().await {
        pieces.extend(frame?.into_data());
    }
    ensure!(status == 200, "{status} instead of 200: {}", String::from_utf8_lossy(&pieces.concat()));
    Ok(Stream { dialect: wire.dialect(), pieces })
}
