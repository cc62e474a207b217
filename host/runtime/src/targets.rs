//! Where an exchange can go: the candidates of its route, and the plan that says which are tried in which order.

/// The candidates of one route, numbered from 0. What is asked for is known at once.
pub trait Candidates: Send + Sync {
    fn count(&self) -> usize;

    /// Empty for a number that is no candidate's.
    fn name(&self, number: u32) -> String;

    /// One text a candidate; empty where the name is not known.
    fn facts(&self, name: &str) -> Vec<String>;

    /// One number a candidate; none where it is not known.
    fn figures(&self, name: &str) -> Vec<Option<u64>>;

    /// Numbers of those that can serve what has this feature.
    fn capable(&self, _feature: &str) -> Vec<u32> {
        (0..u32::try_from(self.count()).unwrap_or(u32::MAX)).collect()
    }
}

/// For exchanges that go nowhere.
pub struct NoCandidates;

impl Candidates for NoCandidates {
    fn count(&self) -> usize {
        0
    }

    fn name(&self, _number: u32) -> String {
        String::new()
    }

    fn facts(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }

    fn figures(&self, _name: &str) -> Vec<Option<u64>> {
        Vec::new()
    }
}

/// Numbers of candidates in the order in which they are tried. Empty until the phase `route` begins; plugins change it in that
/// phase alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetPlan {
    order: Vec<u32>,
    open: bool,
}

impl TargetPlan {
    /// The plan that the first plugin of the phase finds.
    pub fn open(order: Vec<u32>) -> TargetPlan {
        TargetPlan { order, open: true }
    }

    /// The phase is over.
    pub fn close(&mut self) {
        self.open = false;
    }

    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// False, and nothing changes, unless the phase runs and each number is that of a candidate and stands there once.
    pub(crate) fn set(&mut self, order: Vec<u32>, count: usize) -> bool {
        let mut seen = vec![false; count];
        let is_valid = self.open
            && order.len() <= count
            && order.iter().all(|number| {
                let place = usize::try_from(*number).ok().and_then(|number| seen.get_mut(number));
                place.is_some_and(|seen| !std::mem::replace(seen, true))
            });
        if is_valid {
            self.order = order;
        }
        is_valid
    }

    /// On a copy whose plugin has its own order.
    pub(crate) fn open_as(&mut self, other: &TargetPlan) {
        self.open = other.open;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_takes_any_order_of_some_of_the_candidates() {
        for order in [vec![2, 0, 1], vec![1], vec![]] {
            let mut plan = TargetPlan::open(vec![0, 1, 2]);
            assert!(plan.set(order.clone(), 3));
            assert_eq!(plan.order(), order);
        }
    }

    #[test]
    fn a_plan_with_a_number_that_is_no_candidate_or_stands_twice_stays() {
        let mut plan = TargetPlan::open(vec![0, 1]);
        for order in [vec![2], vec![0, u32::MAX], vec![1, 1], vec![0, 1, 0]] {
            assert!(!plan.set(order.clone(), 2), "{order:?}");
            assert_eq!(plan.order(), [0, 1]);
        }
        assert!(!TargetPlan::open(Vec::new()).set(vec![0], 0));
    }

    #[test]
    fn a_plan_is_set_in_its_phase_alone() {
        assert!(!TargetPlan::default().set(Vec::new(), 2));
        let mut plan = TargetPlan::open(vec![0, 1]);
        plan.close();
        assert!(!plan.set(vec![1, 0], 2));
        assert_eq!(plan.order(), [0, 1]);
    }
}
