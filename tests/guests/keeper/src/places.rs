//! Globals and tables, for which Rust has no words: tests put other code in the place of the exported functions here.
//!
//! As they are, there is neither a global nor a table.

use std::hint::black_box;

use crate::canary::{Canary, Sought, Words};

macro_rules! replaced {
    ($($export:literal $name:ident($($parameter:ident: $kind:ty),*) -> $result:ty = $default:expr;)+) => {
        $(
            // The compiler must not know what it does, for it is replaced.
            #[unsafe(export_name = $export)]
            #[inline(never)]
            #[expect(unsafe_code, reason = "a name by which its code is found")]
            extern "C" fn $name($($parameter: $kind),*) -> $result {
                // Equal functions would become one.
                black_box($export);
                $(black_box($parameter);)*
                black_box($default)
            }
        )+
    };
}

replaced! {
    "keeper-global" global(index: u32) -> u64 = 0;
    "keeper-set-global" set_global(index: u32, value: u64) -> () = ();
    "keeper-table-size" table_size() -> u32 = 0;
    "keeper-grow-table" grow_table(by: u32) -> u32 = u32::MAX;
    "keeper-is-null" is_null(at: u32) -> bool = true;
    "keeper-set-null" set_null(at: u32) -> () = ();
    "keeper-set-function" set_function(at: u32) -> () = ();
}

/// Elements that hold one canary, a bit each: null or a function.
const BITS: u32 = 256;

pub fn globals() -> Words {
    [global(0), global(1), global(2), global(3)]
}

/// In steps. How many of the new elements are not null.
pub fn grow_table_to_the_limit() -> usize {
    let first = table_size();
    while grow_table(BITS) != u32::MAX {}
    (first..table_size()).filter(|at| !is_null(*at)).count()
}

pub fn keep(canary: &Canary) {
    (0..).zip(canary.0).for_each(|(index, word)| set_global(index, word));
    for at in 0..table_size() / BITS * BITS {
        let word = canary.0[(at % BITS / 64) as usize];
        match word >> (at % 64) & 1 {
            0 => set_null(at),
            _ => set_function(at),
        }
    }
}

/// How many canaries of other requests stand in the table.
pub fn search_table(sought: &Sought) -> usize {
    let starts = (0..table_size() / BITS * BITS).step_by(BITS as usize);
    let word = |start: u32| (0..64).fold(0, |word, bit| word | u64::from(!is_null(start + bit)) << bit);
    starts.filter(|at| sought.is_foreign(std::array::from_fn(|index| word(at + 64 * index as u32)))).count()
}
