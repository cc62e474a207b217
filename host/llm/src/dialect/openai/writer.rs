//! Writes an answer as a stream of chunks.

use serde::Serialize;

use super::ids::{call_id, completion_id};
use super::spoken;
use super::usage::Written;
use crate::answer::{CHOICES_MAX, Event, Piece};
use crate::call::Call;
use crate::dialect::WriteStream;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::sse;
use crate::usage::Usage;

pub struct StreamWriter {
    id: String,
    created: u64,
    /// As the client calls it.
    model: String,
    usage_wanted: bool,
    usage: Option<Usage>,
    over: bool,
    choices: Vec<ChoiceUnderWay>,
}

#[derive(Debug, Default, Clone)]
struct ChoiceUnderWay {
    began: bool,
    refused: bool,
    /// Calls without arguments so far: clients parse them, and an empty text is no JSON.
    silent_calls: Vec<u32>,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [ChunkChoice<'a>],
    /// Left out where the client did not ask; `null` in all chunks but the last where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Written>>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
}

#[derive(Serialize)]
struct CallDelta<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: FunctionDelta<'a>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

#[derive(Serialize)]
struct Failure<'a> {
    error: WrittenError<'a>,
}

#[derive(Serialize)]
struct WrittenError<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

impl StreamWriter {
    pub fn new(call: &Call) -> StreamWriter {
        StreamWriter {
            id: completion_id(""),
            created: 0,
            model: call.model.clone(),
            usage_wanted: call.usage_wanted,
            usage: None,
            over: false,
            choices: Vec::new(),
        }
    }

    fn write_piece(&mut self, choice: u32, piece: &Piece, out: &mut Vec<u8>) {
        let id;
        let delta = match piece {
            Piece::Text(text) => Delta { content: Some(Some(text)), ..Delta::default() },
            Piece::Refusal(text) => Delta { refusal: Some(text), ..Delta::default() },
            Piece::Thought(text) => Delta { reasoning_content: Some(text), ..Delta::default() },
            // What seals a thought has no place here.
            Piece::ThoughtSealed { .. } => return,
            Piece::ToolBegin { tool, id: given, name } => {
                id = call_id(given, choice, *tool);
                let function = FunctionDelta { name: Some(name), arguments: "" };
                let call = CallDelta { index: *tool, id: Some(&id), r#type: Some("function"), function };
                Delta { tool_calls: Some([call]), ..Delta::default() }
            }
            Piece::ToolArguments { tool, text } => {
                let function = FunctionDelta { name: None, arguments: text };
                let call = CallDelta { index: *tool, id: None, r#type: None, function };
                Delta { tool_calls: Some([call]), ..Delta::default() }
            }
        };
        let says_nothing = matches!(piece, Piece::Refusal(_) | Piece::ToolBegin { .. } | Piece::ToolArguments { .. });
        let Some(begun) = self.begin_choice(choice, says_nothing, out) else { return };
        match piece {
            Piece::Refusal(_) => begun.refused = true,
            Piece::ToolBegin { tool, .. } => begun.silent_calls.push(*tool),
            Piece::ToolArguments { tool, text } if !text.is_empty() => begun.silent_calls.retain(|call| call != tool),
            _ => {}
        }
        self.write_chunk(choice, delta, None, out);
    }

    /// A choice's first chunk says whose it is. None for a choice beyond the limit, which no reader lets through.
    fn begin_choice(&mut self, choice: u32, says_nothing: bool, out: &mut Vec<u8>) -> Option<&mut ChoiceUnderWay> {
        let place = choice as usize;
        if place >= CHOICES_MAX {
            return None;
        }
        if self.choices.len() <= place {
            self.choices.resize(place + 1, ChoiceUnderWay::default());
        }
        if !std::mem::replace(&mut self.choices.get_mut(place)?.began, true) {
            let content = if says_nothing { None } else { Some("") };
            let delta = Delta { role: Some("assistant"), content: Some(content), ..Delta::default() };
            self.write_chunk(choice, delta, None, out);
        }
        self.choices.get_mut(place)
    }

    fn write_chunk(&self, index: u32, delta: Delta<'_>, finish_reason: Option<&'static str>, out: &mut Vec<u8>) {
        let choice = ChunkChoice { index, delta, logprobs: (), finish_reason };
        self.write_choices(&[choice], self.usage_wanted.then_some(None), out);
    }

    fn write_choices(&self, choices: &[ChunkChoice<'_>], usage: Option<Option<Written>>, out: &mut Vec<u8>) {
        let (id, created, model) = (self.id.as_str(), self.created, self.model.as_str());
        write_event(&Chunk { id, object: "chat.completion.chunk", created, model, choices, usage }, out);
    }
}

impl WriteStream for StreamWriter {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Begin { id, created, .. } => {
                self.id = completion_id(id);
                self.created = created.unwrap_or_default();
            }
            Event::Piece { choice, piece } => self.write_piece(*choice, piece, out),
            Event::End { choice, reason } => {
                let Some(begun) = self.begin_choice(*choice, false, out) else { return };
                let reason = spoken::finish_reason(*reason, begun.refused);
                for tool in std::mem::take(&mut begun.silent_calls) {
                    self.write_piece(*choice, &Piece::ToolArguments { tool, text: "{}".to_owned() }, out);
                }
                self.write_chunk(*choice, Delta::default(), Some(reason), out);
            }
            Event::Usage(usage) => self.usage = Some(usage.clone()),
            // A stream has neither.
            Event::Vectors(_) | Event::Counted { .. } => {}
            Event::Done => {
                self.over = true;
                if let Some(usage) = self.usage.take().filter(|_| self.usage_wanted) {
                    self.write_choices(&[], Some(Some(Written::from(&usage))), out);
                }
                sse::write("", "[DONE]", out);
            }
            Event::Error(error) => {
                self.over = true;
                write_event(&Failure { error: written(error) }, out);
            }
        }
    }
}

fn write_event(value: &impl Serialize, out: &mut Vec<u8>) {
    sse::write("", &String::from_utf8_lossy(&super::to_json(value)), out);
}

fn written(error: &ProviderError) -> WrittenError<'_> {
    let r#type = match error.kind {
        ProviderErrorKind::Invalid
        | ProviderErrorKind::TooLarge
        | ProviderErrorKind::NotFound
        | ProviderErrorKind::Permission
        | ProviderErrorKind::Authentication => "invalid_request_error",
        ProviderErrorKind::RateLimited => "rate_limit_error",
        ProviderErrorKind::Exhausted => "insufficient_quota",
        ProviderErrorKind::Overloaded | ProviderErrorKind::Timeout | ProviderErrorKind::Server => "server_error",
    };
    WrittenError { message: &error.message, r#type, param: error.param.as_deref(), code: error.code.as_deref() }
}
