//! What Anthropic's models take of thinking and of sampling, in whichever dialect they are asked: its own, or Bedrock's.
//!
//! Sources: Anthropic's pages on thinking and on effort, and "Adaptive thinking" in the user guide of Amazon Bedrock. Models up to 4.5
//! think by a budget alone, those since 4.7 adaptively alone, and those of 4.6 either way. A model whose name does not say its version
//! is asked in the client's own way.

use serde::Serialize;

use super::{Family, Target};
use crate::call::{Call, Effort, Operation, Part, Reasoning, Role, ToolChoice};
use crate::error::NoCounterpart;

/// The vendor's own limit.
const BUDGET_TOKENS_MIN: u64 = 1_024;

/// The least `top_p` beside thinking.
const THINKING_TOP_P_MIN: f64 = 0.95;

/// The first version that thinks adaptively, and the last one that thinks by a budget.
const ADAPTIVE_SINCE: (u32, u32) = (4, 6);
const BUDGET_UNTIL: (u32, u32) = (4, 6);
/// The first version that knows the effort `xhigh`.
const EXTRA_HIGH_SINCE: (u32, u32) = (4, 7);

/// The member `thinking` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Thinking {
    Enabled {
        budget_tokens: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
    Adaptive {
        #[serde(skip_serializing_if = "Option::is_none")]
        display: Option<&'static str>,
    },
    Disabled,
}

/// What is asked of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asking {
    pub thinking: Option<Thinking>,
    pub effort: Option<&'static str>,
    /// Of output tokens, which include what is thought. None: neither the client nor a budget says one.
    pub limit: Option<u64>,
    /// None where it is what holds without it.
    pub temperature: Option<f64>,
}

/// Of a call in another dialect. `own` is the name of the dialect in which it goes on.
pub fn asking(call: &Call, target: Target<'_>, own: &str) -> Result<Asking, NoCounterpart> {
    let parameters = &call.parameters;
    let asker = Asker { from: call.dialect.as_str(), own, call, default: target.output_tokens_default };
    let plain = Asking {
        thinking: None,
        effort: None,
        limit: parameters.max_output_tokens,
        temperature: parameters.temperature,
    };
    let version = version(target.model);
    let adapts = version.is_none_or(|version| version >= ADAPTIVE_SINCE);
    let counts = version.is_none_or(|version| version <= BUDGET_UNTIL);
    let adaptive = |effort: Option<Effort>| {
        let effort = effort.map(|effort| word(effort, version));
        Asking { thinking: Some(Thinking::Adaptive { display: display(call) }), effort, ..plain }
    };
    let lacks_thoughts = lacks_thoughts(call);
    let asking = match parameters.reasoning {
        None => return Ok(plain),
        Some(Reasoning::Off | Reasoning::Budget(0)) => {
            return Ok(Asking { thinking: Some(Thinking::Disabled), ..plain });
        }
        Some(Reasoning::Adaptive) if adapts => adaptive(None),
        Some(Reasoning::Effort(effort)) if adapts => adaptive(Some(effort)),
        Some(Reasoning::Budget(tokens)) if adapts && (lacks_thoughts || !counts) => {
            adaptive(Some(Effort::of_budget(tokens)))
        }
        // With a budget the vendor demands the thoughts in front of the last calls.
        Some(_) if lacks_thoughts => return Err(asker.lacks_thoughts(target.model)),
        Some(Reasoning::Budget(tokens)) => asker.budgeted(plain, tokens)?,
        // The vendor's own default.
        Some(Reasoning::Adaptive) => asker.fitted(plain, Effort::High)?,
        Some(Reasoning::Effort(effort)) => asker.fitted(plain, effort)?,
    };
    asker.check(asking)
}

struct Asker<'a> {
    from: &'static str,
    own: &'a str,
    call: &'a Call,
    default: u64,
}

impl Asker<'_> {
    /// The limit goes with the budget, which must be less.
    fn budgeted(&self, plain: Asking, tokens: u64) -> Result<Asking, NoCounterpart> {
        let Asker { from, own, .. } = self;
        if tokens < BUDGET_TOKENS_MIN {
            return Err(NoCounterpart::new(format!(
                "The {from} call's budget of {tokens} tokens for thinking has no counterpart in {own}, where the least is {BUDGET_TOKENS_MIN}."
            )));
        }
        let limit = match plain.limit {
            None => tokens.saturating_add(self.default),
            Some(limit) if limit > tokens => limit,
            Some(limit) => {
                return Err(NoCounterpart::new(format!(
                    "The {from} call's budget of {tokens} tokens for thinking must be less than its limit of {limit} output tokens in {own}."
                )));
            }
        };
        let thinking = Thinking::Enabled { budget_tokens: tokens, display: display(self.call) };
        Ok(Asking { thinking: Some(thinking), limit: Some(limit), ..plain })
    }

    /// The budget that stands for an effort, or less of it where the limit leaves less.
    fn fitted(&self, plain: Asking, effort: Effort) -> Result<Asking, NoCounterpart> {
        let room = plain.limit.map_or(u64::MAX, |limit| limit.saturating_sub(BUDGET_TOKENS_MIN));
        match effort.budget_tokens().min(room) {
            tokens if tokens >= BUDGET_TOKENS_MIN => self.budgeted(plain, tokens),
            _ => Err(NoCounterpart::new(format!(
                "The {} call's limit of {} output tokens leaves no room for thinking, for which {} takes {BUDGET_TOKENS_MIN} tokens at least.",
                self.from,
                plain.limit.unwrap_or_default(),
                self.own
            ))),
        }
    }

    fn lacks_thoughts(&self, model: &str) -> NoCounterpart {
        NoCounterpart::new(format!(
            "The {} call asks for thinking behind calls of tools whose thoughts are another vendor's, which the model `{model}` does not take in {}.",
            self.from, self.own
        ))
    }

    /// What the vendor refuses beside thinking.
    fn check(&self, asking: Asking) -> Result<Asking, NoCounterpart> {
        let (from, own, parameters) = (self.from, self.own, &self.call.parameters);
        if let Some(ToolChoice::Required | ToolChoice::Named(_)) = self.call.tool_choice {
            return Err(NoCounterpart::new(format!(
                "The {from} call forces the use of a tool and asks for thinking, and {own} has only one of both at a time."
            )));
        }
        let refused = [
            ("temperature", parameters.temperature.filter(|temperature| *temperature != 1.0).map(|it| it.to_string())),
            ("top_k", parameters.top_k.map(|top_k| top_k.to_string())),
            ("top_p", parameters.top_p.filter(|top_p| *top_p < THINKING_TOP_P_MIN).map(|top_p| top_p.to_string())),
        ];
        // Where tokens are only counted, none is drawn.
        let answers = self.call.operation == Operation::Chat;
        match refused.iter().filter(|_| answers).find_map(|(name, value)| Some((name, value.as_ref()?))) {
            Some((name, value)) => Err(NoCounterpart::new(format!(
                "The {from} call asks for thinking with a `{name}` of {value}, which has no counterpart in {own}: leave one of both out."
            ))),
            None => Ok(Asking { temperature: None, ..asking }),
        }
    }
}

/// Whether thoughts are shown, where the client said so; else it is the model's own affair.
fn display(call: &Call) -> Option<&'static str> {
    call.thoughts_wanted.map(|wanted| if wanted { "summarized" } else { "omitted" })
}

/// Whether results are told of calls whose thoughts went with another vendor.
fn lacks_thoughts(call: &Call) -> bool {
    let is_result = |part: &Part| matches!(part, Part::ToolResult(_));
    let mut messages = call.messages.iter().rev();
    let mut results = false;
    let assistant = messages.by_ref().find(|message| {
        results |= message.parts.iter().any(is_result);
        message.role == Role::Assistant
    });
    let thought = |part: &Part| matches!(part, Part::Thought(thought) if thought.family == Family::Anthropic);
    results && assistant.is_some_and(|message| !message.parts.first().is_some_and(thought))
}

fn word(effort: Effort, version: Option<(u32, u32)>) -> &'static str {
    match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::ExtraHigh if version.is_none_or(|version| version >= EXTRA_HIGH_SINCE) => "xhigh",
        Effort::ExtraHigh | Effort::Highest => "max",
    }
}

/// `claude-opus-4-6`, `us.anthropic.claude-3-7-sonnet-20250219-v1:0`; None where the name does not say one.
fn version(model: &str) -> Option<(u32, u32)> {
    let (_, name) = model.split_once("claude-")?;
    let is_word = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphabetic());
    // Dates and revisions stand behind.
    let number = |word: &str| word.parse::<u32>().ok().filter(|_| word.len() <= 2);
    let mut words = name.split(['-', '.', '@', ':']).skip_while(is_word);
    let major = number(words.next()?)?;
    (major >= 3).then(|| (major, words.next().and_then(number).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    fn asked(model: &str, reasoning: Reasoning, limit: Option<u64>) -> Result<Asking, String> {
        let mut call = Call::new(Dialect::OpenAi, Operation::Chat, bytes::Bytes::new());
        call.parameters.reasoning = Some(reasoning);
        call.parameters.max_output_tokens = limit;
        let target = Target { model, output_tokens_default: 1_000 };
        asking(&call, target, "anthropic-messages").map_err(|problem| problem.message)
    }

    fn enabled(budget_tokens: u64) -> Option<Thinking> {
        Some(Thinking::Enabled { budget_tokens, display: None })
    }

    const ADAPTIVE: Option<Thinking> = Some(Thinking::Adaptive { display: None });

    #[test]
    fn versions_are_read_from_the_names_of_all_clouds() {
        for (model, expected) in [
            ("claude-opus-4-6", Some((4, 6))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-3-5-haiku-latest", Some((3, 5))),
            ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", Some((3, 7))),
            ("eu.anthropic.claude-opus-4-6-v1", Some((4, 6))),
            ("anthropic/claude-sonnet-4.5", Some((4, 5))),
            ("claude-opus-4@20250514", Some((4, 0))),
            ("claude-fable-5", Some((5, 0))),
            ("anthropic.claude-v2:1", None),
            ("claude-latest", None),
            ("amazon.nova-pro-v1:0", None),
        ] {
            assert_eq!(version(model), expected, "{model}");
        }
    }

    #[test]
    fn a_model_is_asked_to_think_in_the_way_that_it_knows() {
        let effort = Reasoning::Effort(Effort::Medium);
        let (old, either, new) = ("claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-7");
        let told = |model, reasoning: &Reasoning| {
            let asking = asked(model, reasoning.clone(), None).unwrap();
            (asking.thinking, asking.effort, asking.limit)
        };
        assert_eq!(told(old, &effort), (enabled(8_192), None, Some(9_192)));
        assert_eq!(told(old, &Reasoning::Adaptive), (enabled(16_384), None, Some(17_384)));
        assert_eq!(told(old, &Reasoning::Budget(2_000)), (enabled(2_000), None, Some(3_000)));
        for model in [either, new, "an-alias"] {
            assert_eq!(told(model, &effort), (ADAPTIVE, Some("medium"), None), "{model}");
            assert_eq!(told(model, &Reasoning::Adaptive), (ADAPTIVE, None, None), "{model}");
        }
        assert_eq!(told(either, &Reasoning::Budget(2_000)), (enabled(2_000), None, Some(3_000)));
        assert_eq!(told(new, &Reasoning::Budget(2_000)), (ADAPTIVE, Some("low"), None));
    }

    #[test]
    fn every_effort_has_a_word_that_the_model_knows() {
        let word = |model, effort| asked(model, Reasoning::Effort(effort), None).unwrap().effort.unwrap();
        assert_eq!(
            Effort::ALL.map(|effort| word("claude-opus-4-7", effort)),
            ["low", "low", "medium", "high", "xhigh", "max"]
        );
        assert_eq!(
            Effort::ALL.map(|effort| word("claude-opus-4-6", effort)),
            ["low", "low", "medium", "high", "max", "max"]
        );
    }

    #[test]
    fn an_effort_is_a_smaller_budget_where_the_limit_is_small_and_refused_where_there_is_no_room() {
        let high = || Reasoning::Effort(Effort::High);
        let asking = asked("claude-sonnet-4-5", high(), Some(4_000)).unwrap();
        assert_eq!((asking.thinking, asking.limit), (enabled(2_976), Some(4_000)));
        assert_eq!(
            asked("claude-sonnet-4-5", high(), Some(2_000)).unwrap_err(),
            "The openai-chat call's limit of 2000 output tokens leaves no room for thinking, for which anthropic-messages takes 1024 tokens at least."
        );
    }

    #[test]
    fn what_the_vendor_refuses_beside_thinking_is_refused_with_a_sentence() {
        let mut call = Call::new(Dialect::OpenAi, Operation::Chat, bytes::Bytes::new());
        let target = Target { model: "m", output_tokens_default: 1_000 };
        let refusal = |call: &Call| asking(call, target, "bedrock").err().map(|problem| problem.message);
        call.parameters.temperature = Some(0.5);
        call.parameters.top_k = Some(5);
        call.parameters.top_p = Some(0.5);
        assert_eq!(refusal(&call), None, "without thinking");
        call.parameters.reasoning = Some(Reasoning::Adaptive);
        for (name, value) in [("temperature", "0.5"), ("top_k", "5"), ("top_p", "0.5")] {
            let message = format!(
                "The openai-chat call asks for thinking with a `{name}` of {value}, which has no counterpart in bedrock: leave one of both out."
            );
            assert_eq!(refusal(&call), Some(message));
            match name {
                "temperature" => call.parameters.temperature = Some(1.0),
                "top_k" => call.parameters.top_k = None,
                _ => call.parameters.top_p = Some(0.97),
            }
        }
        let asked = asking(&call, target, "bedrock").unwrap();
        assert_eq!((asked.thinking, asked.temperature), (ADAPTIVE, None));
    }
}
