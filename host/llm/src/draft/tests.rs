//! Drafts against the bytes that they leave.

mod changes;
mod insertions;
mod random;
mod removals;
mod rewritings;
mod segments;
mod settings;

use std::sync::Arc;

use bytes::Bytes;

use super::{Draft, EditError};
use crate::call::Operation;
use crate::dialect::{Asked, Dialect, read_call};

const OPENAI: &str = r#"{ "model":"gpt" , "x":1.50, "messages":[
  {"role":"system","content":"Be kind"},
  {"role":"user","content":[{"type":"text","text":"Look \u00e9"},{"type":"image_url","image_url":{"url":"https://a/b"}}]},
  {"role":"assistant","content":"Wait","tool_calls":[{"id":"c1","type":"function","function":{"name":"see","arguments":"{\"a\":1}"}}]},
  {"role":"tool","tool_call_id":"c1","content":"a cat"},
  {"role":"user","content":"And?"}], "tools":[{"type":"function","function":{"name":"see","description":"Looks","parameters":{}}}],
  "user":"u-1", "temperature": 1.0, "max_tokens" :9 }"#;

const RESPONSES: &str = r#"{"model":"gpt","instructions":"Be kind","input":[
  {"role":"user","content":[{"type":"input_text","text":"Look"}]},
  {"type":"reasoning","id":"r1","summary":[]},
  {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Wait"}]},
  {"type":"function_call","call_id":"c1","name":"see","arguments":"{}"},
  {"type":"function_call_output","call_id":"c1","output":"a cat"},
  {"role":"user","content":"And?"}],
  "tools":[{"type":"function","name":"see","description":"Looks","parameters":{}}],"user":"u-1"}"#;

const ANTHROPIC: &str = r#"{"model":"claude","max_tokens":9,"system":"Be kind","messages":[
  {"role":"user","content":[{"type":"text","text":"Look","cache_control":{"type":"ephemeral"}}]},
  {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"Wait"},{"type":"tool_use","id":"c1","name":"see","input":{"a": 1}}]},
  {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"a cat"},{"type":"text","text":"And?"}]}],
  "tools":[{"name":"see","description":"Looks","input_schema":{}}],"metadata":{"user_id":"u-1"}}"#;

const GEMINI: &str = r#"{"system_instruction":{"parts":[{"text":"Be kind"}]},"contents":[
  {"role":"user","parts":[{"text":"Look"}]},
  {"role":"model","parts":[{"text":"Wait","thoughtSignature":"s"},{"functionCall":{"name":"see","args":{"a": 1}}}]},
  {"role":"user","parts":[{"functionResponse":{"name":"see","response":{"animal": "cat"}}}]},
  {"role":"user","parts":[{"text":"And?"}]}],
  "tools":[{"functionDeclarations":[{"name":"see","description":"Looks"}]}],"generationConfig":{"topP": 0.50}}"#;

fn draft_of(dialect: Dialect, operation: Operation, source: &str) -> Draft {
    let model = (dialect == Dialect::Gemini).then(|| "gemini-3".to_owned());
    let asked = Asked { dialect, operation, model, streamed: None, as_array: false };
    let call = read_call(&asked, Bytes::copy_from_slice(source.as_bytes())).unwrap();
    Draft::new(asked, Arc::new(call))
}

fn draft(dialect: Dialect, source: &str) -> Draft {
    draft_of(dialect, Operation::Chat, source)
}

fn source(draft: &mut Draft) -> String {
    String::from_utf8(draft.finish().unwrap().source.to_vec()).unwrap()
}

/// The numbers and texts that are read.
fn texts(draft: &Draft, role: &str, place: &str) -> Vec<(u32, String)> {
    let reading = draft.read(role, place);
    let starts = std::iter::once(0).chain(reading.ends.iter().copied());
    let spans = starts.zip(&reading.ends).map(|(start, end)| start as usize..*end as usize);
    reading.segments.iter().copied().zip(spans.map(|span| reading.text[span].to_owned())).collect()
}

/// The number of the segment with this text.
fn number(draft: &Draft, text: &str) -> u32 {
    let found = texts(draft, "", "").into_iter().find(|(_, other)| other == text);
    found.unwrap_or_else(|| panic!("no segment says {text}")).0
}

/// What an edit leaves of a source: it must be the source with one piece exchanged.
#[track_caller]
fn assert_edited(dialect: Dialect, before: &str, (old, new): (&str, &str), edit: impl FnOnce(&mut Draft)) {
    assert!(before.matches(old).count() == 1, "{old} stands {} times", before.matches(old).count());
    let mut draft = draft(dialect, before);
    edit(&mut draft);
    assert_eq!(source(&mut draft), before.replace(old, new));
}

#[track_caller]
fn assert_refused(draft: &mut Draft, error: EditError, edit: impl FnOnce(&mut Draft) -> Result<(), EditError>) {
    let before = (texts(draft, "", ""), source(&mut draft.clone()));
    assert_eq!(edit(draft), Err(error));
    assert_eq!((texts(draft, "", ""), source(&mut draft.clone())), before);
}
