//! Routes with several upstreams: plugins order them, and the next one is tried where that can do no harm.

mod credentials;
mod failover;
mod health;
mod plan;
mod rollout;
mod support;
