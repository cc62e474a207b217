//! Breaks the contract where safe Rust cannot: it lowers its results by hand, against the canonical ABI.
//!
//! The config's member `lie` chooses what is wrong; everything else is as it should be.
#![cfg(target_arch = "wasm32")]

use std::sync::OnceLock;

use exports::sluicegate::plugin::{head, policy};
use sluicegate::plugin::types::{BodyMode, BodyNeed, Decision, InstanceNeed, Problem, Setup};

wit_bindgen::generate!({
    path: "../../../wit/v0.1",
    inline: "
        package guest:liar;

        world liar {
            export sluicegate:plugin/policy@0.1.0;
            export sluicegate:plugin/head@0.1.0;
        }
    ",
    world: "guest:liar/liar",
    generate_all,
});

struct Liar;

static CONFIG: OnceLock<String> = OnceLock::new();

fn lies(about: &str) -> bool {
    CONFIG.get().is_some_and(|config| config.contains(&format!("\"lie\":\"{about}\"")))
}

impl policy::Guest for Liar {
    fn configure(config: String) -> Result<Setup, Vec<Problem>> {
        let _set_before = CONFIG.set(config);
        let none = BodyNeed { mode: BodyMode::None, max_bytes: 0, encoded: false };
        let stream = BodyNeed { mode: BodyMode::Stream, max_bytes: 0, encoded: false };
        let mut setup = Setup {
            phases: vec!["head".to_owned()],
            body: none,
            reply_body: none,
            need: InstanceNeed::Call,
            metrics: Vec::new(),
            upstreams: Vec::new(),
            credentials: Vec::new(),
            requires: Vec::new(),
            provides: Vec::new(),
        };
        if lies("phase-not-exported") {
            setup.phases.push("reply-body".to_owned());
            setup.reply_body = stream;
        }
        if lies("phase-unknown") {
            setup.phases.push("middle".to_owned());
        }
        if lies("bytes-without-phase") {
            setup.body = stream;
        }
        if lies("no-problem") {
            return Err(Vec::new());
        }
        Ok(setup)
    }
}

impl head::Guest for Liar {
    fn on_head() -> Decision {
        Decision::Proceed
    }
}

#[unsafe(export_name = "sluicegate:plugin/policy@0.1.0#configure")]
#[expect(unsafe_code, reason = "what `export!` would write")]
unsafe extern "C" fn configure(config: *mut u8, length: usize) -> *mut u8 {
    // SAFETY: the host calls it as the canonical ABI says.
    unsafe { policy::_export_configure_cabi::<Liar>(config, length) }
}

/// Room for a `decision`, zeroed: the variant's case stands at byte 0, its payload at byte 8.
struct Area(Box<[u32; 32]>);

impl Area {
    fn new(case: u32) -> Area {
        let mut words = Box::new([0; 32]);
        words[0] = case;
        Area(words)
    }

    fn word(mut self, byte: usize, value: u32) -> Area {
        self.0[byte / 4] = value;
        self
    }

    fn hand_over(self) -> *mut u8 {
        // Never freed: the instance ends with this call.
        Box::leak(self.0).as_mut_ptr().cast()
    }
}

#[unsafe(export_name = "sluicegate:plugin/head@0.1.0#on-head")]
#[expect(unsafe_code, reason = "what `export!` would write, and lies in its place")]
unsafe extern "C" fn on_head() -> *mut u8 {
    const REJECT: u32 = 1;
    const RESPOND: u32 = 2;
    let text = b"\xff\xfe not UTF-8";
    let text_at = text.as_ptr() as u32;
    if lies("case") {
        return Area::new(9).hand_over();
    }
    if lies("text") {
        // status at 8, then pointer and length of the code.
        let rejection = Area::new(REJECT).word(8, 403).word(12, text_at).word(16, text.len() as u32);
        return rejection.hand_over();
    }
    if lies("length") {
        // status at 8, fields, then pointer and length of the body.
        let answer = Area::new(RESPOND).word(8, 200).word(20, text_at).word(24, 0x7fff_fff0);
        return answer.hand_over();
    }
    if lies("far-pointer") {
        return 0xffff_fff0_usize as *mut u8;
    }
    if lies("odd-pointer") {
        return Area::new(0).hand_over().wrapping_add(1);
    }
    // SAFETY: there is nothing that the host must keep to.
    unsafe { head::_export_on_head_cabi::<Liar>() }
}
