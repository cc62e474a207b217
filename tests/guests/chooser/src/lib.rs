//! Chooses where a request goes as its field `x-choose` says: names separated by commas, `least` for the target with the fewest
//! exchanges under way, `rested` for those that may be tried, `none` for no target at all, or `wild` for plans that cannot be.
#![cfg(target_arch = "wasm32")]

use sluicegate_plugin::{Decision, Plugin, Problems, Rejection, Schema, Setup, labels, request, targets};

#[derive(Default, serde::Deserialize, Schema)]
#[serde(default, deny_unknown_fields)]
struct Config {
    /// What a request without the field wants.
    choose: Option<String>,
}

struct Chooser(Option<String>);

impl Plugin for Chooser {
    type Config = Config;

    fn configure(config: Config, _setup: &mut Setup) -> Result<Chooser, Problems> {
        Ok(Chooser(config.choose))
    }

    fn head(&self) -> Decision {
        say("early", targets::set_plan(&[0]) || !targets::plan().is_empty());
        Decision::Proceed
    }

    fn route(&self) -> Decision {
        say("found", named(&targets::plan()));
        let wanted = request::header_text("x-choose").or(self.0.clone()).unwrap_or_default();
        let order = match wanted.as_str() {
            "" => targets::plan(),
            "none" => Vec::new(),
            "least" => sorted(&targets::figures("in-flight")),
            "rested" => {
                let rests = targets::figures("rests-ms");
                let may_be_tried = |number: &u32| rests.get(*number as usize) == Some(&Some(0));
                targets::plan().into_iter().filter(may_be_tried).collect()
            }
            "wild" => {
                let count = targets::names().len() as u32;
                let taken = [vec![count], vec![u32::MAX], vec![0, 0], (0..1_000).collect()];
                say("taken", taken.iter().filter(|order| targets::set_plan(order)).count());
                targets::plan()
            }
            "refuse" => return Rejection::new(429, "not_now", "Told to.").into(),
            names => numbers(names),
        };
        say("set", targets::set_plan(&order));
        say("head", request::set_header("x-plan", named(&targets::plan()).as_bytes()).is_ok());
        Decision::Proceed
    }

    fn finish(&self) {
        say("late", targets::set_plan(&[0]));
        say("used", named(&targets::plan()));
    }
}

fn say(name: &str, value: impl ToString) {
    labels::set(name, &value.to_string());
}

fn named(plan: &[u32]) -> String {
    let names = targets::names();
    let name = |number: &u32| names.get(*number as usize).cloned().unwrap_or_default();
    plan.iter().map(name).collect::<Vec<_>>().join(",")
}

fn numbers(names: &str) -> Vec<u32> {
    let known = targets::names();
    let number = |name: &str| known.iter().position(|other| other == name).unwrap_or(known.len());
    names.split(',').map(|name| number(name) as u32).collect()
}

fn sorted(figures: &[Option<u64>]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..figures.len() as u32).collect();
    order.sort_by_key(|number| figures[*number as usize]);
    order
}

sluicegate_plugin::export!(Chooser: head, route, finish);
