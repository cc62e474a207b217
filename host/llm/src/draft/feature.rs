//! What a call needs of the model that answers it.

use std::collections::HashMap;

use crate::call::{Call, Format, Reasoning};
use crate::json::{Document, Value};

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
        let mut value = Some(&document.root);
        let mut owner = None;
        for step in pointer.split('/').skip(1) {
            owner = value;
            value = value.and_then(|value| members.child(value, step));
        }
        let last = pointer.rsplit('/').next().unwrap_or_default();
        last == kind || [value, owner].into_iter().flatten().any(|value| members.is_media(value, kind))
    })
}

/// The members of the objects that pointers go through, by where the object begins: an object with many is searched once.
#[derive(Default)]
struct Members<'a> {
    objects: HashMap<usize, HashMap<&'a str, &'a Value>>,
}

impl<'a> Members<'a> {
    /// A step of a JSON pointer (RFC 6901).
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
