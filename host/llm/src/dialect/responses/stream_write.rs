//! Writes a stream of named events, each with the number of its place.

use serde::Serialize;

use super::echo::Echo;
use super::error;
use super::output::{ItemKind, Output, Part, Step};
use super::print::{ItemObject, Names, PartObject, ResponseObject, SummaryObject, incomplete};
use crate::answer::{EndReason, Event};
use crate::call::Call;
use crate::dialect::WriteStream;
use crate::error::ProviderError;
use crate::sse;
use crate::usage::Usage;

/// Of all pieces of an answer: its last event repeats them.
const KEPT_BYTES_MAX: usize = 16 << 20;

#[derive(Default, Serialize)]
struct EventObject<'a> {
    r#type: &'static str,
    sequence_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ResponseObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<ItemObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<PartObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<[(); 0]>,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    r#type: &'static str,
    sequence_number: u64,
    code: &'a str,
    message: &'a str,
    param: Option<&'a str>,
}

pub struct StreamWriter {
    model: String,
    echo: Echo,
    names: Names,
    output: Output,
    steps: Vec<Step>,
    usage: Option<Usage>,
    end: Option<EndReason>,
    sequence_number: u64,
    kept_bytes: usize,
    over: bool,
}

impl StreamWriter {
    pub fn new(call: &Call) -> StreamWriter {
        StreamWriter {
            model: call.model.clone(),
            echo: Echo::of(call),
            names: Names::default(),
            output: Output::new("", Vec::new()),
            steps: Vec::new(),
            usage: None,
            end: None,
            sequence_number: 0,
            kept_bytes: 0,
            over: false,
        }
    }

    fn begin(&mut self, id: &str, created: Option<u64>, out: &mut Vec<u8>) {
        self.names = Names::new(&self.model, id, created);
        self.output = Output::new(&self.names.base(), self.echo.custom_tools());
        if self.names.id != id {
            self.echo.not_kept();
        }
        for r#type in ["response.created", "response.in_progress"] {
            let response = Some(ResponseObject::begun(&self.names, &self.echo));
            put(&mut self.sequence_number, EventObject { r#type, response, ..EventObject::default() }, out);
        }
    }

    fn steps(&mut self, out: &mut Vec<u8>) {
        for step in self.steps.drain(..) {
            tell(&self.output, &step, &mut self.sequence_number, out);
        }
    }

    fn done(&mut self, out: &mut Vec<u8>) {
        self.close(out);
        let response = ResponseObject::ended(&self.names, &self.echo, &self.output, self.end, self.usage.as_ref());
        let r#type = if response.incomplete_details.is_some() { "response.incomplete" } else { "response.completed" };
        let event = EventObject { r#type, response: Some(response), ..EventObject::default() };
        put(&mut self.sequence_number, event, out);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let cut = incomplete(self.end, self.output.refused()).is_some();
        self.output.finish(cut, &mut self.steps);
        self.steps(out);
    }

    fn error(&mut self, error: &ProviderError, out: &mut Vec<u8>) {
        let event = ErrorObject {
            r#type: "error",
            sequence_number: self.sequence_number,
            code: error.code.as_deref().unwrap_or(error::code(error.kind)),
            message: &error.message,
            param: error.param.as_deref(),
        };
        write(event.r#type, &event, out);
    }
}

impl WriteStream for StreamWriter {
    fn write(&mut self, event: &Event, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Begin { id, created, .. } => self.begin(id, *created, out),
            Event::Piece { choice: 0, piece } => {
                self.kept_bytes += piece.text().len();
                if self.kept_bytes > KEPT_BYTES_MAX {
                    let message = format!("The answer is longer than {KEPT_BYTES_MAX} bytes.");
                    self.over = true;
                    return self.error(&error::server(&message), out);
                }
                self.output.take(piece, &mut self.steps);
                self.steps(out);
            }
            Event::End { choice: 0, reason } => {
                self.end = Some(*reason);
                self.close(out);
            }
            Event::Usage(usage) => self.usage = Some(usage.clone()),
            Event::Done => {
                self.over = true;
                self.done(out);
            }
            Event::Error(error) => {
                self.over = true;
                self.error(error, out);
            }
            // An answer has one choice, and nothing but it.
            Event::Piece { .. } | Event::End { .. } | Event::Vectors(_) | Event::Counted { .. } => {}
        }
    }
}

/// Writes the events of one step.
fn tell(output: &Output, step: &Step, sequence_number: &mut u64, out: &mut Vec<u8>) {
    let (number, place) = match step {
        Step::ItemAdded(number) | Step::ItemDone(number) => (*number, 0),
        Step::PartAdded(number, place) | Step::PartDone(number, place) | Step::Delta(number, place, _) => {
            (*number, *place)
        }
    };
    let Some(item) = output.items().get(number) else { return };
    let whole =
        |r#type, item| EventObject { r#type, output_index: Some(number), item: Some(item), ..EventObject::default() };
    let of_item =
        |r#type| EventObject { r#type, item_id: Some(&item.id), output_index: Some(number), ..EventObject::default() };
    let content = |r#type| EventObject { content_index: Some(place), ..of_item(r#type) };
    let summary = |r#type| EventObject { summary_index: Some(0), ..of_item(r#type) };
    let mut put = |event| put(sequence_number, event, out);
    match (step, &item.kind) {
        (Step::ItemAdded(_), _) => put(whole("response.output_item.added", ItemObject::added(item))),
        (Step::ItemDone(_), _) => put(whole("response.output_item.done", ItemObject::done(item))),
        (Step::PartAdded(..), ItemKind::Reasoning { .. }) => {
            let part = Some(PartObject::Summary(SummaryObject::new("")));
            put(EventObject { part, ..summary("response.reasoning_summary_part.added") });
        }
        (Step::Delta(_, _, text), ItemKind::Reasoning { .. }) => {
            put(EventObject { delta: Some(text), ..summary("response.reasoning_summary_text.delta") });
        }
        (Step::PartDone(..), ItemKind::Reasoning { summary: text, .. }) => {
            put(EventObject { text: Some(text), ..summary("response.reasoning_summary_text.done") });
            let part = Some(PartObject::Summary(SummaryObject::new(text)));
            put(EventObject { part, ..summary("response.reasoning_summary_part.done") });
        }
        (Step::PartAdded(..), ItemKind::Message { parts }) => {
            let part = parts.get(place).map(|part| PartObject::new(part, ""));
            put(EventObject { part, ..content("response.content_part.added") });
        }
        (Step::Delta(_, _, text), ItemKind::Message { parts }) => {
            let event = match parts.get(place) {
                Some(Part { refused: true, .. }) => content("response.refusal.delta"),
                _ => EventObject { logprobs: Some([]), ..content("response.output_text.delta") },
            };
            put(EventObject { delta: Some(text), ..event });
        }
        (Step::PartDone(..), ItemKind::Message { parts }) => {
            let Some(part) = parts.get(place) else { return };
            put(match part.refused {
                true => EventObject { refusal: Some(&part.text), ..content("response.refusal.done") },
                false => {
                    EventObject { text: Some(&part.text), logprobs: Some([]), ..content("response.output_text.done") }
                }
            });
            put(EventObject { part: Some(PartObject::new(part, &part.text)), ..content("response.content_part.done") });
        }
        (Step::Delta(_, _, text), ItemKind::Call { custom, .. }) => {
            let name = match custom {
                true => "response.custom_tool_call_input.delta",
                false => "response.function_call_arguments.delta",
            };
            put(EventObject { delta: Some(text), ..of_item(name) });
        }
        (Step::PartDone(..), ItemKind::Call { custom: true, arguments, .. }) => {
            put(EventObject { input: Some(arguments), ..of_item("response.custom_tool_call_input.done") });
        }
        (Step::PartDone(..), ItemKind::Call { name, arguments, .. }) => put(EventObject {
            name: Some(name),
            arguments: Some(arguments),
            ..of_item("response.function_call_arguments.done")
        }),
        (Step::PartAdded(..), ItemKind::Call { .. }) => {}
        (Step::PartAdded(..) | Step::Delta(..) | Step::PartDone(..), ItemKind::Own { .. }) => {}
    }
}

fn put(sequence_number: &mut u64, event: EventObject<'_>, out: &mut Vec<u8>) {
    let event = EventObject { sequence_number: *sequence_number, ..event };
    *sequence_number += 1;
    write(event.r#type, &event, out);
}

fn write(name: &str, event: &impl Serialize, out: &mut Vec<u8>) {
    sse::write(name, &serde_json::to_string(event).unwrap_or_default(), out);
}
