//! The config as written and as meant.

use std::collections::BTreeMap;

use serde::Deserialize;
use sluicegate_plugin::fields::{is_credential, is_name};
use sluicegate_plugin::{Pointer, Problems, Schema};

use crate::Router;
use crate::choice::{By, Choice, Strategy, Target};
use crate::order::{TARGETS_MAX, hash};
use crate::rule::{Condition, Rule, SOURCES_MAX, Source, Test};

const RULES_MAX: usize = 64;
const WEIGHT_MAX: u32 = 1_000_000;
/// A label with a longer name does not exist.
const LABEL_BYTES_MAX: usize = 64;
/// Stands for any value.
const ANY: &str = "*";

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
    /// For `sticky`: `consumer`, `key`, `team`, or `header:NAME` (first value of the field).
    #[schema(pattern = "^(consumer|key|team|header:[!#$%&'*+.^_`|~0-9A-Za-z-]+)$", example = "consumer")]
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
    /// As beside `rules`.
    #[serde(default)]
    #[schema(default = "priority")]
    strategy: Strategy,
    /// As beside `rules`.
    #[serde(default)]
    #[schema(max_items = TARGETS_MAX)]
    targets: Vec<RawTarget>,
    /// As beside `rules`.
    #[schema(pattern = "^(consumer|key|team|header:[!#$%&'*+.^_`|~0-9A-Za-z-]+)$", example = "consumer")]
    by: Option<String>,
}

/// One upstream of the route.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawTarget {
    /// Its name. Where a route does not have it, it is passed over.
    #[schema(min_length = 1, example = "near")]
    upstream: String,
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

    fn rule(&mut self, raw: RawRule, pointer: &Pointer) -> Rule {
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
        if conditions.is_empty() {
            let message = "A rule needs a condition: `methods`, `path`, `headers`, `identity` or `labels`. What is for all other \
                           requests stands beside `rules`.";
            self.report(pointer, message);
        }
        Rule { conditions, choice: self.choice(raw.strategy, raw.targets, raw.by, pointer) }
    }

    fn condition(&mut self, source: Source, test: Test) -> Condition {
        let known = self.sources.iter().position(|known| *known == source);
        let source = known.unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        });
        Condition { source, test }
    }

    fn choice(&mut self, strategy: Strategy, raw: Vec<RawTarget>, by: Option<String>, pointer: &Pointer) -> Choice {
        let list = pointer.key("targets");
        if raw.len() > TARGETS_MAX {
            self.report(&list, format!("`targets` must name at most {TARGETS_MAX} upstreams, as many as a route has."));
        }
        let mut targets: Vec<Target> = Vec::new();
        for (index, RawTarget { upstream: name, weight }) in raw.into_iter().enumerate() {
            let pointer = list.index(index);
            if name.is_empty() {
                self.report(&pointer.key("upstream"), "`upstream` must be the name of an upstream.");
            } else if targets.iter().any(|known| known.name == name) {
                self.report(&pointer.key("upstream"), format!("`{name}` is named already."));
            }
            if weight.is_some() && strategy != Strategy::Weighted {
                self.report(&pointer.key("weight"), "`weight` is for the strategy \"weighted\" alone.");
            } else if weight.is_some_and(|weight| weight > WEIGHT_MAX) {
                self.report(&pointer.key("weight"), format!("`weight` must be at most {WEIGHT_MAX}."));
            }
            targets.push(Target { hash: hash(name.as_bytes()), name, weight: weight.unwrap_or(1) });
        }
        if strategy == Strategy::Weighted && !targets.is_empty() && targets.iter().all(|target| target.weight == 0) {
            self.report(&list, "One of the weights must be above 0.");
        }
        let by = match (strategy, by.as_deref().map(By::parse)) {
            (Strategy::Sticky, Some(Ok(by))) => Some(by),
            (Strategy::Sticky, Some(Err(message))) => {
                self.report(&pointer.key("by"), message);
                None
            }
            (Strategy::Sticky, None) => {
                self.report(pointer, "\"sticky\" needs `by`: \"consumer\", \"key\", \"team\" or \"header:NAME\".");
                None
            }
            (_, Some(_)) => {
                self.report(&pointer.key("by"), "`by` is for the strategy \"sticky\" alone.");
                None
            }
            (_, None) => None,
        };
        Choice { strategy, targets, by }
    }
}

impl Test {
    fn of(value: String) -> Test {
        if value == ANY { Test::Exists } else { Test::Is(value) }
    }
}

impl By {
    fn parse(text: &str) -> Result<By, String> {
        match text {
            "consumer" => Ok(By::Identity("consumer")),
            "key" => Ok(By::Identity("key")),
            "team" => Ok(By::Identity("team")),
            _ => match text.strip_prefix("header:") {
                Some(name) => check_field(name).map(|()| By::Header(name.to_ascii_lowercase())),
                None => {
                    Err(format!("{text:?} keeps nobody: write \"consumer\", \"key\", \"team\" or \"header:NAME\"."))
                }
            },
        }
    }
}

fn check_field(name: &str) -> Result<(), String> {
    if !is_name(name) {
        return Err(format!("{name:?} is no field name."));
    }
    match is_credential(name) {
        true => Err(format!("`{name}` carries a credential, which plugins do not see: go by `identity`.")),
        false => Ok(()),
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
