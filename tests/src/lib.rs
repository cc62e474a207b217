//! What end-to-end tests share: the real binary on a free port, a scripted upstream, and a plain client.

pub mod authoring;
pub mod client;
pub mod command;
pub mod config;
pub mod demo;
pub mod footing;
pub mod gateway;
pub mod guests;
pub mod http2;
pub mod languages;
pub mod metrics;
pub mod parts;
pub mod raw;
pub mod readme;
pub mod registry;
pub mod script;
pub mod soak;
pub mod surgery;
pub mod tls;
pub mod upstream;

pub use authoring::{Dev, NewCrate, authoring, cargo};
pub use client::{Reply, get, post, send};
pub use command::{Key, Said, new_key, sluicegate};
pub use demo::Demo;
pub use footing::Footing;
pub use gateway::{Gateway, PATIENCE, binary};
pub use metrics::{ask_admin, metric, wait_for_metric};
pub use parts::python;
pub use raw::{Notes, Raw, RawUpstream, Rest};
pub use registry::{Certificates, Registry};
pub use script::Script;
pub use tls::Authority;
pub use upstream::{Received, Upstream};
