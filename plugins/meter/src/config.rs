//! The config as written and as meant.

use serde::Deserialize;
use sluicegate_plugin::{Pointer, Problems, Schema};

use crate::Meter;
use crate::callers::{By, Caller, Callers, word};
use crate::price::{Price, Status};

const PRICES_MAX: usize = 256;
/// Two metrics each, and two of all others, beside those of all requests: a plugin may have 32.
const CALLERS_MAX: usize = 7;
/// Of what stands behind `metered_cost_nano_usd_of_` in a metric's name of at most 64 bytes.
const WORD_BYTES_MAX: usize = 39;
/// What those that are not named are counted under.
const OTHERS: &str = "others";

/// Counts what requests use and what that costs, when each is over.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawConfig {
    /// The first that matches is charged.
    #[serde(default)]
    #[schema(max_items = PRICES_MAX)]
    prices: Vec<RawPrice>,
    /// Who is counted one by one, in metrics of their own.
    callers: Option<RawCallers>,
}

/// Requests for which all that is given of `route`, `upstream`, `consumer` and `status` holds, and what they cost, in nano-USD
/// (a thousand-millionth of a dollar).
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawPrice {
    /// Name of the route.
    #[schema(min_length = 1)]
    route: Option<String>,
    /// Name of the upstream that answered, or was tried last.
    #[schema(min_length = 1)]
    upstream: Option<String>,
    /// Name of the consumer.
    #[schema(min_length = 1)]
    consumer: Option<String>,
    /// A status, or a class such as `2xx`.
    #[schema(pattern = "^[1-5](xx|[0-9]{2})$", example = "2xx")]
    status: Option<String>,
    /// For each request.
    #[serde(default)]
    #[schema(example = 1_000)]
    request: u64,
    /// For each MiB of the request's body.
    #[serde(default)]
    request_mib: u64,
    /// For each MiB of the answer's body.
    #[serde(default)]
    reply_mib: u64,
}

/// Callers with metrics of their own. All others share one.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawCallers {
    /// Whose name tells one from another.
    by: By,
    /// The names, such as those of consumers.
    #[schema(min_items = 1, max_items = CALLERS_MAX, example = ["acme"])]
    names: Vec<String>,
}

impl TryFrom<RawConfig> for Meter {
    type Error = Problems;

    fn try_from(raw: RawConfig) -> Result<Meter, Problems> {
        let root = Pointer::root();
        let mut problems = Vec::new();
        let list = root.key("prices");
        if raw.prices.len() > PRICES_MAX {
            problems.push(Problems::new(&list, format!("`prices` must hold at most {PRICES_MAX} prices.")));
        }
        let mut prices: Vec<Price> = Vec::with_capacity(raw.prices.len());
        let mut all_have_one = false;
        for (index, price) in raw.prices.into_iter().enumerate() {
            let pointer = list.index(index);
            if all_have_one {
                problems.push(Problems::new(
                    &pointer,
                    "The price in front of it is for all requests, so this one is never charged: change their order.",
                ));
            }
            all_have_one = price.is_for_all();
            prices.push(price.into_price(&pointer, &mut problems));
        }
        let priced = !prices.is_empty();
        let callers = raw.callers.map(|callers| callers.into_callers(priced, &root.key("callers"), &mut problems));
        Problems::check(problems)?;
        Ok(Meter { prices, callers })
    }
}

impl RawPrice {
    fn is_for_all(&self) -> bool {
        self.route.is_none() && self.upstream.is_none() && self.consumer.is_none() && self.status.is_none()
    }

    fn into_price(self, pointer: &Pointer, problems: &mut Vec<Problems>) -> Price {
        for (key, name) in [("route", &self.route), ("upstream", &self.upstream), ("consumer", &self.consumer)] {
            if name.as_ref().is_some_and(String::is_empty) {
                problems
                    .push(Problems::new(&pointer.key(key), format!("`{key}` must be a name; leave it out for any.")));
            }
        }
        let status = self.status.as_deref().map(Status::parse);
        if status == Some(None) {
            let message = "`status` must be a status, such as \"404\", or a class of them, such as \"2xx\".";
            problems.push(Problems::new(&pointer.key("status"), message));
        }
        Price {
            route: self.route,
            upstream: self.upstream,
            consumer: self.consumer,
            status: status.flatten(),
            request: self.request,
            request_mib: self.request_mib,
            reply_mib: self.reply_mib,
        }
    }
}

impl RawCallers {
    fn into_callers(self, priced: bool, pointer: &Pointer, problems: &mut Vec<Problems>) -> Callers {
        let list = pointer.key("names");
        if self.names.is_empty() || self.names.len() > CALLERS_MAX {
            let message = format!("`names` must hold 1 to {CALLERS_MAX} names: each has metrics of its own.");
            problems.push(Problems::new(&list, message));
        }
        let mut words = vec![OTHERS.to_owned()];
        let mut named = Vec::new();
        for (index, name) in self.names.into_iter().enumerate() {
            let word = word(&name);
            let mut report = |message: String| problems.push(Problems::new(&list.index(index), message));
            if !(1..=WORD_BYTES_MAX).contains(&word.len()) {
                report(format!("A name has 1 to {WORD_BYTES_MAX} letters: it becomes part of a metric's name."));
            } else if words.contains(&word) {
                report(format!(
                    "Its metrics would be those of `{word}`, which there are already: leave one of the two out."
                ));
            }
            named.push(Caller::new(name, &word));
            words.push(word);
        }
        Callers { by: self.by, named, others: Caller::new(OTHERS.to_owned(), OTHERS), priced }
    }
}
