//! Figures of usage: read, as they come once or several times in one answer, and written.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::json::{Document, Value};
use crate::usage::Usage;

/// Members of the provider's figures that are kept.
const MEMBERS_MAX: usize = 64;

/// What an answer has said so far: a later figure replaces an earlier one, and one that does not come again stays.
#[derive(Debug, Default)]
pub struct Figures {
    input: u64,
    cache_write: u64,
    cache_read: u64,
    output: u64,
    thinking: Option<u64>,
    members: BTreeMap<String, Box<RawValue>>,
}

impl Figures {
    pub fn add(&mut self, document: &Document, usage: Option<&Value>) {
        let Some(usage) = usage else { return };
        let of = |name: &str| usage.get(name).and_then(Value::as_u64);
        self.input = of("input_tokens").unwrap_or(self.input);
        self.cache_write = of("cache_creation_input_tokens").unwrap_or(self.cache_write);
        self.cache_read = of("cache_read_input_tokens").unwrap_or(self.cache_read);
        self.output = of("output_tokens").unwrap_or(self.output);
        let details = usage.get("output_tokens_details");
        let thinking = details.and_then(|details| details.get("thinking_tokens")).and_then(Value::as_u64);
        self.thinking = thinking.or(self.thinking);
        for (name, value) in usage.as_object().unwrap_or_default() {
            if !value.is_null() && (self.members.len() < MEMBERS_MAX || self.members.contains_key(name)) {
                self.members.insert(name.clone(), document.raw_value(value));
            }
        }
    }

    /// None: nothing was said yet.
    pub fn usage(&self) -> Option<Usage> {
        let raw = serde_json::to_string(&self.members).ok().filter(|_| !self.members.is_empty())?;
        Some(Usage {
            // The vendor counts the cache beside the input.
            input_tokens: self.input.saturating_add(self.cache_write).saturating_add(self.cache_read),
            cache_read_tokens: self.cache_read,
            cache_write_tokens: self.cache_write,
            output_tokens: self.output,
            reasoning_tokens: self.thinking,
            raw: Some(raw),
        })
    }
}

/// As a client of this dialect reads it.
#[derive(Debug, Serialize)]
pub struct Printed {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<Details>,
}

#[derive(Debug, Serialize)]
struct Details {
    thinking_tokens: u64,
}

impl Printed {
    pub fn of(usage: &Usage) -> Printed {
        Printed {
            input_tokens: usage.plain_input_tokens(),
            cache_creation_input_tokens: usage.cache_write_tokens,
            cache_read_input_tokens: usage.cache_read_tokens,
            output_tokens: usage.output_tokens,
            output_tokens_details: usage.reasoning_tokens.map(|thinking_tokens| Details { thinking_tokens }),
        }
    }
}
