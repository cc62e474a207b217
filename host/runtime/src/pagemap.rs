//! Which pages of this process's memory may have been written to, by what the system says of them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

/// Pages that can be asked for at once.
pub(crate) const PAGES_MAX: usize = 64;

/// One number of 64 bits a page: Linux, Documentation/admin-guide/mm/pagemap.rst.
const ENTRY_BYTES: usize = 8;
const PRESENT: u64 = 1 << 63;
/// A page of a file as it is there; one that was written to in a private mapping is none any more.
const OF_A_FILE: u64 = 1 << 61;

pub(crate) struct Pagemap {
    file: File,
    pub(crate) page_bytes: usize,
}

impl Pagemap {
    /// None where the system does not tell.
    pub(crate) fn get() -> Option<&'static Pagemap> {
        static PAGEMAP: OnceLock<Option<Pagemap>> = OnceLock::new();
        PAGEMAP.get_or_init(Pagemap::open).as_ref()
    }

    /// One that tells nothing.
    #[cfg(test)]
    pub(crate) fn silent(&self) -> Pagemap {
        Pagemap { file: File::open("/dev/null").unwrap(), page_bytes: self.page_bytes }
    }

    fn open() -> Option<Pagemap> {
        let page_bytes = page_bytes()?;
        let pagemap = Pagemap { file: File::open("/proc/self/pagemap").ok()?, page_bytes };
        // What was just written to must be seen.
        let probe = vec![1u8; 2 * page_bytes];
        let skipped = probe.as_ptr().addr().next_multiple_of(page_bytes) - probe.as_ptr().addr();
        let page = probe.get(skipped..skipped + page_bytes)?;
        (pagemap.written(page)? == 1).then_some(pagemap)
    }

    /// For each page, the first by the lowest bit: whether it may differ from the file that it is a private mapping of, or from
    /// zeros where it is of none. None when the system does not tell.
    ///
    /// A page that is swapped out or about to be moved may differ; only one that was never there, or is still the file's, does not.
    /// `memory` begins with a page and has whole ones, at most [`PAGES_MAX`].
    pub(crate) fn written(&self, memory: &[u8]) -> Option<u64> {
        let (count, first) = (memory.len() / self.page_bytes, memory.as_ptr().addr() / self.page_bytes);
        let mut entries = [0; PAGES_MAX * ENTRY_BYTES];
        let entries = entries.get_mut(..count * ENTRY_BYTES)?;
        self.file.read_exact_at(entries, (first * ENTRY_BYTES) as u64).ok()?;
        let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
        let may_differ = |entry: &[u8; ENTRY_BYTES]| {
            let entry = u64::from_ne_bytes(*entry);
            entry != 0 && entry & (PRESENT | OF_A_FILE) != PRESENT | OF_A_FILE
        };
        Some(entries.iter().rev().fold(0, |pages, entry| pages << 1 | u64::from(may_differ(entry))))
    }
}

/// From what the system has told this program at its start, in pairs of numbers: getauxval(3).
fn page_bytes() -> Option<usize> {
    const PAGE_SIZE: usize = 6;
    let told = std::fs::read("/proc/self/auxv").ok()?;
    let (words, _) = told.as_chunks::<{ size_of::<usize>() }>();
    let (pairs, _) = words.as_chunks::<2>();
    let [_, bytes] = pairs.iter().find(|[what, _]| usize::from_ne_bytes(*what) == PAGE_SIZE)?;
    Some(usize::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests;
