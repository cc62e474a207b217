//! The Rust of the pages: each file compiles, and the tests in it pass. Line numbers are those of the page.

include!(concat!(env!("OUT_DIR"), "/files.rs"));
