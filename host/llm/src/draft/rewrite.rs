//! Other texts in the places of those that the client wrote.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::changes::Changes;
use super::members::{quoted, way};
use super::segment::{Place, Seen};
use super::{Draft, EditError};
use crate::call::Call;
use crate::json::{Document, Kind, Value};

/// How deep the place of a raw value may be in a call; the deepest are the arguments in Gemini's wrapped calls, with 7.
const DEPTH_OF_PLACE: usize = 8;

/// What a result becomes part of where the client wrote it as an object.
const RESULT_OPEN: &str = "{\"output\":";
const RESULT_CLOSE: &str = "}";

/// The member that a result of Gemini's stands in.
const RESPONSE: &str = "response";

/// Members of Gemini's results that stand for the whole if they are alone.
const RESULT_MEMBERS: [&str; 3] = ["output", "result", "error"];

/// A text that waits to be spliced.
#[derive(Debug, Clone)]
pub struct Rewriting {
    pub text: Arc<str>,
    /// Bytes that the source grows by at most.
    pub growth: isize,
}

/// None: the text is the client's own.
pub fn check(call: &Call, seen: Seen<'_>, text: &str) -> Result<Option<Rewriting>, EditError> {
    let span = seen.span.filter(|_| !seen.signed).ok_or(EditError::Forbidden)?;
    let raw = !is_string(call, span);
    let mut text = text;
    if seen.place == Place::ToolArguments {
        if value(text).is_none_or(|value| value.as_object().is_none()) {
            return Err(EditError::InvalidValue);
        }
        // White space around a value is not part of it.
        text = if raw { text.trim() } else { text };
    }
    if text == seen.text {
        return Ok(None);
    }
    let bytes = match seen.place {
        Place::ToolResult => quoted(text).len() + RESULT_OPEN.len() + RESULT_CLOSE.len(),
        _ => quoted(text).len(),
    };
    // No source and no text is as long as `isize::MAX`.
    let growth = bytes as isize - span.len() as isize;
    Ok(Some(Rewriting { text: text.into(), growth }))
}

/// Of all that waits.
pub fn changes(draft: &Draft) -> Result<Changes, EditError> {
    let call = &draft.call;
    let mut changes = Changes::of(&call.source);
    let mut parsed = None;
    for (number, Rewriting { text, .. }) in &*draft.rewritten {
        let Some((seen, span)) = draft.see(*number).and_then(|seen| Some((seen, seen.span?))) else { continue };
        let raw = !is_string(call, span);
        if raw && seen.place == Place::ToolArguments {
            changes.replace(span.clone(), text.as_bytes());
            continue;
        }
        // Seldom needed, so it is parsed only then, and once.
        if parsed.is_none() && raw {
            parsed = Some(Document::parse(call.source.clone()).map_err(|_| EditError::Forbidden)?);
        }
        match &parsed {
            Some(document) if raw => rewrite_result(&mut changes, &document.root, span, text),
            _ => changes.replace(span.clone(), quoted(text)),
        }
    }
    Ok(changes)
}

/// A result that is no string stays JSON where the text is, and else becomes a string in the object that the dialect demands.
fn rewrite_result(changes: &mut Changes, root: &Value, span: &Range<usize>, text: &str) {
    let whole = way(root, span).is_some_and(|way| way.last().is_some_and(|step| step.name() == RESPONSE));
    let value = value(text).filter(|_| text.trim() == text);
    let stays = match value.as_ref().map(|value| &value.kind) {
        Some(Kind::Object(members)) if whole => {
            !matches!(&members[..], [(name, _)] if RESULT_MEMBERS.contains(&name.as_str()))
        }
        // A string would be read without its quotes, and null as nothing.
        Some(Kind::String(_) | Kind::Null) | None => false,
        Some(_) => !whole,
    };
    if stays {
        return changes.replace(span.clone(), text);
    }
    if whole {
        changes.wrap(span, RESULT_OPEN, RESULT_CLOSE);
    }
    changes.replace(span.clone(), quoted(text));
}

/// Of a text that can stand as JSON in a call.
fn value(text: &str) -> Option<Value> {
    let (open, close) = ("[".repeat(DEPTH_OF_PLACE), "]".repeat(DEPTH_OF_PLACE));
    let document = Document::parse(Bytes::from(format!("{open}{text}{close}"))).ok()?;
    let mut value = document.root;
    for _ in 0..DEPTH_OF_PLACE {
        let Kind::Array(items) = value.kind else { return None };
        let [only] = <[Value; 1]>::try_from(items).ok()?;
        value = only;
    }
    Some(value)
}

fn is_string(call: &Call, span: &Range<usize>) -> bool {
    call.source.get(span.start) == Some(&b'"')
}
