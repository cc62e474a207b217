//! What the config chooses: how bodies come, how long an instance is needed, and what goes wrong in `configure`.

use serde::Deserialize;
use sluicegate_plugin::{
    BodyNeed, Fact, InstanceNeed, MetricKind, Phase, Pointer, Problems, Schema, Setup, labels, log,
};

use crate::act;

#[derive(Default, Deserialize, Schema)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub struct Config {
    pub witness: bool,
    /// No phase is declared.
    idle: bool,
    /// The phases of heads and `finish` are not declared.
    only_bodies: bool,
    body: Mode,
    reply_body: Mode,
    /// Of a buffered answer; 0 leaves it to the host.
    reply_bytes_max: u64,
    instance: Instance,
    requires_identity: bool,
    metric: Option<String>,
    /// What `configure` does before it answers.
    configure: Step,
}

#[derive(Default, Deserialize, Schema)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    #[default]
    Stream,
    Buffered,
    None,
}

#[derive(Default, Deserialize, Schema)]
#[serde(rename_all = "kebab-case")]
enum Instance {
    #[default]
    Call,
    Body,
    Exchange,
}

#[derive(Default, Deserialize, Schema)]
#[serde(rename_all = "kebab-case")]
enum Step {
    #[default]
    Nothing,
    Trap,
    Loop,
    Memory,
    HostCall,
    Refuse,
    LogFlood,
}

impl Config {
    pub fn prepare(&self, setup: &mut Setup) -> Result<(), Problems> {
        self.step()?;
        let mut need = |phase: Phase, mode: &Mode, bytes_max: u64| match mode {
            Mode::Stream => BodyNeed::stream(),
            Mode::Buffered => BodyNeed::buffered(bytes_max),
            Mode::None => {
                setup.skip(phase);
                BodyNeed::none()
            }
        };
        let body = need(Phase::Body, &self.body, 0);
        let reply_body = need(Phase::ReplyBody, &self.reply_body, self.reply_bytes_max);
        setup.body(body).reply_body(reply_body);
        setup.instance(match self.instance {
            Instance::Call => InstanceNeed::Call,
            Instance::Body => InstanceNeed::Body,
            Instance::Exchange => InstanceNeed::Exchange,
        });
        if self.only_bodies {
            for phase in [Phase::Head, Phase::Route, Phase::ReplyHead, Phase::Finish] {
                setup.skip(phase);
            }
        }
        if self.idle {
            for phase in [Phase::Head, Phase::Body, Phase::Route, Phase::ReplyHead, Phase::ReplyBody, Phase::Finish] {
                setup.skip(phase);
            }
        }
        if self.requires_identity {
            setup.requires(Fact::Identity);
        }
        if let Some(name) = &self.metric {
            setup.metric(name, MetricKind::Counter, "Declared by a hostile guest");
        }
        Ok(())
    }

    fn step(&self) -> Result<(), Problems> {
        match self.configure {
            Step::Nothing => {}
            Step::Trap => panic!("told to trap in configure"),
            Step::Loop => act::spin(),
            Step::Memory => act::eat_memory(),
            Step::HostCall => drop(labels::get("x")),
            Step::Refuse => {
                let place = Pointer::root().key("configure");
                return Err(Problems::new(&place, "`configure` is told to refuse; write `nothing`."));
            }
            Step::LogFlood => (0..1000).for_each(|line| log::warn(format!("configure line {line}"))),
        }
        Ok(())
    }
}
