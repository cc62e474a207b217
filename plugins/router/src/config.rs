//! The config as written and as meant.

mod choice;
mod rule;

use std::collections::BTreeMap;

use serde::Deserialize;
use sluicegate_plugin::fields::{is_credential, is_name};
use sluicegate_plugin::{Pointer, Problems, Schema};

use crate::Router;
use crate::choice::Strategy;
use crate::order::TARGETS_MAX;
use crate::source::{SOURCES_MAX, Source};

const RULES_MAX: usize = 64;
const WEIGHT_MAX: u32 = 1_000_000;

/// Chooses among the upstreams of a route: by the first rule that matches, or else by what stands beside `rules`.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawConfig {
    /// The first that matches decides.
    #[serde(default)]
    #[schema(max_items = RULES_MAX)]
    rules: Vec<RawRule>,
    /// How the upstream that is tried first is chosen, and the order of the others behind it.
    #[serde(default)]
    #[schema(default = "priority")]
    strategy: Strategy,
    /// The upstreams among which is chosen; all of the route's if none is named.
    #[serde(default)]
    #[schema(max_items = TARGETS_MAX)]
    targets: Vec<RawTarget>,
    /// For `sticky`: `consumer`, `key`, `team`, `header:NAME` (first value of the field), or of a model's call `conversation` or
    /// `model-user` (what it says of the client's own user).
    #[schema(
        pattern = "^(consumer|key|team|conversation|model-user|header:[!#$%&'*+.^_`|~0-9A-Za-z-]+)$",
        example = "consumer"
    )]
    by: Option<String>,
}

/// Requests for which all of the conditions hold, and what becomes of them.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawRule {
    /// Fields of the request, each with the first value that it must have; `*` for any.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Parts of the identity, such as `team` or `claim.NAME`, each with the value that it must have; `*` for any.
    #[serde(default)]
    identity: BTreeMap<String, String>,
    /// Labels that plugins have set, each with the value that it must have; `*` for any.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// This path and all below it.
    #[schema(pattern = "^/[^?#]*$", example = "/v1/batch")]
    path: Option<String>,
    /// One of these methods.
    #[serde(default)]
    #[schema(example = ["GET", "HEAD"])]
    methods: Vec<String>,
    /// One of these names by which a model was called; one that ends with `*` stands for all that begin so.
    #[serde(default)]
    #[schema(example = ["assistant", "gpt-*"])]
    models: Vec<String>,
    /// All of these are in a model's call.
    #[serde(default)]
    #[schema(example = ["tools"])]
    needs: Vec<Feature>,
    /// Whether a model's answer is wanted as a stream.
    streamed: Option<bool>,
    /// Bytes of text that a model's call has at least.
    #[schema(minimum = 1, example = 40_000)]
    min_text_bytes: Option<u64>,
    /// Bytes of text that a model's call has at most.
    #[schema(minimum = 0, example = 4_000)]
    max_text_bytes: Option<u64>,
    /// As beside `rules`.
    #[serde(default)]
    #[schema(default = "priority")]
    strategy: Strategy,
    /// As beside `rules`.
    #[serde(default)]
    #[schema(max_items = TARGETS_MAX)]
    targets: Vec<RawTarget>,
    /// As beside `rules`.
    #[schema(
        pattern = "^(consumer|key|team|conversation|model-user|header:[!#$%&'*+.^_`|~0-9A-Za-z-]+)$",
        example = "consumer"
    )]
    by: Option<String>,
}

/// What a model's call may have.
#[derive(Clone, Copy, Deserialize, Schema)]
#[serde(rename_all = "kebab-case")]
enum Feature {
    Tools,
    Images,
    Audio,
    StructuredOutput,
    Thinking,
    StoredConversation,
}

/// One upstream of the route, or targets of a provider.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawTarget {
    /// Its name, or that of a provider. Where a route does not have it, it is passed over.
    #[schema(min_length = 1, example = "near")]
    upstream: String,
    /// Of a provider's models, as the provider calls it, this one; all of them unless given.
    #[schema(min_length = 1, example = "gpt-4o-mini")]
    model: Option<String>,
    /// Its share for `weighted`: 1 unless given. With 0 it is tried behind all that have one.
    #[schema(minimum = 0, maximum = WEIGHT_MAX, default = 1)]
    weight: Option<u32>,
}

impl TryFrom<RawConfig> for Router {
    type Error = Problems;

    fn try_from(raw: RawConfig) -> Result<Router, Problems> {
        let root = Pointer::root();
        let mut reader = Reader { sources: Vec::new(), problems: Vec::new() };
        if raw.rules.len() > RULES_MAX {
            reader.report(&root.key("rules"), format!("`rules` must hold at most {RULES_MAX} rules."));
        }
        let has_no_rules = raw.rules.is_empty();
        let rules = raw.rules.into_iter().enumerate();
        let rules = rules.map(|(index, rule)| reader.rule(rule, &root.key("rules").index(index))).collect();
        let otherwise = reader.choice(raw.strategy, raw.targets, raw.by, &root);
        if reader.sources.len() > SOURCES_MAX {
            let message = format!(
                "The rules look at {} different fields, labels and so on; {SOURCES_MAX} are possible.",
                reader.sources.len()
            );
            reader.report(&root.key("rules"), message);
        }
        if has_no_rules && otherwise.keeps_the_plan() {
            let message =
                "There is nothing to choose: give `rules`, `targets`, or a `strategy` other than \"priority\".";
            reader.report(&root, message);
        }
        Problems::check(reader.problems)?;
        Ok(Router { sources: reader.sources, rules, otherwise })
    }
}

/// Goes through a config and keeps what is wrong with it.
struct Reader {
    sources: Vec<Source>,
    problems: Vec<Problems>,
}

impl Reader {
    fn report(&mut self, pointer: &Pointer, message: impl Into<String>) {
        self.problems.push(Problems::new(pointer, message.into()));
    }
}

/// A field that a rule or `by` looks at.
fn check_field(name: &str) -> Result<(), String> {
    if !is_name(name) {
        return Err(format!("{name:?} is no field name."));
    }
    match is_credential(name) {
        true => Err(format!("`{name}` carries a credential, which plugins do not see: go by `identity`.")),
        false => Ok(()),
    }
}
