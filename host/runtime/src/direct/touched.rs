//! Which pages of one instance's memory may differ from what it was made with.

use crate::faults::{Given, Moment};
use crate::pagemap::{PAGES_MAX, Pagemap};

/// A page that was written to once stays one, so that the pages are asked for again only where there may be others.
#[derive(Default)]
pub(super) struct Touched {
    /// By [`PAGES_MAX`], the first of each by the lowest bit.
    pages: Vec<u64>,
    /// What the thread of all calls since had been given when they were asked for.
    asked: Option<Given>,
    /// When its last call was over.
    used: Option<Moment>,
}

impl Touched {
    /// A call is over. `at_once`: it has not left its thread.
    pub(super) fn used(&mut self, at_once: bool) {
        let now = Moment::now();
        // What it was given elsewhere is not counted here.
        self.asked = self.asked.filter(|asked| at_once && asked.is_of(now));
        self.used = Some(now);
    }

    /// None when the system does not tell. `memory` begins with a page and has whole ones.
    pub(super) fn pages(&mut self, memory: &[u8], pagemap: &Pagemap) -> Option<&[u64]> {
        let given = self.used.and_then(Given::until);
        if given.is_none() || self.asked != given {
            self.asked = None;
            self.pages.clear();
            for part in memory.chunks(PAGES_MAX * pagemap.page_bytes) {
                self.pages.push(pagemap.written(part)?);
            }
            self.asked = given;
        }
        Some(&self.pages)
    }
}
