//! Calls of tools that wait for their results, found by their id or by the tool's name without a search.

use std::collections::{HashMap, VecDeque};

/// In the order in which the calls came. Each is taken once, by whichever way finds it first.
#[derive(Default)]
pub struct Waiting {
    /// None: has its result.
    ids: Vec<Option<String>>,
    by_id: HashMap<String, VecDeque<usize>>,
    by_name: HashMap<String, VecDeque<usize>>,
    /// All before this one have their results.
    first: usize,
}

impl Waiting {
    pub fn add(&mut self, id: String, name: &str) {
        let at = self.ids.len();
        self.by_id.entry(id.clone()).or_default().push_back(at);
        self.by_name.entry(name.to_owned()).or_default().push_back(at);
        self.ids.push(Some(id));
    }

    /// Notes that the call with this id has its result.
    pub fn answer(&mut self, id: &str) {
        let _id = self.by_id.get_mut(id).and_then(|queue| take(&mut self.ids, queue));
    }

    /// The id of the first call of this tool.
    pub fn take_of(&mut self, name: &str) -> Option<String> {
        take(&mut self.ids, self.by_name.get_mut(name)?)
    }

    /// The id of the first call of any tool.
    pub fn take_any(&mut self) -> Option<String> {
        let (at, id) = self.ids.iter_mut().enumerate().skip(self.first).find_map(|(at, id)| Some((at, id.take()?)))?;
        self.first = at + 1;
        Some(id)
    }
}

fn take(ids: &mut [Option<String>], queue: &mut VecDeque<usize>) -> Option<String> {
    std::iter::from_fn(|| queue.pop_front()).find_map(|at| ids.get_mut(at)?.take())
}
