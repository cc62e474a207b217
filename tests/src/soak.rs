//! Load on a gateway while its configuration changes, and the proof that nothing is lost or mixed.
//!
//! Every exchange is marked on both ways by three plugins and its route. What its marks say must be one configuration, and
//! that must be the one of the generation which the access log names.

pub mod book;
pub mod client;
pub mod config;
pub mod edge;
pub mod idle;
pub mod latency;
pub mod load;
pub mod marks;
pub mod process;
pub mod promise;
pub mod streams;
pub mod swaps;
pub mod upstream;
pub mod vast;

pub use book::Book;
