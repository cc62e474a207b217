//! The provider as a client on the other side of a socket sees it.

mod behaviour;
mod chat;
mod errors;
mod support;
