//! What must have one reading, whoever reads it: where a message of HTTP/1.1 ends, what a path means, whom a balancer speaks for.
//!
//! It stands apart from the gateway so that hostile bytes can be tried on it ([`fuzz`]) without all that is built around it.

mod chunked;
#[cfg(test)]
mod fuzz;
mod glance;
pub mod http1;
pub mod path;
pub mod proxy_header;
mod watch;

pub use chunked::Fault;
pub use watch::Watch;
