//! Tests of the pages for authors of plugins, `docs/authoring`: what stands in them compiles, runs and fits the gateway.

pub mod pages;
