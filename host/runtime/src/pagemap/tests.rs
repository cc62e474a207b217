use super::*;

#[test]
fn a_page_that_was_written_to_is_told_and_one_that_was_never_there_is_not() {
    let pagemap = Pagemap::get().expect("this system tells");
    // So long that the allocator always asks the system for pages that nobody has touched: mallopt(3), M_MMAP_THRESHOLD.
    let mut memory = vec![0u8; 64 << 20];
    let skipped = memory.as_ptr().addr().next_multiple_of(pagemap.page_bytes) - memory.as_ptr().addr();
    let pages = &mut memory[skipped..][..PAGES_MAX * pagemap.page_bytes];
    assert_eq!(pagemap.written(pages), Some(0));
    for page in [0, 3, PAGES_MAX - 1] {
        pages[page * pagemap.page_bytes + 5] = 1;
    }
    // The system may have put several pages there at once.
    let expected = 1 | 1 << 3 | 1 << (PAGES_MAX - 1);
    assert_eq!(pagemap.written(pages).map(|written| written & expected), Some(expected));
}

#[test]
fn more_pages_than_can_be_asked_for_are_not_told() {
    let pagemap = Pagemap::get().expect("this system tells");
    assert_eq!(pagemap.written(&vec![0; (PAGES_MAX + 1) * pagemap.page_bytes]), None);
}
