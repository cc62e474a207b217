//! The contract of `wit/v0.1` as Rust types and functions, generated.
//!
//! Each phase has a world of its own, so that a plugin exports the phases that it names in `export!` and no others. What the
//! worlds import and a plugin does not call is left out by the linker.

/// What every plugin has: `configure`, and the host's interfaces.
pub mod base {
    wit_bindgen::generate!({
        path: "../wit/v0.1",
        inline: "package sluicegate:sdk; world base { include sluicegate:plugin/imports@0.1.0; export sluicegate:plugin/policy@0.1.0; }",
        world: "sluicegate:sdk/base",
        generate_all,
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "__export_policy",
        default_bindings_module: "sluicegate_plugin::bindings::base",
    });
}

/// One phase's world. It borrows the types of `base`.
macro_rules! phase_world {
    ($module:ident, $world:tt, $package:tt, $export:tt) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../wit/v0.1",
                inline: $package,
                world: $world,
                with: { "sluicegate:plugin/types@0.1.0": crate::bindings::base::sluicegate::plugin::types },
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
    "__export_head"
);
phase_world!(
    body,
    "sluicegate:sdk/b",
    "package sluicegate:sdk; world b { export sluicegate:plugin/body@0.1.0; }",
    "__export_body"
);
phase_world!(
    route,
    "sluicegate:sdk/r",
    "package sluicegate:sdk; world r { export sluicegate:plugin/route@0.1.0; }",
    "__export_route"
);
phase_world!(
    reply_head,
    "sluicegate:sdk/rh",
    "package sluicegate:sdk; world rh { export sluicegate:plugin/reply-head@0.1.0; }",
    "__export_reply_head"
);
phase_world!(
    reply_body,
    "sluicegate:sdk/rb",
    "package sluicegate:sdk; world rb { export sluicegate:plugin/reply-body@0.1.0; }",
    "__export_reply_body"
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
