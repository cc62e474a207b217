//! `targets` as a gateway would answer: the candidates of the script, and a plan that is set in `route` alone.

use super::super::exchange::Stage;
use super::with;

pub fn facts(name: &str) -> Vec<String> {
    with("targets::facts", |exchange| exchange.facts(name))
}

pub fn figures(name: &str) -> Vec<Option<u64>> {
    with("targets::figures", |exchange| {
        let mut values = exchange.figures.get(name).cloned().unwrap_or_default();
        values.resize(exchange.targets.len(), None);
        values
    })
}

pub fn plan() -> Vec<u32> {
    with("targets::plan", |exchange| match exchange.stage {
        Stage::Head | Stage::Body { head_waits: true } | Stage::Call => Vec::new(),
        _ => exchange.plan.clone(),
    })
}

pub fn set_plan(order: &[u32]) -> bool {
    with("targets::set_plan", |exchange| {
        let mut numbers = order.to_vec();
        numbers.sort_unstable();
        numbers.dedup();
        let known = numbers.iter().all(|number| (*number as usize) < exchange.targets.len());
        let is_valid = exchange.stage == Stage::Route && known && numbers.len() == order.len();
        if is_valid {
            exchange.plan = order.to_vec();
        }
        is_valid
    })
}
