//! Counts the instructions that single things take in the gateway's own code, and fails where one takes more than it did.
//!
//! Each work runs under callgrind in a process of its own, this program with `work`, started by `harness`.

mod baseline;
mod count;
mod system;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::baseline::Baseline;

#[derive(Parser)]
#[command(about = "Counts the instructions that single things take, and compares them with a baseline")]
struct Options {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Fail where a count is more than 3 % above the baseline
    Check(Counting),
    /// Write what is counted as the new baseline
    Bless(Counting),
    /// How many system calls and minor faults each work takes
    System {
        /// The program strace
        #[arg(long, value_name = "FILE")]
        strace: PathBuf,
        /// Only works whose names contain this; may be given several times
        #[arg(long, value_name = "TEXT")]
        only: Vec<String>,
    },
    /// The names of all works and how often each does its operation
    List,
    /// Do one work, outside of callgrind as well: prints what an operation takes of CPU time
    Work {
        name: String,
        /// Where compiled plugins are kept between runs
        #[arg(long, value_name = "FOLDER")]
        data: PathBuf,
        /// Instead of as often as it is counted
        #[arg(long, value_name = "N")]
        times: Option<usize>,
    },
}

#[derive(Args)]
struct Counting {
    /// The program that `benches/micro/harness` is built into
    #[arg(long, value_name = "FILE")]
    harness: PathBuf,
    /// The folder with gungraun-runner and, where the system has none, valgrind
    #[arg(long, value_name = "FOLDER")]
    tools: Vec<PathBuf>,
    /// Only works whose names contain this; may be given several times
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
}

fn main() -> ExitCode {
    match run(Options::parse().role) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(role: Role) -> Result<()> {
    match role {
        Role::List => {
            let works = work::ALL.iter().chain(work::LONG).chain(work::UNCOUNTED);
            works.for_each(|work| println!("{} {}", work.name, work.times));
            Ok(())
        }
        Role::System { strace, only } => system::report(&strace, &only),
        Role::Work { name, data, times } => {
            let done = work::run(&name, &data, times)?;
            println!(
                "{name}: {:.2} µs of CPU and {:.2} minor faults each, of {}",
                done.cpu_us, done.faults, done.times
            );
            Ok(())
        }
        Role::Check(counting) => {
            let counts = count::count(&counting.harness, &counting.tools, &counting.only)?;
            Baseline::read()?.check(&counts)
        }
        Role::Bless(counting) => {
            let counts = count::count(&counting.harness, &counting.tools, &counting.only)?;
            Baseline::read()?.bless(&counts)
        }
    }
}
