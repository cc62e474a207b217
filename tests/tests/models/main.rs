//! Routes of models: every dialect of clients to every kind of provider.

mod arrays;
mod basics;
mod clients;
mod dialect;
mod failover;
mod pairs;
mod phases;
mod prompts;
mod support;
