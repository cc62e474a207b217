//! The conditions of a rule, in the order in which they are looked at.

use sluicegate_plugin::Pointer;
use sluicegate_plugin::fields::is_name;

use super::{Feature, RawRule, Reader, check_field};
use crate::rule::{Condition, Rule, Test};
use crate::source::Source;

/// A label with a longer name does not exist.
const LABEL_BYTES_MAX: usize = 64;
/// Stands for any value.
const ANY: &str = "*";

impl Reader {
    pub(super) fn rule(&mut self, mut raw: RawRule, pointer: &Pointer) -> Rule {
        let mut of_the_call = self.call_conditions(&mut raw, pointer);
        let mut conditions = Vec::new();
        // Those first that most often leave no need to look further.
        if !raw.methods.is_empty() {
            for (index, method) in raw.methods.iter().enumerate().filter(|(_, method)| !is_method(method)) {
                let message = format!("{method:?} is no method: write it in capitals, such as \"GET\".");
                self.report(&pointer.key("methods").index(index), message);
            }
            conditions.push(self.condition(Source::Method, Test::OneOf(raw.methods)));
        }
        if let Some(path) = raw.path {
            if !path.starts_with('/') || path.contains(['?', '#']) {
                self.report(&pointer.key("path"), "`path` must start with a slash, and be without a query.");
            }
            conditions.push(self.condition(Source::Path, Test::Below(path)));
        }
        for (name, value) in raw.headers {
            if let Err(message) = check_field(&name) {
                self.report(&pointer.key("headers").key(&name), message);
            }
            conditions.push(self.condition(Source::Header(name.to_ascii_lowercase()), Test::of(value)));
        }
        for (part, value) in raw.identity {
            if !is_part(&part) {
                let message = format!(
                    "{part:?} is no part of an identity: write \"key\", \"consumer\", \"team\", \"subject\", \"issuer\", \
                     \"scopes\" or \"claim.NAME\"."
                );
                self.report(&pointer.key("identity").key(&part), message);
            }
            conditions.push(self.condition(Source::Identity(part), Test::of(value)));
        }
        for (name, value) in raw.labels {
            if !(1..=LABEL_BYTES_MAX).contains(&name.len()) {
                let message = format!("The name of a label has 1 to {LABEL_BYTES_MAX} bytes.");
                self.report(&pointer.key("labels").key(&name), message);
            }
            conditions.push(self.condition(Source::Label(name), Test::of(value)));
        }
        conditions.append(&mut of_the_call);
        if conditions.is_empty() {
            let message = "A rule needs a condition: `methods`, `path`, `headers`, `identity`, `labels`, `models`, `needs`, \
                           `streamed`, `min_text_bytes` or `max_text_bytes`. What is for all other requests stands beside `rules`.";
            self.report(pointer, message);
        }
        Rule { conditions, choice: self.choice(raw.strategy, raw.targets, raw.by, pointer) }
    }

    /// What is looked at of a model's call, behind whether there is one.
    fn call_conditions(&mut self, raw: &mut RawRule, pointer: &Pointer) -> Vec<Condition> {
        let mut tests = Vec::new();
        for (index, name) in raw.models.iter().enumerate().filter(|(_, name)| !is_model(name)) {
            let message =
                format!("{name:?} is no model: write its name, or the beginning of names with `*` behind it.");
            self.report(&pointer.key("models").index(index), message);
        }
        if !raw.models.is_empty() {
            tests.push((Source::Model, Test::Named(std::mem::take(&mut raw.models))));
        }
        tests.extend(raw.needs.iter().map(|feature| (Source::Feature(feature.as_str()), Test::Truth(true))));
        tests.extend(raw.streamed.map(|streamed| (Source::Streamed, Test::Truth(streamed))));
        if raw.min_text_bytes == Some(0) {
            self.report(&pointer.key("min_text_bytes"), "`min_text_bytes` must be at least 1: each call has 0 bytes.");
        }
        if let (Some(min), Some(max)) = (raw.min_text_bytes, raw.max_text_bytes)
            && min > max
        {
            self.report(&pointer.key("max_text_bytes"), "`max_text_bytes` must not be below `min_text_bytes`.");
        }
        if raw.min_text_bytes.or(raw.max_text_bytes).is_some() {
            let range = raw.min_text_bytes.unwrap_or(0)..=raw.max_text_bytes.unwrap_or(u64::MAX);
            tests.push((Source::TextBytes, Test::Within(range)));
        }
        if !tests.is_empty() {
            tests.insert(0, (Source::Operation, Test::Exists));
        }
        tests.into_iter().map(|(source, test)| self.condition(source, test)).collect()
    }

    fn condition(&mut self, source: Source, test: Test) -> Condition {
        let known = self.sources.iter().position(|known| *known == source);
        let source = known.unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        });
        Condition { source, test }
    }
}

impl Test {
    fn of(value: String) -> Test {
        if value == ANY { Test::Exists } else { Test::Is(value) }
    }
}

impl Feature {
    /// As the contract calls it.
    fn as_str(self) -> &'static str {
        match self {
            Feature::Tools => "tools",
            Feature::Images => "images",
            Feature::Audio => "audio",
            Feature::StructuredOutput => "structured-output",
            Feature::Thinking => "thinking",
            Feature::StoredConversation => "stored-conversation",
        }
    }
}

/// They are told apart by their case, and all that exist are in capitals.
fn is_method(method: &str) -> bool {
    is_name(method) && !method.bytes().any(|byte| byte.is_ascii_lowercase())
}

fn is_part(part: &str) -> bool {
    ["key", "consumer", "team", "subject", "issuer", "scopes"].contains(&part)
        || part.strip_prefix("claim.").is_some_and(|name| !name.is_empty())
}

/// A name, or a beginning and `*`.
fn is_model(name: &str) -> bool {
    !name.is_empty() && !name.strip_suffix('*').unwrap_or(name).contains('*')
}
