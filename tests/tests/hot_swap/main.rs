//! Changing the configuration of a running gateway: what serves, what is refused, and what goes on.

mod admin;
mod files;
mod keeps;
mod listeners;
mod secrets;
mod signed;
mod streams;
mod support;
mod under_load;
