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
    /// The same, while a call runs: one that is not heard of again leaves nothing.
    resting: Option<Given>,
    /// When its last call was over.
    used: Option<Moment>,
}

impl Touched {
    /// A call begins.
    pub(super) fn enter(&mut self) {
        self.resting = self.asked.take();
    }

    /// It is over. `at_once`: it has not left its thread.
    pub(super) fn used(&mut self, at_once: bool) {
        let now = Moment::now();
        // What it was given elsewhere is not counted here.
        self.asked = self.resting.take().filter(|asked| at_once && asked.is_of(now));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn two_pages<'a>(memory: &'a [u8], pagemap: &Pagemap) -> &'a [u8] {
        let skipped = memory.as_ptr().addr().next_multiple_of(pagemap.page_bytes) - memory.as_ptr().addr();
        &memory[skipped..][..2 * pagemap.page_bytes]
    }

    #[test]
    fn the_system_is_not_asked_again_where_it_has_given_no_page() {
        let pagemap = Pagemap::get().expect("this system tells");
        let memory = vec![1u8; 4 * pagemap.page_bytes];
        let pages = two_pages(&memory, pagemap);
        let mut touched = Touched::default();
        let mut told = || {
            touched.enter();
            touched.used(true);
            assert_eq!(touched.pages(pages, pagemap), Some(&[0b11][..]));
            touched.enter();
            touched.used(true);
            touched.pages(pages, &pagemap.silent()).is_some()
        };
        // The test itself may be given pages.
        assert!((0..10).any(|_| told()));
    }

    #[test]
    fn behind_a_call_that_left_its_thread_it_is_asked() {
        let pagemap = Pagemap::get().expect("this system tells");
        let memory = vec![1u8; 4 * pagemap.page_bytes];
        let pages = two_pages(&memory, pagemap);
        let mut touched = Touched::default();
        for _ in 0..10 {
            touched.enter();
            touched.used(true);
            assert!(touched.pages(pages, pagemap).is_some());
            touched.enter();
            touched.used(false);
            assert!(touched.pages(pages, &pagemap.silent()).is_none());
            // Nor behind one of which nothing more was heard.
            touched.enter();
            assert!(touched.pages(pages, &pagemap.silent()).is_none());
        }
    }
}
