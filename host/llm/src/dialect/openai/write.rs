//! Writes a call for a provider: spliced into the client's bytes, or printed from the typed form.

use memchr::memmem;

use super::{NAME, embeddings, print};
use crate::call::{Call, Operation};
use crate::dialect::{Dialect, Outgoing, Target};
use crate::error::NoCounterpart;
use crate::json::{Document, Splice, Value};

const USAGE_OPTIONS: &str = r#"{"include_usage":true}"#;

const LIMIT: &str = "max_completion_tokens";
const OLDER_LIMIT: &str = "max_tokens";

/// Azure's first version that knows `stream_options` and `max_completion_tokens`; it refuses members that it does not know.
const AZURE_VERSION_WITH_OPTIONS: &str = "2024-09-01";

/// What the provider takes.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    /// None where the path names it.
    pub model: Option<&'a str>,
    /// Whether usage can be asked for in a stream.
    pub usage_option: bool,
    /// Whether `max_completion_tokens` is known; otherwise its forerunner `max_tokens` is sent.
    pub completion_limit: bool,
}

pub fn write_call(call: &Call, target: Target<'_>) -> Result<Outgoing, NoCounterpart> {
    let path = path(call)?.to_owned();
    let completion_limit = print::knows_completion_limit(target.model);
    let manner = Manner { model: Some(target.model), usage_option: true, completion_limit };
    Ok(Outgoing { path, query: None, fields: Vec::new(), body: body(call, target, manner)?.into() })
}

pub fn write_azure_call(call: &Call, target: Target<'_>, api_version: Option<&str>) -> Result<Outgoing, NoCounterpart> {
    let rest = path(call)?;
    let Some(version) = api_version else {
        let manner = Manner { model: Some(target.model), usage_option: true, completion_limit: true };
        let body = body(call, target, manner)?.into();
        return Ok(Outgoing { path: format!("/openai/v1{rest}"), query: None, fields: Vec::new(), body });
    };
    let recent = !version.starts_with(|first: char| first.is_ascii_digit()) || version >= AZURE_VERSION_WITH_OPTIONS;
    let manner = Manner { model: None, usage_option: recent, completion_limit: recent };
    Ok(Outgoing {
        path: format!("/openai/deployments/{}{rest}", percent_encoded(target.model)),
        query: Some(format!("api-version={}", percent_encoded(version))),
        fields: Vec::new(),
        body: body(call, target, manner)?.into(),
    })
}

fn path(call: &Call) -> Result<&'static str, NoCounterpart> {
    match call.operation {
        Operation::Chat => Ok("/chat/completions"),
        Operation::Embeddings => Ok("/embeddings"),
        Operation::CountTokens => {
            Err(NoCounterpart::new(format!("A request that only counts tokens has no counterpart in {NAME}.")))
        }
    }
}

fn body(call: &Call, target: Target<'_>, manner: Manner<'_>) -> Result<Vec<u8>, NoCounterpart> {
    if call.dialect == Dialect::OpenAi {
        return spliced(call, target, manner);
    }
    if let Some(member) = call.foreign.first() {
        let from = call.dialect.as_str();
        return Err(NoCounterpart::new(format!("`{member}` of a call in {from} has no counterpart in {NAME}.")));
    }
    match call.operation {
        Operation::Embeddings => Ok(embeddings::write_request(call, manner.model)),
        _ => print::chat(call, target, manner),
    }
}

/// The client's bytes, with the provider's name for the model, and with usage asked for: the gateway counts it in any case.
fn spliced(call: &Call, target: Target<'_>, manner: Manner<'_>) -> Result<Vec<u8>, NoCounterpart> {
    let mut splice = Splice::new(&call.source);
    if let Some(span) = &call.model_span {
        let present = call.source.get(span.clone()).and_then(|text| serde_json::from_slice::<String>(text).ok());
        if present.as_deref() != Some(target.model) {
            splice.replace_string(span.clone(), target.model);
        }
    }
    let asks_usage = manner.usage_option && call.operation == Operation::Chat && call.streamed && !call.usage_wanted;
    let missing_model = manner.model.filter(|_| call.model_span.is_none());
    let limit = memmem::find(&call.source, LIMIT.as_bytes());
    let renames_limit = !manner.completion_limit && call.operation == Operation::Chat && limit.is_some();
    if asks_usage || renames_limit || missing_model.is_some() {
        // Only the places of few members are needed, but they are not kept with every call.
        let document = Document::parse(call.source.clone());
        let document = document
            .map_err(|error| NoCounterpart::new(format!("The call's body cannot be read as JSON: {error}.")))?;
        if let Some(model) = missing_model {
            put(&mut splice, &document.root, "model", &serde_json::Value::from(model).to_string());
        }
        if asks_usage {
            // Where the path says that the answer streams, the body may not.
            if document.root.get("stream").and_then(Value::as_bool) != Some(true) {
                put(&mut splice, &document.root, "stream", "true");
            }
            ask_usage(&mut splice, &document.root);
        }
        if renames_limit {
            rename_limit(&mut splice, &document);
        }
    }
    Ok(splice.apply())
}

/// Gives `max_completion_tokens` the name of its forerunner. Where that stands there too, it takes the value, which counts for OpenAI.
fn rename_limit(splice: &mut Splice<'_>, document: &Document) {
    let source = document.source();
    let members = document.root.as_object().unwrap_or_default();
    let Some(at) = members.iter().position(|(name, _)| name == LIMIT) else { return };
    let Some((_, value)) = members.get(at) else { return };
    let before = at.checked_sub(1).and_then(|at| members.get(at));
    let start = before.map_or(document.root.span.start + 1, |(_, value)| value.span.end);
    // Between two values stand a comma, white space and a name.
    let quote = |from: usize| from + source.get(from..).and_then(|rest| memchr::memchr(b'"', rest)).unwrap_or(0);
    let Some(older) = document.root.get(OLDER_LIMIT) else {
        splice.replace(quote(start)..value.span.start, format!("\"{OLDER_LIMIT}\":"));
        return;
    };
    if !value.is_null() {
        splice.replace(older.span.clone(), document.raw(value));
    }
    let member = if before.is_some() { start..value.span.end } else { quote(start)..quote(value.span.end) };
    splice.replace(member, "");
}

fn ask_usage(splice: &mut Splice<'_>, root: &Value) {
    match root.get("stream_options").filter(|options| options.as_object().is_some()) {
        Some(options) => put(splice, options, "include_usage", "true"),
        None => put(splice, root, "stream_options", USAGE_OPTIONS),
    }
}

/// Sets a member of an object, whether it stands there already or not.
fn put(splice: &mut Splice<'_>, object: &Value, name: &str, json: &str) {
    match object.get(name) {
        Some(value) => splice.replace(value.span.clone(), json),
        None => splice.insert(object, name, json),
    };
}

/// All but the unreserved characters (RFC 3986, 2.3).
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
