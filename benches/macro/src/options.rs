//! The command line: what people say, and what `cargo xtask bench` adds.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::load::steady;
use crate::parts::{Effort, Part};
use crate::peer::BareHyperOptions;
use crate::tools::{Tool, Tools};

/// Measures what the gateway costs on this machine, side by side with its peers
///
/// Run it by `cargo xtask bench`, on a machine that has nothing else to do.
#[derive(Debug, Parser)]
#[command(name = "sluicegate-bench", args_conflicts_with_subcommands = true)]
pub struct Options {
    #[command(flatten)]
    pub run: RunOptions,
    #[command(subcommand)]
    pub role: Option<Role>,
}

#[derive(Debug, Args)]
pub struct RunOptions {
    /// Leaves all other parts out; may be given several times
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// Leaves all other peers out; nginx stays as the upstream, and is then a peer too
    #[arg(long, value_name = "PEER", value_delimiter = ',')]
    peers: Option<Vec<Tool>>,
    /// So often is each figure taken
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// So long is each load
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// Another program than the one built beside this
    #[arg(long, value_name = "PATH")]
    pub gateway: Option<PathBuf>,
    /// Writes tables into docs/performance.md, and plots into docs/plots
    #[arg(long)]
    pub write_docs: bool,
    /// Prints which programs such a run needs, one a line, and measures nothing
    #[arg(long)]
    pub list_tools: bool,
    /// Where a program is, as `nginx=/usr/sbin/nginx`
    #[arg(long = "tool", value_name = "TOOL=PATH", value_parser = pair)]
    places: Vec<(Tool, String)>,
    /// Why a program is not to be had
    #[arg(long = "missing", value_name = "TOOL=REASON", value_parser = pair)]
    missing: Vec<(Tool, String)>,
}

/// What this program is when a run has started it for itself.
#[derive(Debug, Subcommand)]
pub enum Role {
    #[command(hide = true)]
    Steady(steady::Options),
    #[command(hide = true)]
    BareHyper(BareHyperOptions),
    #[command(hide = true)]
    Provider {
        #[arg(long)]
        address: SocketAddr,
        #[arg(long)]
        key: String,
    },
}

impl RunOptions {
    /// In the order in which they run.
    pub fn parts(&self) -> Vec<Part> {
        let is_wanted = |part: &Part| self.only.is_empty() || self.only.contains(part);
        Part::ALL.into_iter().filter(is_wanted).collect()
    }

    /// Whether the whole comparison is wanted, so that its summary is one.
    pub fn is_whole(&self) -> bool {
        self.only.is_empty() && self.peers.is_none()
    }

    pub fn effort(&self) -> Effort {
        Effort { rounds: self.rounds as usize, seconds: self.seconds }
    }

    /// Needed and wanted, each once.
    pub fn tools_needed(&self) -> Vec<Tool> {
        let mut tools: Vec<Tool> = self.parts().into_iter().flat_map(Part::tools).collect();
        tools.retain(|tool| self.wants(*tool));
        tools.sort();
        tools.dedup();
        tools
    }

    pub fn tools(&self) -> Tools {
        let mut missing: std::collections::BTreeMap<Tool, String> = self.missing.iter().cloned().collect();
        for tool in [Tool::Haproxy, Tool::Envoy, Tool::EnvoyFilters, Tool::Litellm, Tool::Portkey] {
            if !self.wants(tool) {
                missing.insert(tool, "it is not among the --peers that are wanted".to_owned());
            }
        }
        let places = self.places.iter().map(|(tool, place)| (*tool, place.into())).collect();
        Tools { places, missing }
    }

    fn wants(&self, tool: Tool) -> bool {
        let wanted = if tool == Tool::EnvoyFilters { Tool::Envoy } else { tool };
        let always = [Tool::Nginx, Tool::Wrk].contains(&tool);
        always || self.peers.as_ref().is_none_or(|peers| peers.contains(&wanted))
    }
}

fn pair(text: &str) -> Result<(Tool, String), String> {
    let (name, value) = text.split_once('=').ok_or("it has no `=`")?;
    Ok((<Tool as clap::ValueEnum>::from_str(name, false)?, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(arguments: &[&str]) -> RunOptions {
        Options::try_parse_from(std::iter::once(&"sluicegate-bench").chain(arguments)).unwrap().run
    }

    #[test]
    fn only_what_is_wanted_is_needed() {
        assert_eq!(run(&["--only", "calls"]).tools_needed(), []);
        let needed = run(&["--only", "idle", "--peers", "envoy"]).tools_needed();
        assert_eq!(needed, [Tool::Nginx, Tool::Wrk, Tool::Envoy, Tool::EnvoyFilters]);
        assert!(run(&[]).tools_needed().contains(&Tool::Litellm));
    }

    #[test]
    fn a_peer_that_is_not_wanted_is_named_with_the_reason() {
        let tools = run(&["--peers", "haproxy", "--missing", "haproxy=no list of packages"]).tools();
        assert!(tools.find(Tool::Envoy).unwrap_err().to_string().contains("--peers"));
        assert_eq!(tools.find(Tool::Haproxy).unwrap_err().to_string(), "no list of packages");
    }
}
