//! What each key has used by the provider's own count, so that a gateway's books can be compared with it.
//!
//! An answer that is given is charged: its input when it begins, its output as it is made. In an answer in one piece all is
//! made at once; in a stream a token is made with its event, and one event is made ahead of what the connection has taken.
//! A refusal, an error and a call that only counts tokens cost nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::answer::{Answer, Usage};

/// Older answers stay in the sums and are no longer listed one by one.
pub const ANSWERS_LISTED_MAX: usize = 1_024;

/// A handle on the books; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Invoice(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    sums: BTreeMap<(String, &'static str, &'static str), Sum>,
    answers: VecDeque<InvoiceAnswer>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    answers: u64,
    incomplete: u64,
    usage: Usage,
}

/// The sum for one key, dialect and model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvoiceLine {
    /// [`crate::ProviderKey::id`].
    pub key: String,
    /// `openai`, `anthropic`, `gemini`, `azure` or `bedrock`.
    pub dialect: &'static str,
    pub model: &'static str,
    pub answers: u64,
    /// Answers among them of which not everything was made.
    pub incomplete: u64,
    pub usage: Usage,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvoiceAnswer {
    pub key: String,
    pub dialect: &'static str,
    pub model: &'static str,
    /// Of the answer, in hexadecimal digits; the vendors' ids end with it.
    pub fingerprint: String,
    pub complete: bool,
    pub usage: Usage,
}

impl Invoice {
    /// Sorted by key, dialect and model. Answers that are still being sent are not among them.
    pub fn lines(&self) -> Vec<InvoiceLine> {
        let line = |((key, dialect, model), sum): (&(String, &'static str, &'static str), &Sum)| {
            let Sum { answers, incomplete, usage } = *sum;
            InvoiceLine { key: key.clone(), dialect, model, answers, incomplete, usage }
        };
        self.with(|books| books.sums.iter().map(line).collect())
    }

    /// The last [`ANSWERS_LISTED_MAX`] answers, in the order in which they ended.
    pub fn answers(&self) -> Vec<InvoiceAnswer> {
        self.with(|books| books.answers.iter().cloned().collect())
    }

    /// Everything that a key has used.
    pub fn total(&self, key: &str) -> Usage {
        let lines = self.lines();
        lines.iter().filter(|line| line.key == key).fold(Usage::default(), |sum, line| sum.plus(line.usage))
    }

    fn settle(&self, answer: InvoiceAnswer) {
        self.with(|books| {
            let sum = books.sums.entry((answer.key.clone(), answer.dialect, answer.model)).or_default();
            sum.answers += 1;
            sum.incomplete += u64::from(!answer.complete);
            sum.usage = sum.usage.plus(answer.usage);
            if books.answers.len() == ANSWERS_LISTED_MAX {
                books.answers.pop_front();
            }
            books.answers.push_back(answer);
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Books) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Usage {
    fn plus(self, other: Usage) -> Usage {
        Usage {
            input: self.input + other.input,
            cache_read: self.cache_read + other.cache_read,
            cache_write: self.cache_write + other.cache_write,
            output: self.output + other.output,
            reasoning: self.reasoning + other.reasoning,
        }
    }
}

/// Whom an answer is charged to, before it is known what it costs.
#[derive(Debug, Clone)]
pub struct Account {
    pub invoice: Invoice,
    pub key: String,
    pub dialect: &'static str,
}

/// What one answer costs so far; entered into the books when it is dropped.
#[derive(Debug)]
pub struct Charge {
    invoice: Invoice,
    answer: InvoiceAnswer,
}

impl Account {
    /// An answer that is made bit by bit.
    pub fn open(&self, answer: &Answer) -> Charge {
        let usage = Usage { output: 0, reasoning: 0, ..answer.usage };
        self.charge(answer.model.name(), answer.fingerprint, usage)
    }

    /// An answer in one piece.
    pub fn settle(&self, answer: &Answer) {
        self.settle_usage(answer.model.name(), answer.fingerprint, answer.usage);
    }

    pub fn settle_usage(&self, model: &'static str, fingerprint: u64, usage: Usage) {
        self.charge(model, fingerprint, usage).complete();
    }

    fn charge(&self, model: &'static str, fingerprint: u64, usage: Usage) -> Charge {
        let fingerprint = format!("{fingerprint:016x}");
        let (key, dialect) = (self.key.clone(), self.dialect);
        let answer = InvoiceAnswer { key, dialect, model, fingerprint, complete: false, usage };
        Charge { invoice: self.invoice.clone(), answer }
    }
}

impl Charge {
    pub fn add_output(&mut self, tokens: u64) {
        self.answer.usage.output += tokens;
    }

    pub fn add_reasoning(&mut self, tokens: u64) {
        self.answer.usage.output += tokens;
        self.answer.usage.reasoning += tokens;
    }

    pub fn complete(&mut self) {
        self.answer.complete = true;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.invoice.settle(self.answer.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_entered_when_it_ends_and_sums_are_kept_for_each_key_and_model() {
        let invoice = Invoice::default();
        let account = |key: &str| Account { invoice: invoice.clone(), key: key.into(), dialect: "openai" };
        let usage = Usage { input: 3, ..Usage::default() };
        let mut charge = account("a").charge("echo-1", 1, usage);
        charge.add_output(2);
        charge.add_reasoning(5);
        assert!(invoice.lines().is_empty());
        drop(charge);
        account("a").settle_usage("echo-1", 2, usage);
        account("b").settle_usage("echo-1", 3, usage);
        let expected = Usage { input: 6, output: 7, reasoning: 5, ..Usage::default() };
        let lines = invoice.lines();
        assert_eq!((lines.len(), lines[0].answers, lines[0].incomplete, lines[0].usage), (2, 2, 1, expected));
        assert_eq!((invoice.total("a"), invoice.total("b"), invoice.total("c")), (expected, usage, Usage::default()));
    }

    #[test]
    fn old_answers_leave_the_list_and_stay_in_the_sums() {
        let invoice = Invoice::default();
        let account = Account { invoice: invoice.clone(), key: "a".into(), dialect: "openai" };
        for number in 0..=ANSWERS_LISTED_MAX as u64 {
            account.settle_usage("echo-1", number, Usage::default());
        }
        let answers = invoice.answers();
        assert_eq!((answers.len(), answers[0].fingerprint.as_str()), (ANSWERS_LISTED_MAX, "0000000000000001"));
        assert_eq!(invoice.lines()[0].answers, ANSWERS_LISTED_MAX as u64 + 1);
    }
}
