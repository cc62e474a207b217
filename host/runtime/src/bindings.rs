//! The contract of `wit/v0.1` as Rust types and traits, generated.

wasmtime::component::bindgen!({
    path: "../../wit/v0.1",
    world: "plugin",
    imports: {
        "sluicegate:plugin/keys.identify": async | trappable,
        "sluicegate:plugin/counters.take": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    additional_derives: [PartialEq],
});

pub use exports::sluicegate::plugin as guest;
pub use sluicegate::plugin as host;
