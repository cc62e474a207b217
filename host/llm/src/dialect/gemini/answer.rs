//! Reads an answer: whole, or one of the answers that a stream is made of, which look alike.

use bytes::Bytes;
use serde::Serialize;

use super::error;
use crate::answer::{CHOICES_MAX, EndReason, Event, Piece};
use crate::call::Operation;
use crate::dialect::Family;
use crate::error::{Broken, ProviderError, ProviderErrorKind, bounded};
use crate::json::{Document, Value};
use crate::usage::Usage;

/// Tools that one choice may call.
const TOOLS_MAX: u32 = 1024;

pub fn read_answer(operation: Operation, body: &Bytes) -> Result<Vec<Event>, Broken> {
    let expected = "An answer as a JSON object was expected";
    let document = match operation {
        Operation::Embeddings => Document::parse_vectors(body.clone()),
        _ => Document::parse(body.clone()),
    };
    let document = document.map_err(|_| Broken::found(expected, body))?;
    if let Some(error) = error::error_in(&document.root) {
        return Ok(vec![Event::Error(error::read(error, None))]);
    }
    let mut events = Vec::new();
    match operation {
        Operation::Chat => {
            let mut reader = Reader::default();
            if !is_answer(&document.root) {
                return Err(Broken::found(expected, body));
            }
            reader.take(&document, &document.root, &mut events)?;
            reader.end(&mut events)?;
        }
        Operation::CountTokens => {
            let total = document.root.get("totalTokens").and_then(Value::as_u64);
            // Nothing stands for 0 in the JSON of protocol buffers.
            let known = document.root.as_object().is_some_and(|members| members.is_empty()) || total.is_some();
            if !known {
                return Err(Broken::found("A count with `totalTokens` was expected", body));
            }
            begin(&document.root, &mut events);
            events.extend([Event::Counted { input_tokens: total.unwrap_or(0) }, Event::Done]);
        }
        Operation::Embeddings => {
            let Some(vectors) = vectors(&document.root) else {
                return Err(Broken::found("An answer with `embedding` or `embeddings` was expected", body));
            };
            begin(&document.root, &mut events);
            events.push(Event::Vectors(vectors));
            usage(&document, &document.root, &mut events);
            events.push(Event::Done);
        }
    }
    Ok(events)
}

/// One of these is always there.
pub fn is_answer(value: &Value) -> bool {
    ["candidates", "promptFeedback", "usageMetadata", "responseId"].iter().any(|name| value.get(name).is_some())
}

fn begin(value: &Value, events: &mut Vec<Event>) {
    let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    events.push(Event::Begin { id: text("responseId"), model: text("modelVersion"), created: None });
}

fn vectors(root: &Value) -> Option<Vec<Vec<f32>>> {
    let vector = |value: &Value| value.get("values")?.as_vector().map(<[f32]>::to_vec);
    match (root.get("embeddings").and_then(Value::as_array), root.get("embedding")) {
        (Some(values), _) => values.iter().map(vector).collect(),
        (None, Some(value)) => vector(value).map(|vector| vec![vector]),
        (None, None) => None,
    }
}

/// What of an answer has come so far.
#[derive(Debug, Default)]
pub struct Reader {
    begun: bool,
    /// By number.
    choices: Vec<Choice>,
    /// The prompt was not answered.
    blocked: bool,
    /// An error took the place of everything else.
    failed: bool,
}

#[derive(Debug, Default)]
struct Choice {
    /// A higher number makes room for this one without a word of it.
    begun: bool,
    tools: u32,
    end: Option<EndReason>,
}

impl Reader {
    pub fn failed(&self) -> bool {
        self.failed
    }

    pub fn begun(&self) -> bool {
        self.begun
    }

    pub fn take(&mut self, document: &Document, answer: &Value, events: &mut Vec<Event>) -> Result<(), Broken> {
        if self.failed {
            return Ok(());
        }
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            self.fail(error::read(error, None), events);
            return Ok(());
        }
        if !self.begun {
            self.begun = true;
            begin(answer, events);
        }
        let mut failure = None;
        for candidate in answer.get("candidates").and_then(Value::as_array).unwrap_or_default() {
            let number = candidate.get("index").and_then(Value::as_u64).unwrap_or(0);
            let number = u32::try_from(number).ok().filter(|number| (*number as usize) < CHOICES_MAX);
            let Some(number) = number else {
                return Err(Broken::new(format!("The answer has a candidate beyond {CHOICES_MAX}.")));
            };
            self.parts(document, candidate, number, events)?;
            failure = failure.or(self.finish(candidate, number)?);
        }
        let feedback = answer.get("promptFeedback").and_then(|feedback| feedback.get("blockReason"));
        self.blocked |= feedback.and_then(Value::as_str).is_some();
        usage(document, answer, events);
        if let Some(failure) = failure {
            self.fail(failure, events);
        }
        Ok(())
    }

    fn fail(&mut self, error: ProviderError, events: &mut Vec<Event>) {
        self.failed = true;
        events.push(Event::Error(error));
    }

    /// Adds the ends that were said. There is no other mark of the end, and a choice may be said to end more than once.
    pub fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Broken> {
        if self.failed {
            return Ok(());
        }
        if self.choices.is_empty() && self.blocked {
            events.extend([Event::End { choice: 0, reason: EndReason::ContentFilter }, Event::Done]);
            return Ok(());
        }
        let begun = (0..).zip(&self.choices).filter(|(_, choice)| choice.begun);
        let ends = begun.map(|(number, choice)| choice.end.map(|reason| Event::End { choice: number, reason }));
        match ends.collect::<Option<Vec<Event>>>().filter(|ends| !ends.is_empty()) {
            Some(ends) => {
                events.extend(ends);
                events.push(Event::Done);
                Ok(())
            }
            None => Err(Broken::new("The answer ended before its `finishReason`.")),
        }
    }

    fn choice(&mut self, number: u32) -> Result<&mut Choice, Broken> {
        let number = number as usize;
        if self.choices.len() <= number {
            self.choices.resize_with(number + 1, Choice::default);
        }
        self.choices.get_mut(number).ok_or_else(|| Broken::new("The answer has too many candidates."))
    }

    fn parts(
        &mut self,
        document: &Document,
        candidate: &Value,
        number: u32,
        events: &mut Vec<Event>,
    ) -> Result<(), Broken> {
        let choice = self.choice(number)?;
        choice.begun = true;
        let parts = candidate.get("content").and_then(|content| content.get("parts")).and_then(Value::as_array);
        let mut push = |piece| events.push(Event::Piece { choice: number, piece });
        for part in parts.unwrap_or_default() {
            let signature = part.get("thoughtSignature").and_then(Value::as_str).filter(|text| !text.is_empty());
            let text = part.get("text").and_then(Value::as_str).filter(|text| !text.is_empty());
            let thought = part.get("thought").and_then(Value::as_bool) == Some(true);
            match part.get("functionCall").filter(|call| call.as_object().is_some()) {
                Some(call) => {
                    if choice.tools >= TOOLS_MAX {
                        return Err(Broken::new(format!("A candidate calls more than {TOOLS_MAX} tools.")));
                    }
                    let tool = choice.tools;
                    choice.tools += 1;
                    if let Some(signature) = signature {
                        push(sealed(None, signature));
                    }
                    let name = call.get("name").and_then(Value::as_str).unwrap_or_default();
                    let id = call.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
                    let id = id.map_or_else(|| format!("call_{number}_{tool}"), str::to_owned);
                    push(Piece::tool_begin(tool, id, name)?);
                    let args = call.get("args").filter(|args| !args.is_null());
                    let text = args.map_or("{}", |args| document.raw(args)).to_owned();
                    push(Piece::ToolArguments { tool, text });
                }
                // Images of the model's own and what the vendor's tools did have no place in other dialects.
                None => {
                    if let Some(text) = text {
                        let text = text.to_owned();
                        push(if thought { Piece::Thought(text) } else { Piece::Text(text) });
                    }
                    if let Some(signature) = signature {
                        push(sealed(Some(""), signature));
                    }
                }
            }
        }
        Ok(())
    }

    /// The error where the model's answer is none.
    fn finish(&mut self, candidate: &Value, number: u32) -> Result<Option<ProviderError>, Broken> {
        let Some(word) = candidate.get("finishReason").and_then(Value::as_str) else { return Ok(None) };
        let message = candidate.get("finishMessage").and_then(Value::as_str).unwrap_or_default();
        let choice = self.choice(number)?;
        choice.end = Some(match word {
            "MAX_TOKENS" => EndReason::Length,
            "SAFETY"
            | "RECITATION"
            | "LANGUAGE"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "IMAGE_SAFETY"
            | "IMAGE_PROHIBITED_CONTENT"
            | "IMAGE_RECITATION"
            | "MODEL_ARMOR" => EndReason::ContentFilter,
            "CONTINUATION" => EndReason::Pause,
            "MALFORMED_FUNCTION_CALL"
            | "MALFORMED_RESPONSE"
            | "UNEXPECTED_TOOL_CALL"
            | "TOO_MANY_TOOL_CALLS"
            | "MISSING_THOUGHT_SIGNATURE" => return Ok(Some(no_answer(word, message))),
            "FINISH_REASON_UNSPECIFIED" => return Ok(None),
            // `STOP`, and what the vendor may add.
            _ if choice.tools > 0 => EndReason::ToolCalls,
            _ => EndReason::Stop,
        });
        Ok(None)
    }
}

fn no_answer(word: &str, message: &str) -> ProviderError {
    let message = match message {
        "" => format!("The model's answer is none: {word}."),
        message => format!("The model's answer is none: {word}: {}", bounded(message, 1024)),
    };
    ProviderError {
        kind: ProviderErrorKind::Server,
        status: 500,
        message,
        code: Some(word.to_owned()),
        param: None,
        retry_after: None,
    }
}

/// Without a text it belongs to the call behind it.
fn sealed(text: Option<&'static str>, signature: &str) -> Piece {
    #[derive(Serialize)]
    struct Signature<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'static str>,
        #[serde(rename = "thoughtSignature")]
        signature: &'a str,
    }
    let raw = serde_json::to_string(&Signature { text, signature }).unwrap_or_default();
    Piece::ThoughtSealed { family: Family::Gemini, raw }
}

fn usage(document: &Document, answer: &Value, events: &mut Vec<Event>) {
    let Some(figures) = answer.get("usageMetadata").filter(|figures| figures.as_object().is_some()) else { return };
    let number = |name: &str| figures.get(name).and_then(Value::as_u64);
    let thoughts = number("thoughtsTokenCount");
    events.push(Event::Usage(Usage {
        input_tokens: number("promptTokenCount")
            .unwrap_or(0)
            .saturating_add(number("toolUsePromptTokenCount").unwrap_or(0)),
        cache_read_tokens: number("cachedContentTokenCount").unwrap_or(0),
        cache_write_tokens: 0,
        output_tokens: number("candidatesTokenCount").unwrap_or(0).saturating_add(thoughts.unwrap_or(0)),
        reasoning_tokens: thoughts,
        raw: Some(document.raw(figures).to_owned()),
    }));
}
