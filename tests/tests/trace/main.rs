//! Traces of a running gateway: what a chain does with one request, told to whoever has the admin token and to nobody else.

mod command;
mod filters;
mod limits;
mod secrets;
mod steps;
mod support;
