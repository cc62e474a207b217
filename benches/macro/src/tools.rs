//! Programs that are not ours: where each is, and why not where it is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Tool {
    /// Not a peer alone: it is the upstream of every comparison.
    Nginx,
    /// Makes the load.
    Wrk,
    Haproxy,
    Envoy,
    /// Our filters for Envoy, a module of WebAssembly.
    EnvoyFilters,
    Litellm,
    /// A package of Node.js; its place is the script that is started.
    Portkey,
}

/// Without an entry, a tool is looked for among the programs of the system.
#[derive(Debug, Clone, Default)]
pub struct Tools {
    pub places: BTreeMap<Tool, PathBuf>,
    /// Why it is not to be had.
    pub missing: BTreeMap<Tool, String>,
}

impl Tool {
    /// As on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl Tools {
    /// An error says why it is not there.
    pub fn find(&self, tool: Tool) -> Result<PathBuf> {
        if let Some(reason) = self.missing.get(&tool) {
            bail!("{reason}");
        }
        if let Some(place) = self.places.get(&tool) {
            return Ok(place.clone());
        }
        // Debian has servers in folders that are no part of everybody's search path.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let found = folders.map(|folder| folder.join(tool.name())).find(|program| program.is_file());
        match found {
            Some(program) => Ok(program),
            None => bail!("{} was not found; `cargo xtask bench` installs it where it can", tool.name()),
        }
    }

    /// What a program says of its version, by tool, for those that are there.
    pub fn versions(&self, tools: &[Tool]) -> BTreeMap<String, String> {
        let version = |tool: &Tool| {
            let program = self.find(*tool).ok()?;
            if *tool == Tool::Portkey {
                return Some((tool.name(), version_of_package(&program)?));
            }
            let flag = match tool {
                Tool::Nginx | Tool::Wrk | Tool::Haproxy => "-v",
                Tool::Envoy | Tool::Litellm => "--version",
                Tool::EnvoyFilters | Tool::Portkey => return None,
            };
            // Its own path may hold a number as well.
            let said = said(&program, flag)?.replace(&*program.to_string_lossy(), "");
            Some((tool.name(), number(&said)?))
        };
        tools.iter().filter_map(version).collect()
    }
}

/// `wrk` ends with an error when it is asked, and nginx answers on standard error.
fn said(program: &Path, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// From the description that lies above the folder of a script.
fn version_of_package(script: &Path) -> Option<String> {
    let description = fs::read(script.parent()?.parent()?.join("package.json")).ok()?;
    let description: serde_json::Value = serde_json::from_slice(&description).ok()?;
    Some(description.get("version")?.as_str()?.to_owned())
}

/// The first run of digits and dots with a dot within: `1.22.1` in `nginx version: nginx/1.22.1`.
fn number(said: &str) -> Option<String> {
    let words = said.split(|letter: char| !letter.is_ascii_digit() && letter != '.');
    words.map(|word| word.trim_matches('.')).find(|word| word.contains('.')).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_each_program_says() {
        let said = [
            "nginx version: nginx/1.22.1\n",
            "HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/\n",
            "wrk debian/4.1.0-3+b2 [epoll] Copyright (C) 2012 Will Glozer\nUsage: wrk <options> <url>",
            "\nenvoy  version: 9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL\n",
        ];
        let numbers = said.map(|said| number(said).unwrap());
        assert_eq!(numbers, ["1.22.1", "2.6.12", "4.1.0", "1.40.0"]);
        assert_eq!(number("no such program"), None);
    }

    #[test]
    fn what_is_missing_says_why() {
        let missing = BTreeMap::from([(Tool::Envoy, "no index".to_owned())]);
        let tools = Tools { places: BTreeMap::from([(Tool::Wrk, "/opt/wrk".into())]), missing };
        assert_eq!(tools.find(Tool::Envoy).unwrap_err().to_string(), "no index");
        assert_eq!(tools.find(Tool::Wrk).unwrap(), PathBuf::from("/opt/wrk"));
    }
}
