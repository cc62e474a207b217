//! Which conversation a model's call belongs to, by what stays the same from turn to turn.

use sluicegate_plugin::{identity, model_call};

use crate::order::{hash, mixed};

/// Bytes of text in a call up to which they are read: an instance has 16 MiB of memory unless it is given more.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// Of the consumer, the system's texts in front of the user's first, and that one. A call with more text than can be read goes by
/// its consumer. None where there is nothing of that.
///
/// Which text is the first is a matter of numbers: what plugins insert has a higher one, and may be another at each turn.
pub fn number() -> Option<u64> {
    let consumer = identity::consumer().map(|consumer| hash(consumer.as_bytes()));
    if model_call::text_bytes() > TEXT_BYTES_MAX {
        return consumer;
    }
    let (system, user) = (model_call::segments("system", "text"), model_call::segments("user", "text"));
    let first = user.iter().min_by_key(|segment| segment.number());
    let before = first.map_or(u32::MAX, |first| first.number());
    let said = system.iter().filter(|segment| segment.number() < before).chain(first);
    let number = |so_far: Option<u64>, text: &str| Some(hash_of_text(so_far.or(consumer).unwrap_or(0), text));
    said.fold(None, |so_far, segment| number(so_far, segment.text()))
}

/// Eight bytes at a time, for texts are long. With its length, so that two texts are not one.
fn hash_of_text(seed: u64, text: &str) -> u64 {
    let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let (words, rest) = text.as_bytes().as_chunks();
    let hash = words.iter().fold(mixed(seed), |hash, word| step(hash, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    mixed(step(step(hash, u64::from_le_bytes(last)), text.len() as u64))
}
