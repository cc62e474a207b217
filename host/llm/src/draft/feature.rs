//! What a call needs of the model that answers it.

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
    call.foreign.iter().any(|pointer| {
        let mut value = Some(&document.root);
        let mut owner = None;
        for step in pointer.split('/').skip(1) {
            owner = value;
            value = value.and_then(|value| child(value, step));
        }
        let last = pointer.rsplit('/').next().unwrap_or_default();
        last == kind || [value, owner].into_iter().flatten().any(|value| is_media(value, kind))
    })
}

/// A step of a JSON pointer (RFC 6901).
fn child<'a>(value: &'a Value, step: &str) -> Option<&'a Value> {
    match value.as_array() {
        Some(items) => items.get(step.parse::<usize>().ok()?),
        None => value.get(&step.replace("~1", "/").replace("~0", "~")),
    }
}

/// OpenAI's `input_audio`, Anthropic's `image`, Gemini's types of media, and what an answer is wanted in.
fn is_media(value: &Value, kind: &str) -> bool {
    let of = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let typed = of(value, "type").is_some_and(|name| name == kind || name == format!("input_{kind}"));
    let media = ["mimeType", "mime_type"]
        .iter()
        .filter_map(|name| of(value, name))
        .any(|name| name.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/')));
    let wanted = value.as_array().unwrap_or_default().iter().filter_map(Value::as_str);
    typed || media || wanted.into_iter().any(|word| word.eq_ignore_ascii_case(kind))
}
