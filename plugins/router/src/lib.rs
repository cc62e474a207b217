//! Chooses among the upstreams of a route: the first rule that matches says by which strategy and among which of them.

mod by;
mod choice;
mod config;
mod conversation;
mod names;
mod order;
mod price;
mod rule;
mod source;
mod target;
#[cfg(test)]
mod tests;

use sluicegate_plugin::{Decision, Fact, Plugin, Problems, Setup};

use choice::Choice;
use config::RawConfig;
use rule::Rule;
use source::{Found, Source};

struct Router {
    /// What rules look at, each once, whatever number of rules does.
    sources: Vec<Source>,
    /// In the order in which they are tried.
    rules: Vec<Rule>,
    /// Where no rule matches.
    otherwise: Choice,
}

impl Plugin for Router {
    type Config = RawConfig;

    fn configure(config: RawConfig, setup: &mut Setup) -> Result<Router, Problems> {
        let router: Router = config.try_into()?;
        if router.sources.iter().any(Source::is_identity) || router.choices().any(Choice::needs_identity) {
            setup.requires(Fact::Identity);
        }
        // The gateway refuses the entry if one of them is not there.
        for name in router.choices().flat_map(Choice::names) {
            setup.upstream(name);
        }
        setup.provides(Fact::Plan);
        Ok(router)
    }

    fn route(&self) -> Decision {
        let mut found = Found::nothing();
        let rule = self.rules.iter().find(|rule| rule.matches(&self.sources, &mut found));
        rule.map_or(&self.otherwise, |rule| &rule.choice).make();
        Decision::Proceed
    }
}

sluicegate_plugin::export!(Router: route);

impl Router {
    fn choices(&self) -> impl Iterator<Item = &Choice> {
        self.rules.iter().map(|rule| &rule.choice).chain([&self.otherwise])
    }
}
