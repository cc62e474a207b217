//! The hostile plugins of `guests/`, as components. `for_each_guest!` names them all.

include!(concat!(env!("OUT_DIR"), "/guests.rs"));
