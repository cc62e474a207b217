//! What the contract has room for and this gateway does not run yet, so that a plugin that wants it is told so.

/// Capabilities to come.
const PLANNED_INTERFACES: [&str; 7] = ["kv", "budgets", "ledger", "tokens", "crypto", "outbound", "cache"];

/// The sentence for a name behind an unstable feature, after `subject`; none for any other name.
pub(crate) fn refusal(subject: &str, name: &str) -> Option<String> {
    let (what, feature) = match name {
        _ if PLANNED_INTERFACES.contains(&name) => ("interface", "planned"),
        _ => return None,
    };
    Some(format!(
        "{subject}: this {what} belongs to the contract's unstable feature `{feature}`, which this gateway does not run yet; build \
         the plugin without that feature"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the interfaces that stand behind a feature gate in a file of the contract.
    fn gated<'a>(wit: &'a str, feature: &str) -> Vec<&'a str> {
        let gate = format!("@unstable(feature = {feature})\ninterface ");
        wit.split(&gate).skip(1).filter_map(|rest| rest.split_whitespace().next()).collect()
    }

    fn sorted(mut names: Vec<&str>) -> Vec<&str> {
        names.sort_unstable();
        names
    }

    #[test]
    fn every_interface_behind_the_feature_planned_is_listed() {
        let wit = include_str!("../../../wit/v0.1/planned.wit");
        assert_eq!(sorted(gated(wit, "planned")), sorted(PLANNED_INTERFACES.to_vec()));
    }

    #[test]
    fn what_the_gateway_runs_is_not_refused() {
        for name in crate::CORE_INTERFACES.into_iter().chain(crate::GRANTS).chain(["head", "policy", "route", "finish"])
        {
            assert_eq!(refusal("it", name), None);
        }
    }
}
