//! Opens a handle of the host in `configure` and keeps it, so that it cannot be frozen.
#![cfg(target_arch = "wasm32")]

use sluicegate_plugin::{Decision, Plugin, Problems, Schema, Setup, reply};

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package guest:clerk;

            world clerk {
                import wasi:cli/stdout@0.2.0;
            }

            package wasi:io@0.2.0 {
                interface streams {
                    resource output-stream;
                }
            }

            package wasi:cli@0.2.0 {
                interface stdout {
                    use wasi:io/streams@0.2.0.{output-stream};
                    get-stdout: func() -> output-stream;
                }
            }
        ",
        world: "guest:clerk/clerk",
        generate_all,
    });
}

#[derive(serde::Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Config {}

struct Clerk;

impl Plugin for Clerk {
    type Config = Config;

    fn configure(_config: Config, _setup: &mut Setup) -> Result<Clerk, Problems> {
        std::mem::forget(bindings::wasi::cli::stdout::get_stdout());
        Ok(Clerk)
    }

    fn reply_head(&self) -> Decision {
        match reply::set_header("x-clerk", b"served") {
            Ok(()) => Decision::Proceed,
            Err(error) => panic!("{error:?}"),
        }
    }
}

sluicegate_plugin::export!(Clerk: reply_head);
