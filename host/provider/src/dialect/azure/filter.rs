//! What Azure's content filters report beside an answer: here they find everything safe.

use crate::json::{Json, object};

pub fn prompt() -> Vec<Json> {
    let jailbreak = object! { "filtered": false, "detected": false };
    let results = object! {
        "hate": safe(), "jailbreak": jailbreak, "self_harm": safe(), "sexual": safe(), "violence": safe(),
    };
    vec![object! { "prompt_index": 0, "content_filter_results": results }]
}

pub fn answer() -> Json {
    object! { "hate": safe(), "self_harm": safe(), "sexual": safe(), "violence": safe() }
}

/// Of a chunk: the last one has nothing to filter.
pub fn delta(finish_reason: Option<&str>) -> Json {
    if finish_reason.is_some() {
        object! {}
    } else {
        answer()
    }
}

fn safe() -> Json {
    object! { "filtered": false, "severity": "safe" }
}
