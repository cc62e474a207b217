//! Where the dialects have the texts of an answer.

use super::{Rewritten, TextKind};
use crate::dialect::Dialect;
use crate::error::Broken;
use crate::json::{Document, Kind, Value};

/// A text that a plugin was shown.
pub(super) struct Place<'a> {
    pub(super) choice: u32,
    pub(super) kind: TextKind,
    pub(super) value: &'a Value,
}

#[derive(Default)]
pub(super) struct Places<'a> {
    pub(super) texts_there: Vec<Place<'a>>,
    /// By choice, what says its text again in another form.
    pub(super) telling: Vec<(u32, &'a Value)>,
}

impl Place<'_> {
    pub(super) fn fits(&self, document: &Document, text: &Rewritten) -> bool {
        match self.value.as_str() {
            Some(there) => there == text.before,
            // Arguments as an object.
            None => document.raw(self.value) == text.before,
        }
    }

    /// Nothing that could be shown.
    pub(super) fn is_empty(&self) -> bool {
        match &self.value.kind {
            Kind::String(text) => text.is_empty(),
            Kind::Object(members) => members.is_empty(),
            Kind::Null => true,
            _ => false,
        }
    }

    /// Another text as JSON for this place.
    pub(super) fn written(&self, text: &str) -> Result<String, Broken> {
        if self.value.as_str().is_some() {
            return Ok(serde_json::Value::from(text).to_string());
        }
        let no_object = |_| Broken::new("Arguments of a tool that a policy has changed are no JSON object.");
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).map_err(no_object)?;
        Ok(text.to_owned())
    }
}

impl<'a> Places<'a> {
    fn text(&mut self, choice: u32, value: Option<&'a Value>) {
        self.add(choice, TextKind::Text, value);
    }

    fn add(&mut self, choice: u32, kind: TextKind, value: Option<&'a Value>) {
        self.texts_there.extend(value.map(|value| Place { choice, kind, value }));
    }
}

/// `root`: a whole answer, or the data of one event.
pub(super) fn of(dialect: Dialect, root: &Value) -> Places<'_> {
    let mut places = Places::default();
    match dialect {
        Dialect::Anthropic => anthropic(root, &mut places),
        Dialect::Gemini => each(root, "candidates", |_| 0, |choice, candidate| gemini(choice, candidate, &mut places)),
        _ => each(root, "choices", |place| place as u64, |choice, value| openai(choice, value, &mut places)),
    }
    places
}

/// Each choice with its number: the one that it says, else what the dialect's reader takes it for.
fn each<'a>(root: &'a Value, name: &str, unnumbered: impl Fn(usize) -> u64, mut work: impl FnMut(u32, &'a Value)) {
    for (place, choice) in root.get(name).and_then(Value::as_array).unwrap_or_default().iter().enumerate() {
        let number = choice.get("index").and_then(Value::as_u64).unwrap_or_else(|| unnumbered(place));
        work(u32::try_from(number).unwrap_or(u32::MAX), choice);
    }
}

fn openai<'a>(choice: u32, value: &'a Value, places: &mut Places<'a>) {
    places.telling.extend(value.get("logprobs").map(|value| (choice, value)));
    let Some(message) = value.get("delta").or_else(|| value.get("message")) else { return };
    match message.get("content") {
        Some(content) if content.as_str().is_some() => places.text(choice, Some(content)),
        Some(content) => content.as_array().unwrap_or_default().iter().for_each(|part| match kind(part) {
            "text" => places.text(choice, part.get("text")),
            "refusal" => places.text(choice, part.get("refusal")),
            _ => {}
        }),
        None => {}
    }
    places.text(choice, message.get("refusal").filter(|refusal| !refusal.is_null()));
    for call in message.get("tool_calls").and_then(Value::as_array).unwrap_or_default() {
        let of = |part: &str, name: &str| call.get(part).and_then(|part| part.get(name));
        places.add(choice, TextKind::ToolArguments, of("function", "arguments").or_else(|| of("custom", "input")));
    }
}

fn anthropic<'a>(root: &'a Value, places: &mut Places<'a>) {
    let whole = root.get("content").and_then(Value::as_array).unwrap_or_default();
    for block in whole.iter().chain(root.get("content_block")) {
        match kind(block) {
            "text" => places.text(0, block.get("text")),
            "tool_use" => places.add(0, TextKind::ToolArguments, block.get("input")),
            _ => {}
        }
    }
    let explained = |ended: &'a Value| ended.get("stop_details").and_then(|details| details.get("explanation"));
    places.text(0, explained(root));
    if let Some(delta) = root.get("delta") {
        places.text(0, delta.get("text"));
        places.add(0, TextKind::ToolArguments, delta.get("partial_json"));
        places.text(0, explained(delta));
    }
}

fn gemini<'a>(choice: u32, candidate: &'a Value, places: &mut Places<'a>) {
    let parts = candidate.get("content").and_then(|content| content.get("parts")).and_then(Value::as_array);
    for part in parts.unwrap_or_default() {
        // Thoughts are shown to nobody.
        if part.get("thought").and_then(Value::as_bool) != Some(true) {
            places.text(choice, part.get("text"));
        }
        let arguments = part.get("functionCall").and_then(|call| call.get("args"));
        places.add(choice, TextKind::ToolArguments, arguments);
    }
    for name in ["logprobsResult", "groundingMetadata", "citationMetadata"] {
        places.telling.extend(candidate.get(name).map(|value| (choice, value)));
    }
}

fn kind(part: &Value) -> &str {
    part.get("type").and_then(Value::as_str).unwrap_or_default()
}
