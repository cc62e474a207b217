//! What a call needs of the model that answers it.

use std::collections::HashMap;

use crate::call::{Call, Format, Reasoning};
use crate::json::{Document, Kind, Value};

pub fn has(call: &Call, feature: &str) -> bool {
    match feature {
        // Tools that the vendor runs itself are not in the typed form.
        "tools" => !call.tools.is_empty() || call.foreign.iter().any(|pointer| pointer.starts_with("/tools/")),
        "images" => call.has_images() || has_media(call, "image"),
        "audio" => has_media(call, "audio"),
        "structured-output" => matches!(call.format, Some(Format::Json | Format::Schema { .. })),
        "thinking" => {
            let reasoning = call.parameters.reasoning.as_ref();
            reasoning.is_some_and(|reasoning| !matches!(reasoning, Reasoning::Off | Reasoning::Budget(0)))
        }
        "stored-conversation" => call.stateful.is_some(),
        "opaque" => is_opaque(call),
        _ => false,
    }
}

/// Whether what the typed form has no place for is of this kind: sounds, and images in a vendor's own store.
fn has_media(call: &Call, kind: &str) -> bool {
    if call.foreign.is_empty() {
        return false;
    }
    let Ok(document) = Document::parse(call.source.clone()) else { return false };
    let mut members = Members::default();
    call.foreign.iter().any(|pointer| {
        let (owner, value) = members.at(&document.root, pointer);
        let last = pointer.rsplit('/').next().unwrap_or_default();
        last == kind || [value, owner].into_iter().flatten().any(|value| members.is_media(value, kind))
    })
}

/// Whether what the typed form has no place for holds text, so that what a plugin reads is not all that the provider reads.
fn is_opaque(call: &Call) -> bool {
    if call.foreign.is_empty() {
        return false;
    }
    let Ok(document) = Document::parse(call.source.clone()) else { return true };
    let mut members = Members::default();
    // What is not found may be anything.
    call.foreign.iter().any(|pointer| members.at(&document.root, pointer).1.is_none_or(holds_text))
}

/// Any string but the word for what an object is.
fn holds_text(value: &Value) -> bool {
    match &value.kind {
        Kind::String(text) => !text.is_empty(),
        Kind::Array(items) => items.iter().any(holds_text),
        Kind::Object(members) => members.iter().any(|(name, value)| {
            let is_kind = name == "type" && value.as_str().is_some();
            !is_kind && holds_text(value)
        }),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Vector(_) => false,
    }
}

/// The members of the objects that pointers go through, by where the object begins: an object with many is searched once.
#[derive(Default)]
struct Members<'a> {
    objects: HashMap<usize, HashMap<&'a str, &'a Value>>,
}

impl<'a> Members<'a> {
    /// The value at a JSON pointer (RFC 6901), behind what it stands in.
    fn at(&mut self, root: &'a Value, pointer: &str) -> (Option<&'a Value>, Option<&'a Value>) {
        let (mut owner, mut value) = (None, Some(root));
        for step in pointer.split('/').skip(1) {
            owner = value;
            value = value.and_then(|value| self.child(value, step));
        }
        (owner, value)
    }

    /// A step of it.
    fn child(&mut self, value: &'a Value, step: &str) -> Option<&'a Value> {
        if let Some(items) = value.as_array() {
            return items.get(step.parse::<usize>().ok()?);
        }
        self.member(value, &step.replace("~1", "/").replace("~0", "~"))
    }

    fn member(&mut self, value: &'a Value, name: &str) -> Option<&'a Value> {
        let members = value.as_object()?;
        let by_name = || members.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let known = self.objects.entry(value.span.start).or_insert_with(by_name);
        known.get(name).copied()
    }

    /// OpenAI's `input_audio`, Anthropic's `image`, Gemini's types of media, and what an answer is wanted in.
    fn is_media(&mut self, value: &'a Value, kind: &str) -> bool {
        let mut word = |name| self.member(value, name).and_then(Value::as_str);
        let typed = word("type").is_some_and(|name| name.strip_prefix("input_").unwrap_or(name) == kind);
        let media = ["mimeType", "mime_type"]
            .into_iter()
            .filter_map(word)
            .any(|name| name.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/')));
        let mut wanted = value.as_array().unwrap_or_default().iter().filter_map(Value::as_str);
        typed || media || wanted.any(|word| word.eq_ignore_ascii_case(kind))
    }
}
