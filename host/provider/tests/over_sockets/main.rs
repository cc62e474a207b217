//! The provider as a client on the other side of a socket sees it.

mod alike;
mod anthropic;
mod azure;
mod bedrock;
mod behaviour;
mod chat;
mod chat_tools;
mod embeddings;
mod errors;
mod faults;
mod gemini;
mod invoice;
mod limits;
mod models;
mod responses;
mod support;
