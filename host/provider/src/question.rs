//! A question in no dialect: what an answer depends on, after a dialect has read the request.

use serde_json::Value;

use crate::model::Model;
use crate::model::draw::Fingerprint;
use crate::model::tools::{Call, Tool, ToolChoice};

mod cost;
mod order;

pub use cost::CacheRule;
pub use order::{Disorder, check_order};

#[derive(Debug, Clone)]
pub struct Question {
    pub model: Model,
    /// The system prompt first, where a dialect has it apart.
    pub turns: Vec<Turn>,
    pub tools: Vec<Tool>,
    pub tool_choice: ToolChoice,
    /// More than one call in an answer.
    pub parallel_calls: bool,
    pub form: Form,
    /// How many answers are wanted.
    pub choices: u32,
    pub stop: Vec<String>,
    pub output_tokens_max: Option<u64>,
    pub reasoning: Reasoning,
    pub cache: CacheRule,
    /// What a client chose, beside the provider's own.
    pub seed: u64,
    pub asked: Asked,
}

#[derive(Debug, Clone, Default)]
pub struct Turn {
    pub role: Role,
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    System,
    #[default]
    User,
    Assistant,
    /// Results of tools.
    Tool,
}

#[derive(Debug, Clone)]
pub enum Part {
    Text(String),
    /// An image, a document or a sound, known by its fingerprint.
    Attachment(u64),
    /// Who speaks, where a dialect has names.
    Name(String),
    Call {
        /// As it stands in the request.
        id: String,
        name: String,
        arguments: String,
    },
    Result {
        id: String,
        text: String,
        attachments: u64,
    },
    /// Comes back from an earlier answer, and costs nothing.
    Reasoning,
    /// What stands in front is to be cached.
    CacheMark,
}

/// What an answer's text is to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Form {
    #[default]
    Text,
    /// Any JSON object.
    Json,
    Schema(Value),
}

/// How long a model that can think does so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reasoning {
    Off,
    /// So many words, cut at so many tokens.
    On {
        words: usize,
        tokens_max: u64,
    },
}

/// Figures that a client asks for by request fields, in place of what the rules give.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    pub reasoning_tokens: Option<u64>,
    pub cache_read_tokens: Option<u64>,
    pub cache_write_tokens: Option<u64>,
}

impl Turn {
    pub fn new(role: Role, parts: Vec<Part>) -> Turn {
        Turn { role, parts }
    }

    pub fn text(role: Role, text: impl Into<String>) -> Turn {
        Turn::new(role, vec![Part::Text(text.into())])
    }

    fn texts(&self) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            _ => None,
        };
        self.parts.iter().filter_map(text).collect()
    }

    fn results(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Result { text, .. } => Some(text.as_str()),
            _ => None,
        })
    }
}

impl Reasoning {
    /// For the words with which vendors say how hard a model is to think.
    pub fn effort(word: &str) -> Reasoning {
        let words = match word {
            "none" => return Reasoning::Off,
            "minimal" => 4,
            "low" => 8,
            "high" => 32,
            "xhigh" | "max" => 64,
            _ => 16,
        };
        Reasoning::On { words, tokens_max: u64::MAX }
    }

    pub fn budget(tokens_max: u64) -> Reasoning {
        if tokens_max == 0 { Reasoning::Off } else { Reasoning::On { words: 16, tokens_max } }
    }
}

impl Question {
    pub fn new(model: Model, turns: Vec<Turn>) -> Question {
        Question {
            model,
            turns,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            parallel_calls: true,
            form: Form::Text,
            choices: 1,
            stop: Vec::new(),
            output_tokens_max: None,
            reasoning: Reasoning::effort("medium"),
            cache: CacheRule::Automatic,
            seed: 0,
            asked: Asked::default(),
        }
    }

    /// What the user said last; empty if nothing.
    pub fn last_user_text(&self) -> String {
        let asks = |turn: &&Turn| turn.role == Role::User && turn.results().next().is_none();
        self.turns.iter().rev().find(asks).map(Turn::texts).unwrap_or_default()
    }

    /// The results of tools at the end of the conversation, one a line; none if something else stands there.
    pub fn last_results(&self) -> Option<String> {
        let ends: Vec<&Turn> = self.turns.iter().rev().take_while(|turn| turn.results().next().is_some()).collect();
        let results: Vec<&str> = ends.into_iter().rev().flat_map(Turn::results).collect();
        (!results.is_empty()).then(|| results.join("\n"))
    }

    /// The same for the same conversation in every dialect: the seed of everything that looks arbitrary.
    pub fn fingerprint(&self) -> u64 {
        let fingerprint = Fingerprint::new().number(self.seed).text(self.model.name());
        self.turns.iter().fold(fingerprint, Turn::fingerprint).finish()
    }
}

impl Turn {
    fn fingerprint(fingerprint: Fingerprint, turn: &Turn) -> Fingerprint {
        // Where tools' results stand in a conversation differs between dialects, so that the role alone says nothing.
        turn.parts.iter().fold(fingerprint.number(u64::from(turn.role == Role::Assistant)), |fingerprint, part| {
            match part {
                Part::Text(text) | Part::Name(text) => fingerprint.text(text),
                Part::Attachment(content) => fingerprint.number(*content),
                Part::Call { name, arguments, .. } => fingerprint.text(name).text(arguments),
                Part::Result { text, .. } => fingerprint.text(text),
                Part::Reasoning | Part::CacheMark => fingerprint,
            }
        })
    }
}

impl From<&Call> for Part {
    fn from(call: &Call) -> Part {
        Part::Call { id: format!("{:016x}", call.id), name: call.name.clone(), arguments: call.arguments.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(text: &str) -> Part {
        Part::Result { id: "1".into(), text: text.into(), attachments: 0 }
    }

    #[test]
    fn results_at_the_end_are_told_from_what_the_user_said() {
        let call = Part::Call { id: "1".into(), name: "look".into(), arguments: "{}".into() };
        let mut turns = vec![
            Turn::text(Role::User, "first"),
            Turn::new(Role::User, vec![Part::Text("se".into()), Part::Attachment(1), Part::Text("cond".into())]),
            Turn::new(Role::Assistant, vec![call]),
        ];
        let question = Question::new(Model::Echo, turns.clone());
        assert_eq!((question.last_user_text().as_str(), question.last_results()), ("second", None));
        turns.extend([Turn::new(Role::Tool, vec![result("one")]), Turn::new(Role::Tool, vec![result("two")])]);
        let question = Question::new(Model::Echo, turns);
        assert_eq!((question.last_user_text().as_str(), question.last_results()), ("second", Some("one\ntwo".into())));
    }

    #[test]
    fn a_fingerprint_is_that_of_model_seed_and_conversation() {
        let question = Question::new(Model::Story, vec![Turn::text(Role::User, "a")]);
        let others = [
            Question::new(Model::Echo, question.turns.clone()),
            Question::new(Model::Story, vec![Turn::text(Role::User, "b")]),
            Question { seed: 1, ..question.clone() },
        ];
        assert!(others.iter().all(|other| other.fingerprint() != question.fingerprint()));
        let same = Question { choices: 2, output_tokens_max: Some(1), ..question.clone() };
        assert_eq!(same.fingerprint(), question.fingerprint());
    }
}
