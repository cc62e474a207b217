//! Built against a contract that does not exist yet.
#![cfg(target_arch = "wasm32")]

wit_bindgen::generate!({
    inline: "
        package sluicegate:plugin@0.2.0;

        interface policy {
            configure: func(config: string) -> result<string, string>;
        }

        interface head {
            on-head: func() -> bool;
        }

        world plugin {
            export policy;
            export head;
        }
    ",
});

struct Future;

impl exports::sluicegate::plugin::policy::Guest for Future {
    fn configure(config: String) -> Result<String, String> {
        Ok(config)
    }
}

impl exports::sluicegate::plugin::head::Guest for Future {
    fn on_head() -> bool {
        true
    }
}

export!(Future);
