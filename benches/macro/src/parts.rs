//! What can be measured, each part for itself.

pub mod calls;
pub mod chains;
pub mod exchanges;
pub mod gateways;
pub mod idle;
pub mod languages;
pub mod latency;
pub mod throughput;
pub mod translators;
pub mod workers;

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;

use crate::ground::Ground;
use crate::peer::Peer;
use crate::section::Section;
use crate::tools::Tool;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Calls,
    Languages,
    Translators,
    Exchanges,
    Throughput,
    Chains,
    Latency,
    Workers,
    Gateways,
    Idle,
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    pub seconds: u32,
}

impl Part {
    /// In the order in which they run: those within this process first, for it may then use all processors.
    pub const ALL: [Part; 10] = [
        Part::Calls,
        Part::Languages,
        Part::Translators,
        Part::Exchanges,
        Part::Throughput,
        Part::Chains,
        Part::Latency,
        Part::Workers,
        Part::Gateways,
        Part::Idle,
    ];

    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// None where no other proxy and no load from outside is needed.
    fn peers(self) -> Option<Vec<Peer>> {
        match self {
            Part::Calls | Part::Languages | Part::Translators | Part::Exchanges => None,
            Part::Throughput => Some(throughput::PEERS.to_vec()),
            Part::Chains => Some(chains::peers()),
            Part::Latency => Some(latency::PEERS.to_vec()),
            Part::Workers => Some(Vec::new()),
            Part::Gateways => Some(gateways::PEERS.to_vec()),
            Part::Idle => Some(idle::PEERS.to_vec()),
        }
    }

    /// Whether it stands on a [`Ground`].
    pub fn compares(self) -> bool {
        self.peers().is_some()
    }

    /// Programs that it needs, in no order.
    pub fn tools(self) -> Vec<Tool> {
        let Some(peers) = self.peers() else { return Vec::new() };
        let mut tools = vec![Tool::Nginx, Tool::Wrk];
        tools.extend(peers.into_iter().flat_map(Peer::tools));
        tools
    }

    /// In this process or in one of `sluicegate-micro`, without a peer. None for the others.
    pub fn measure_within(self, target: &Path, effort: Effort) -> Option<Result<Section>> {
        match self {
            Part::Exchanges => Some(exchanges::measure(target, effort)),
            Part::Calls => Some(calls::measure()),
            Part::Languages => Some(languages::measure(target)),
            Part::Translators => Some(translators::measure()),
            _ => None,
        }
    }

    /// On a ground. None for those that need none.
    pub fn measure(self, ground: &Ground, effort: Effort) -> Option<Result<Section>> {
        match self {
            Part::Calls | Part::Languages | Part::Translators | Part::Exchanges => None,
            Part::Throughput => Some(throughput::measure(ground, effort)),
            Part::Chains => Some(chains::measure(ground, effort)),
            Part::Latency => Some(latency::measure(ground, effort)),
            Part::Workers => Some(workers::measure(ground, effort)),
            Part::Gateways => Some(gateways::measure(ground, effort)),
            Part::Idle => Some(idle::measure(ground, effort)),
        }
    }
}
