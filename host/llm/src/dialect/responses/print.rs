//! Prints the objects that clients know: a response, its items and their parts.

use serde::Serialize;
use serde_json::value::RawValue;

use super::echo::Echo;
use super::output::{Item, ItemKind, Output, Part, Step};
use crate::answer::{Answer, EndReason};
use crate::call::Call;
use crate::usage::Usage;

const NOTHING: [(); 0] = [];

#[derive(Serialize)]
pub struct ResponseObject<'a> {
    pub id: &'a str,
    object: &'static str,
    pub created_at: u64,
    pub status: &'static str,
    background: bool,
    /// Errors are told in place of a response.
    error: Option<()>,
    pub incomplete_details: Option<IncompleteDetails>,
    pub model: &'a str,
    pub output: Vec<ItemObject<'a>>,
    pub usage: Option<UsageObject>,
    #[serde(flatten)]
    pub echo: &'a Echo,
}

#[derive(Serialize)]
pub struct IncompleteDetails {
    reason: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum ItemObject<'a> {
    Raw(&'a RawValue),
    Reasoning {
        r#type: &'static str,
        id: &'a str,
        summary: Vec<SummaryObject<'a>>,
    },
    Message {
        r#type: &'static str,
        id: &'a str,
        status: &'static str,
        role: &'static str,
        content: Vec<PartObject<'a>>,
    },
    Call {
        r#type: &'static str,
        id: &'a str,
        status: &'static str,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
    Custom {
        r#type: &'static str,
        id: &'a str,
        status: &'static str,
        call_id: &'a str,
        name: &'a str,
        input: &'a str,
    },
}

#[derive(Serialize)]
pub struct SummaryObject<'a> {
    r#type: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum PartObject<'a> {
    Text { r#type: &'static str, annotations: [(); 0], logprobs: [(); 0], text: &'a str },
    Refusal { r#type: &'static str, refusal: &'a str },
    Summary(SummaryObject<'a>),
}

#[derive(Serialize)]
pub struct UsageObject {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

/// Names of one answer that are the same wherever it is told.
#[derive(Debug, Default, Clone)]
pub struct Names {
    pub id: String,
    pub model: String,
    pub created: u64,
}

impl Names {
    /// The provider's id, if it is of this dialect, or one that is made of it.
    pub fn new(model: &str, id: &str, created: Option<u64>) -> Names {
        let id = if id.starts_with("resp_") { id.to_owned() } else { format!("resp_{}", plain(id)) };
        Names { id, model: model.to_owned(), created: created.unwrap_or(0) }
    }

    /// What stands behind the prefix.
    pub fn base(&self) -> String {
        plain(self.id.strip_prefix("resp_").unwrap_or(&self.id))
    }
}

fn plain(id: &str) -> String {
    let plain: String =
        id.chars().filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')).take(128).collect();
    if plain.is_empty() { "0".to_owned() } else { plain }
}

/// How the answer stands: None while it is under way.
pub type End = Option<EndReason>;

/// What an end means here. A refusal without words of its own is the vendor's filter.
pub fn incomplete(end: End, refused: bool) -> Option<&'static str> {
    match end {
        Some(EndReason::Length) => Some("max_output_tokens"),
        Some(EndReason::ContentFilter) => Some("content_filter"),
        Some(EndReason::Refusal) if !refused => Some("content_filter"),
        _ => None,
    }
}

impl<'a> ResponseObject<'a> {
    /// An answer that has only begun.
    pub fn begun(names: &'a Names, echo: &'a Echo) -> ResponseObject<'a> {
        ResponseObject {
            id: &names.id,
            object: "response",
            created_at: names.created,
            status: "in_progress",
            background: false,
            error: None,
            incomplete_details: None,
            model: &names.model,
            output: Vec::new(),
            usage: None,
            echo,
        }
    }

    pub fn ended(
        names: &'a Names,
        echo: &'a Echo,
        output: &'a Output,
        end: End,
        usage: Option<&Usage>,
    ) -> ResponseObject<'a> {
        let reason = incomplete(end, output.refused());
        ResponseObject {
            status: if reason.is_some() { "incomplete" } else { "completed" },
            incomplete_details: reason.map(|reason| IncompleteDetails { reason }),
            output: output.items().iter().map(ItemObject::done).collect(),
            usage: usage.map(UsageObject::new),
            ..ResponseObject::begun(names, echo)
        }
    }
}

impl<'a> ItemObject<'a> {
    /// The item when it is added, before anything stands in it.
    pub fn added(item: &'a Item) -> ItemObject<'a> {
        let (id, status) = (item.id.as_str(), "in_progress");
        match &item.kind {
            ItemKind::Reasoning { .. } => ItemObject::Reasoning { r#type: "reasoning", id, summary: Vec::new() },
            ItemKind::Message { .. } => {
                ItemObject::Message { r#type: "message", id, status, role: "assistant", content: Vec::new() }
            }
            ItemKind::Call { custom, call_id, name, .. } => ItemObject::call(*custom, id, status, call_id, name, ""),
            ItemKind::Own { raw } => ItemObject::Raw(raw),
        }
    }

    pub fn done(item: &'a Item) -> ItemObject<'a> {
        let (id, status) = (item.id.as_str(), if item.cut { "incomplete" } else { "completed" });
        match &item.kind {
            ItemKind::Reasoning { raw: Some(raw), .. } => ItemObject::Raw(raw),
            ItemKind::Reasoning { summary, raw: None } => {
                let summary = if summary.is_empty() { Vec::new() } else { vec![SummaryObject::new(summary)] };
                ItemObject::Reasoning { r#type: "reasoning", id, summary }
            }
            ItemKind::Message { parts } => {
                let content = parts.iter().map(|part| PartObject::new(part, &part.text)).collect();
                ItemObject::Message { r#type: "message", id, status, role: "assistant", content }
            }
            ItemKind::Call { custom, call_id, name, arguments, .. } => {
                ItemObject::call(*custom, id, status, call_id, name, arguments)
            }
            ItemKind::Own { raw } => ItemObject::Raw(raw),
        }
    }

    fn call(
        custom: bool,
        id: &'a str,
        status: &'static str,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    ) -> ItemObject<'a> {
        match custom {
            true => ItemObject::Custom { r#type: "custom_tool_call", id, status, call_id, name, input: arguments },
            false => ItemObject::Call { r#type: "function_call", id, status, call_id, name, arguments },
        }
    }
}

impl<'a> SummaryObject<'a> {
    pub fn new(text: &'a str) -> SummaryObject<'a> {
        SummaryObject { r#type: "summary_text", text }
    }
}

impl<'a> PartObject<'a> {
    pub fn new(part: &Part, text: &'a str) -> PartObject<'a> {
        match part.refused {
            true => PartObject::Refusal { r#type: "refusal", refusal: text },
            false => PartObject::Text { r#type: "output_text", annotations: NOTHING, logprobs: NOTHING, text },
        }
    }
}

impl UsageObject {
    fn new(usage: &Usage) -> UsageObject {
        UsageObject {
            input_tokens: usage.input_tokens,
            input_tokens_details: InputDetails {
                cached_tokens: usage.cache_read_tokens,
                cache_write_tokens: usage.cache_write_tokens,
            },
            output_tokens: usage.output_tokens,
            output_tokens_details: OutputDetails { reasoning_tokens: usage.reasoning_tokens.unwrap_or(0) },
            total_tokens: usage.total_tokens(),
        }
    }
}

/// Writes a whole answer.
pub fn write_answer(call: &Call, answer: &Answer) -> Vec<u8> {
    let names = Names::new(&call.model, &answer.id, answer.created);
    let mut echo = Echo::of(call);
    if names.id != answer.id {
        echo.not_kept();
    }
    let mut output = Output::new(&names.base(), echo.custom_tools());
    let mut steps: Vec<Step> = Vec::new();
    let choice = answer.choices.first();
    for piece in choice.map(|choice| choice.pieces.as_slice()).unwrap_or_default() {
        output.take(piece, &mut steps);
        steps.clear();
    }
    let end = choice.and_then(|choice| choice.end);
    output.finish(incomplete(end, output.refused()).is_some(), &mut steps);
    let response = ResponseObject::ended(&names, &echo, &output, end, answer.usage.as_ref());
    serde_json::to_vec(&response).unwrap_or_default()
}
