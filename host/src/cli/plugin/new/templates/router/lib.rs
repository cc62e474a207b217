//! Chooses among the upstreams of a route: the one that a header field names, or else the one with the least to do.

use serde::Deserialize;
use sluicegate_plugin::{
    Decision, Plugin, Pointer, Problems, Schema, Setup, fields, labels, request, targets,
};

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Config {
    /// The header field in which a client may name an upstream.
    header: String,
}

struct Policy(Config);

impl Plugin for Policy {
    type Config = Config;

    fn configure(config: Config, _setup: &mut Setup) -> Result<Policy, Problems> {
        if !fields::is_name(&config.header) {
            let place = Pointer::root().key("header");
            return Err(Problems::new(
                &place,
                "`header` must be the name of a header field, such as `x-upstream`.",
            ));
        }
        Ok(Policy(config))
    }

    fn route(&self) -> Decision {
        let names = targets::facts("name");
        let wanted = request::header_text(&self.0.header);
        let (rests, busy) = (targets::figures("rests-ms"), targets::figures("in-flight"));
        let figure = |figures: &[Option<u64>], target: u32| {
            figures.get(target as usize).copied().flatten().unwrap_or(0)
        };
        let mut plan = targets::plan();
        // The first of these is tried first, and the others where that cannot be reached. The sort keeps the order of equals.
        plan.sort_by_key(|target| {
            let is_wanted = wanted.is_some() && names.get(*target as usize) == wanted.as_ref();
            (
                !is_wanted,
                figure(&rests, *target) > 0,
                figure(&busy, *target),
            )
        });
        if let Some(name) = plan.first().and_then(|target| names.get(*target as usize)) {
            labels::set("upstream", name);
        }
        targets::set_plan(&plan);
        Decision::Proceed
    }
}

sluicegate_plugin::export!(Policy: route);

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluicegate_plugin::testing::{self, Exchange};

    use super::*;

    fn routed(exchange: Exchange) -> Exchange {
        let policy = testing::configure::<Policy>(json!({ "header": "x-upstream" }))
            .ok()
            .unwrap();
        let mut exchange = exchange.targets(["first", "second", "third"]);
        assert_eq!(policy.route(&mut exchange), Decision::Proceed);
        exchange
    }

    #[test]
    fn the_upstream_that_the_client_names_comes_first() {
        let exchange = routed(Exchange::new("GET", "/").header("x-upstream", "third"));
        assert_eq!(exchange.plan(), ["third", "first", "second"]);
        assert_eq!(exchange.label("upstream"), Some("third"));
    }

    #[test]
    fn without_a_name_the_least_busy_one_comes_first_and_one_that_rests_last() {
        let exchange = Exchange::new("GET", "/")
            .figure("in-flight", [Some(2), Some(1), Some(0)])
            .figure("rests-ms", [Some(0), Some(0), Some(500)]);
        assert_eq!(routed(exchange).plan(), ["second", "first", "third"]);
    }

    #[test]
    fn an_unknown_name_is_as_none() {
        let exchange = routed(Exchange::new("GET", "/").header("x-upstream", "fourth"));
        assert_eq!(exchange.plan(), ["first", "second", "third"]);
    }
}
