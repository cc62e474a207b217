//! What end-to-end tests share: the real binary on a free port, a scripted upstream, and a plain client.

pub mod client;
pub mod gateway;
pub mod guests;
pub mod upstream;

pub use client::{Reply, get, send};
pub use gateway::{Gateway, binary};
pub use upstream::{Received, Upstream};
