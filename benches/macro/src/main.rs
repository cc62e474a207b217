//! Measures what the gateway costs on this machine, side by side with its peers, and writes the figures to `target/bench`.

mod chat;
mod cores;
mod facts;
mod ground;
mod load;
mod options;
mod parts;
mod peer;
mod plot;
mod process;
mod question;
mod report;
mod rounds;
mod samples;
mod section;
mod server;
mod tools;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use sluicegate_provider::{Provider, ProviderKey, ProviderOptions};

use crate::cores::Cores;
use crate::facts::Facts;
use crate::ground::Ground;
use crate::options::{Options, Role, RunOptions};
use crate::parts::Part;
use crate::section::Section;

fn main() -> ExitCode {
    match role(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn role(options: &Options) -> Result<()> {
    match &options.role {
        Some(Role::Steady(options)) => load::steady::run(options),
        Some(Role::BareHyper(options)) => peer::run_bare_hyper(options),
        Some(Role::Provider { address, key }) => provide(*address, key),
        None if options.run.list_tools => {
            options.run.tools_needed().iter().for_each(|tool| println!("{}", tool.name()));
            Ok(())
        }
        None => run(&options.run),
    }
}

fn run(options: &RunOptions) -> Result<()> {
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let folder = program.parent().context("this program lies in no folder")?;
    let target = folder.parent().context("this program is not in cargo's output folder")?;
    let gateway = options.gateway.clone().unwrap_or_else(|| folder.join("sluicegate"));
    let mut facts = Facts::collect(&gateway, &options.tools().versions(&options.tools_needed()))?;
    if options.gateway.is_some() {
        facts.gateway += " of another build";
    }
    facts.print();
    let mut sections = Vec::new();
    for part in options.parts() {
        if let Some(section) = part.measure_within(target, options.effort()) {
            sections.push(shown(section.with_context(|| part.name())?));
        }
    }
    if options.parts().into_iter().any(Part::compares) {
        compare(options, &gateway, &mut sections)?;
    }
    report::print_goals(&sections);
    report::write(&target.join("bench"), &facts, &sections)?;
    if options.write_docs {
        report::write_docs(&report::docs(), &facts, &sections, options.is_whole())?;
    }
    Ok(())
}

fn compare(options: &RunOptions, gateway: &Path, sections: &mut Vec<Section>) -> Result<()> {
    let cores = Cores::choose()?;
    cores.keep_to_load()?;
    let ground = Ground::new(cores, options.tools(), gateway.to_owned())?;
    for part in options.parts() {
        eprintln!("{}", part.name());
        if let Some(section) = part.measure(&ground, options.effort()) {
            sections.push(shown(section.with_context(|| part.name())?));
        }
    }
    Ok(())
}

/// At once, so that a run that is broken off has said something.
fn shown(section: Section) -> Section {
    report::print(&section);
    section
}

/// The model provider as a process of its own, until it is killed.
fn provide(address: SocketAddr, key: &str) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let provider = Provider::bind(address, ProviderOptions::new(ProviderKey::new(key))).await?;
        provider.serve(std::future::pending()).await;
        Ok(())
    })
}
