//! The contract of `wit/v0.1` as Rust types and functions, generated.
//!
//! Each phase has a world of its own, so that a plugin exports the phases that it names in `export!` and no others. What the
//! worlds import and a plugin does not call is left out by the linker.

/// What every plugin has: `configure`, and the host's interfaces.
pub mod base {
    wit_bindgen::generate!({
        path: "../wit/v0.1",
        inline: "package sluicegate:sdk; world base { include sluicegate:plugin/imports@0.1.0; import sluicegate:plugin/model-types@0.1.0; export sluicegate:plugin/policy@0.1.0; }",
        world: "sluicegate:sdk/base",
        generate_all,
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "__export_policy",
        default_bindings_module: "sluicegate_plugin::bindings::base",
    });
}

/// One phase's world. It borrows the types of `base`: those that the phase's decision is made of.
macro_rules! phase_world {
    ($module:ident, $world:tt, $package:tt, $export:tt, $($interface:tt as $types:ident),+) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../wit/v0.1",
                inline: $package,
                world: $world,
                with: { $($interface: crate::bindings::base::sluicegate::plugin::$types),+ },
                pub_export_macro: true,
                export_macro_name: $export,
            });
        }
    };
}

phase_world!(
    head,
    "sluicegate:sdk/h",
    "package sluicegate:sdk; world h { export sluicegate:plugin/head@0.1.0; }",
    "__export_head",
    "sluicegate:plugin/types@0.1.0" as types
);
phase_world!(
    body,
    "sluicegate:sdk/b",
    "package sluicegate:sdk; world b { export sluicegate:plugin/body@0.1.0; }",
    "__export_body",
    "sluicegate:plugin/types@0.1.0" as types
);
phase_world!(
    call,
    "sluicegate:sdk/c",
    "package sluicegate:sdk; world c { export sluicegate:plugin/call@0.1.0; }",
    "__export_call",
    "sluicegate:plugin/types@0.1.0" as types,
    "sluicegate:plugin/model-types@0.1.0" as model_types
);
phase_world!(
    route,
    "sluicegate:sdk/r",
    "package sluicegate:sdk; world r { export sluicegate:plugin/route@0.1.0; }",
    "__export_route",
    "sluicegate:plugin/types@0.1.0" as types
);
phase_world!(
    attempt,
    "sluicegate:sdk/a",
    "package sluicegate:sdk; world a { export sluicegate:plugin/attempt@0.1.0; }",
    "__export_attempt",
    "sluicegate:plugin/types@0.1.0" as types,
    "sluicegate:plugin/model-types@0.1.0" as model_types
);
phase_world!(
    reply_head,
    "sluicegate:sdk/rh",
    "package sluicegate:sdk; world rh { export sluicegate:plugin/reply-head@0.1.0; }",
    "__export_reply_head",
    "sluicegate:plugin/types@0.1.0" as types
);
phase_world!(
    delta,
    "sluicegate:sdk/d",
    "package sluicegate:sdk; world d { export sluicegate:plugin/delta@0.1.0; }",
    "__export_delta",
    "sluicegate:plugin/types@0.1.0" as types,
    "sluicegate:plugin/model-types@0.1.0" as model_types
);
phase_world!(
    reply_body,
    "sluicegate:sdk/rb",
    "package sluicegate:sdk; world rb { export sluicegate:plugin/reply-body@0.1.0; }",
    "__export_reply_body",
    "sluicegate:plugin/types@0.1.0" as types
);

pub mod finish {
    wit_bindgen::generate!({
        path: "../wit/v0.1",
        inline: "package sluicegate:sdk; world f { export sluicegate:plugin/finish@0.1.0; }",
        world: "sluicegate:sdk/f",
        pub_export_macro: true,
        export_macro_name: "__export_finish",
    });
}
