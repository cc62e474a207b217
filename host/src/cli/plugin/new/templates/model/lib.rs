//! For calls of language models, whatever dialect the client speaks: which words providers may read, how long an answer may be, and at
//! which phrases it ends.

use std::collections::BTreeMap;

use serde::Deserialize;
use sluicegate_plugin::{
    AttemptDecision, CallDecision, DeltaDecision, Plugin, Pointer, Problems, Rejection, Schema,
    Setup, attempts, labels, model_call, notes,
};

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Config {
    /// Words that only trusted providers may read; others get `[hidden]` instead.
    #[serde(default)]
    hidden: Vec<String>,
    /// The trusted providers, by their names in the gateway's configuration.
    #[serde(default)]
    trusted: Vec<String>,
    /// The most tokens that an answer may have.
    #[schema(minimum = 1)]
    output_tokens_max: u32,
    /// Phrases that end an answer before anybody reads them.
    #[serde(default)]
    stop_at: Vec<String>,
}

struct Policy(Config);

impl Plugin for Policy {
    type Config = Config;

    fn configure(config: Config, _setup: &mut Setup) -> Result<Policy, Problems> {
        for (name, words) in [("hidden", &config.hidden), ("stop_at", &config.stop_at)] {
            if let Some(empty) = words.iter().position(String::is_empty) {
                let place = Pointer::root().key(name).index(empty);
                return Err(Problems::new(
                    &place,
                    "An empty text is in every text: write a word.",
                ));
            }
        }
        Ok(Policy(config))
    }

    /// Once a call, for all targets.
    fn call(&self) -> CallDecision {
        labels::set("asked-model", &model_call::model());
        self.cap().into()
    }

    /// Once for each target that is tried, on its own copy of the call.
    fn attempt(&self) -> AttemptDecision {
        let provider = attempts::last().and_then(|number| attempts::fact(number, "provider"));
        if provider.is_some_and(|provider| self.0.trusted.contains(&provider)) {
            return AttemptDecision::Proceed;
        }
        match model_call::rewrite_each("", "", |segment| self.masked(segment.text())) {
            Ok(_) => AttemptDecision::Proceed,
            // A text that a provider has signed cannot be rewritten, so this target must not get it.
            Err(error) => AttemptDecision::skip(error.to_string()),
        }
    }

    /// The answer's text, in pieces that are cut anywhere.
    fn delta_text(&self, choice: u32, text: String) -> DeltaDecision {
        if self.0.stop_at.is_empty() {
            return DeltaDecision::Pass;
        }
        let mut held = Held::load();
        let before = held.take(choice);
        let nothing_waited = before.is_empty();
        let mut text = before + &text;
        if self.0.stop_at.iter().any(|phrase| text.contains(phrase)) {
            labels::set("stopped", "phrase");
            return DeltaDecision::stop("content-filter");
        }
        let unclear = text.split_off(text.len() - self.unclear_bytes(&text));
        if unclear.is_empty() && nothing_waited {
            return DeltaDecision::Pass;
        }
        held.keep(choice, unclear);
        DeltaDecision::Replace(text)
    }

    fn delta_end(&self, choice: u32, _reason: &str) -> DeltaDecision {
        match Held::load().take(choice) {
            text if text.is_empty() => DeltaDecision::Pass,
            text => DeltaDecision::Replace(text),
        }
    }
}

impl Policy {
    /// The client's own limit, if it is lower than ours.
    fn cap(&self) -> Result<(), Rejection> {
        if model_call::operation() != "chat" {
            return Ok(());
        }
        let most = f64::from(self.0.output_tokens_max);
        if model_call::number("max-output-tokens").is_some_and(|asked| asked <= most) {
            return Ok(());
        }
        let refuse = |_| {
            let message = "The length of this call's answer cannot be limited.";
            Rejection::new(400, "no_output_limit", message)
        };
        model_call::set_number("max-output-tokens", Some(most)).map_err(refuse)
    }

    /// None: there is nothing to hide in it.
    fn masked(&self, text: &str) -> Option<String> {
        let found = self.0.hidden.iter().any(|word| text.contains(word));
        found.then(|| {
            let mask = |text: String, word: &String| text.replace(word, "[hidden]");
            self.0.hidden.iter().fold(text.to_owned(), mask)
        })
    }

    /// How many bytes at the end may be the beginning of a phrase.
    fn unclear_bytes(&self, text: &str) -> usize {
        let begins_phrase = |tail: &&str| self.0.stop_at.iter().any(|word| word.starts_with(*tail));
        let tails = text.char_indices().map(|(at, _)| &text[at..]);
        tails.into_iter().find(begins_phrase).map_or(0, str::len)
    }
}

/// Text that was held back, by choice. It lies in the notes, since another instance may serve the next piece.
struct Held(BTreeMap<u32, String>);

impl Held {
    fn load() -> Held {
        Held(serde_json::from_slice(&notes::load()).unwrap_or_default())
    }

    fn take(&mut self, choice: u32) -> String {
        self.0.remove(&choice).unwrap_or_default()
    }

    fn keep(&mut self, choice: u32, text: String) {
        self.0.insert(choice, text);
        if let Ok(bytes) = serde_json::to_vec(&self.0) {
            notes::store(&bytes);
        }
    }
}

sluicegate_plugin::export!(Policy: call, attempt, delta);

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluicegate_plugin::testing::{self, Configured, Exchange, ModelCall};

    use super::*;

    fn policy() -> Configured<Policy> {
        let config = json!({
            "hidden": ["Project Falcon"],
            "trusted": ["local"],
            "output_tokens_max": 100,
            "stop_at": ["internal use only"],
        });
        testing::configure::<Policy>(config).ok().unwrap()
    }

    fn question() -> ModelCall {
        ModelCall::new("assistant")
            .text("system", "Answer in one sentence.")
            .text("user", "When does Project Falcon begin?")
    }

    #[test]
    fn a_word_is_hidden_from_one_provider_and_not_from_the_other() {
        let mut exchange = Exchange::model_call(question())
            .targets(["mine", "vendor"])
            .fact("provider", ["local", "openai"]);
        let policy = policy();
        assert_eq!(policy.call(&mut exchange), CallDecision::Proceed);
        assert_eq!(
            policy.attempt(&mut exchange, "mine"),
            AttemptDecision::Proceed
        );
        let said = "When does Project Falcon begin?";
        assert_eq!(exchange.call().texts("user", "text"), [said]);
        exchange.attempt_ended("refused", [("status", 429)]);
        assert_eq!(
            policy.attempt(&mut exchange, "vendor"),
            AttemptDecision::Proceed
        );
        let masked = "When does [hidden] begin?";
        assert_eq!(exchange.call().texts("user", "text"), [masked]);
    }

    #[test]
    fn a_target_is_left_out_that_would_read_what_cannot_be_hidden() {
        let signed = question()
            .text("assistant", "Project Falcon begins in May.")
            .signed();
        let mut exchange = Exchange::model_call(signed).targets(["vendor"]);
        let reason = "segment 2 cannot be rewritten: a provider has signed it";
        assert_eq!(
            policy().attempt(&mut exchange, "vendor"),
            AttemptDecision::skip(reason)
        );
    }

    #[test]
    fn an_answer_gets_our_limit_unless_its_own_is_lower_in_every_dialect() {
        for dialect in [
            "openai-chat",
            "openai-responses",
            "anthropic-messages",
            "gemini",
        ] {
            for (asked, limit) in [(None, 100.0), (Some(5000.0), 100.0), (Some(20.0), 20.0)] {
                let call = question().dialect_is(dialect);
                let call = match asked {
                    Some(tokens) => call.number_is("max-output-tokens", tokens),
                    None => call,
                };
                let mut exchange = Exchange::model_call(call);
                assert_eq!(policy().call(&mut exchange), CallDecision::Proceed);
                assert_eq!(exchange.call().number("max-output-tokens"), Some(limit));
                assert_eq!(exchange.label("asked-model"), Some("assistant"));
            }
        }
    }

    #[test]
    fn a_phrase_ends_the_answer_wherever_its_pieces_are_cut() {
        let answer =
            |pieces: &[&str]| policy().answer(&mut Exchange::model_call(question()), pieces);
        for pieces in [
            &["In May. For ", "internal use only", "."][..],
            &["In May. For ", "internal", " use", " only."],
            &["In May. For ", "i", "nternal use onl", "y."],
        ] {
            let delivered = answer(pieces);
            assert_eq!(delivered.text, "In May. For ");
            assert_eq!(delivered.end, "content-filter");
        }
    }

    #[test]
    fn every_other_answer_arrives_whole() {
        let pieces = ["In internal", " memos, for int", "ernal use", ""];
        let delivered = policy().answer(&mut Exchange::model_call(question()), &pieces);
        assert_eq!(delivered.text, "In internal memos, for internal use");
        assert_eq!(delivered.end, "stop");
    }

    #[test]
    fn an_empty_word_is_refused_with_its_place() {
        let config = json!({ "output_tokens_max": 1, "stop_at": ["a", ""] });
        let problems = testing::configure::<Policy>(config).err().unwrap();
        assert_eq!(problems[0].pointer, "/stop_at/1");
    }
}
