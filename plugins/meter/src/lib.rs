//! Counts what requests use and what that costs, when each is over.

mod callers;
mod config;
mod counts;
mod price;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;

use sluicegate_plugin::exchange::Usage;
use sluicegate_plugin::{Plugin, Problems, Setup, decimal, exchange, identity, labels, log, metrics};

use callers::Callers;
use config::RawConfig;
use price::Price;

/// Stands in the access log.
const LABEL: &str = "cost_nano_usd";

struct Meter {
    /// The first that matches is charged.
    prices: Vec<Price>,
    /// Those that are counted one by one.
    callers: Option<Callers>,
}

/// One exchange that is over. What only some prices look at is asked for when the first of them does.
struct Ended {
    usage: Usage,
    route: OnceCell<String>,
    consumer: OnceCell<Option<String>>,
}

impl Plugin for Meter {
    type Config = RawConfig;

    fn configure(config: RawConfig, setup: &mut Setup) -> Result<Meter, Problems> {
        let meter: Meter = config.try_into()?;
        for upstream in meter.prices.iter().filter_map(|price| price.upstream.as_deref()) {
            setup.upstream(upstream);
        }
        counts::declare(setup, !meter.prices.is_empty());
        if let Some(callers) = &meter.callers {
            callers.declare(setup);
        }
        Ok(meter)
    }

    fn finish(&self) {
        let ended = Ended { usage: exchange::used(), route: OnceCell::new(), consumer: OnceCell::new() };
        counts::count(&ended.usage);
        let cost = self.prices.iter().find(|price| price.matches(&ended)).map(|price| price.of(&ended.usage));
        match cost {
            Some(cost) => {
                if !labels::set(LABEL, decimal::text(cost, &mut [0; decimal::DIGITS_MAX])) {
                    log::warn("plugins have set all labels that there can be: the access log lacks `cost_nano_usd`");
                }
                if cost > 0 {
                    metrics::add(counts::COST, cost);
                }
            }
            None if self.prices.is_empty() => {}
            None => metrics::add(counts::UNPRICED, 1),
        }
        if let Some(callers) = &self.callers {
            callers.count(&ended, cost.unwrap_or(0));
        }
    }
}

sluicegate_plugin::export!(Meter: finish);

impl Ended {
    fn route(&self) -> &str {
        self.route.get_or_init(exchange::route)
    }

    fn consumer(&self) -> Option<&str> {
        self.consumer.get_or_init(identity::consumer).as_deref()
    }
}
