//! Remembers the few series that nearly all requests of one route count in, so that none of them hashes labels.

use std::sync::OnceLock;

/// Different keys that are remembered; who comes later is looked up each time.
const SLOTS: usize = 8;

/// Without a lock, for what is never forgotten.
#[derive(Debug, Clone)]
pub(super) struct Memo<K, V>([OnceLock<(K, V)>; SLOTS]);

impl<K: PartialEq + Clone, V: Clone> Memo<K, V> {
    pub(super) fn new() -> Memo<K, V> {
        Memo([const { OnceLock::new() }; SLOTS])
    }

    /// `make` is for a key that is not remembered.
    pub(super) fn with(&self, key: &K, make: impl Fn() -> V, work: impl FnOnce(&V)) {
        for slot in &self.0 {
            let (known, value) = slot.get_or_init(|| (key.clone(), make()));
            if known == key {
                return work(value);
            }
        }
        work(&make());
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_comes_first_is_made_once_and_what_comes_later_each_time() {
        let (memo, made) = (Memo::new(), Cell::new(0));
        let ask = |key: usize| {
            let mut seen = None;
            memo.with(&key, || made.replace(made.get() + 1), |value| seen = Some(*value));
            seen.unwrap()
        };
        for key in 0..SLOTS {
            assert_eq!((ask(key), ask(key)), (key, key));
        }
        assert_eq!((ask(SLOTS), ask(SLOTS)), (SLOTS, SLOTS + 1));
    }
}
