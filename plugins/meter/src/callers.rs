//! Callers with metrics of their own: those that the config names, so that no client can make up further ones.

use serde::Deserialize;
use sluicegate_plugin::{MetricKind, Schema, Setup, identity, metrics};

use crate::Ended;

/// Whose name tells one caller from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    Consumer,
    Key,
    Team,
}

pub struct Callers {
    pub by: By,
    pub named: Vec<Caller>,
    /// Everybody else.
    pub others: Caller,
    /// There are prices.
    pub priced: bool,
}

/// One caller and the names of his metrics.
pub struct Caller {
    pub name: String,
    pub requests: String,
    pub cost: String,
}

impl Callers {
    pub fn declare(&self, setup: &mut Setup) {
        for caller in self.named.iter().chain([&self.others]) {
            setup.metric(&caller.requests, MetricKind::Counter, &format!("Requests of {}", caller.name));
            if self.priced {
                setup.metric(&caller.cost, MetricKind::Counter, &format!("Cost of {} in nano-USD", caller.name));
            }
        }
    }

    pub fn count(&self, ended: &Ended, cost: u64) {
        let asked;
        let name = match self.by {
            By::Consumer => ended.consumer(),
            By::Key => {
                asked = identity::key();
                asked.as_deref()
            }
            By::Team => {
                asked = identity::get("team");
                asked.as_deref()
            }
        };
        let caller = self.named.iter().find(|caller| name == Some(&caller.name)).unwrap_or(&self.others);
        metrics::add(&caller.requests, 1);
        if cost > 0 {
            metrics::add(&caller.cost, cost);
        }
    }
}

impl Caller {
    /// `word`: the name as it may stand in that of a metric.
    pub fn new(name: String, word: &str) -> Caller {
        Caller {
            requests: format!("metered_requests_of_{word}"),
            cost: format!("metered_cost_nano_usd_of_{word}"),
            name,
        }
    }
}

/// A name as a word of a metric's name: small letters, digits, and `_` for anything else.
pub fn word(name: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    name.chars().map(letter).collect()
}
