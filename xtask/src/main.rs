//! The commands to remember: `cargo xtask demo`, `test`, `ci`, `plugins`, `parts`, `bench`, `soak`, `tidy`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod ci;
mod command;
mod demo;
mod micro;
mod parts;
mod plugins;
mod soak;
mod stages;
mod test;
mod tidy;
mod toolchain;
mod workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, shows and checks Sluicegate")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Builds everything and starts the gateway beside the built-in model provider
    Demo {
        /// Passed on to `sluicegate demo`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Fetches what the tests need, builds everything and runs all tests
    Test {
        /// Passed on to `cargo test --workspace`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Everything that must hold before a change is merged
    Ci,
    /// Builds the bundled plugins into target/plugins and prints their sizes
    Plugins,
    /// Fetches what the tests and `bench --check` need besides Rust into target/parts
    Parts,
    /// Measures a release build side by side with its peers: plugin calls, requests a second, latency, start, memory
    Bench {
        /// Of a debug build, which is there sooner: only what runs within plugins is as fast
        #[arg(long)]
        debug: bool,
        /// Instead, count instructions under callgrind and fail where one count is more than 3 % above the committed ones
        #[arg(long, conflicts_with_all = ["debug", "bless"])]
        check: bool,
        /// Instead, count instructions and write them as the ones that `--check` compares with
        #[arg(long, conflicts_with = "debug")]
        bless: bool,
        /// Instead, count system calls and minor faults of single operations; takes --only TEXT
        #[arg(long, conflicts_with_all = ["debug", "check", "bless"])]
        system: bool,
        /// Passed on: --only PART, --peers LIST, --rounds N, --seconds S, --gateway PATH, --write-docs, --help
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Proves with a release build that swaps lose nothing, leak nothing and are not felt, and that a million requests leave nothing behind; then the long sets of the tests
    Soak {
        /// Of a debug build, which is there sooner: its latencies say little
        #[arg(long)]
        debug: bool,
        /// Passed on: --swaps N, --pairs N, --seconds S, --requests N, --only swaps|latency|compile|edge|tests
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Checks the style that a compiler does not
    Tidy,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Demo { arguments } => demo::run(&arguments),
        Task::Test { arguments } => test::run(&arguments),
        Task::Ci => ci::run(),
        Task::Plugins => plugins::run(),
        // The tests count no instructions.
        Task::Parts => parts::run().and(parts::counting_tools().map(drop)),
        Task::Bench { check: true, arguments, .. } => micro::run("check", &arguments),
        Task::Bench { bless: true, arguments, .. } => micro::run("bless", &arguments),
        Task::Bench { system: true, arguments, .. } => micro::system(&arguments),
        Task::Bench { debug, arguments, .. } => bench::run(debug, &arguments),
        Task::Soak { debug, arguments } => soak::run(debug, &arguments),
        Task::Tidy => tidy::run(),
    }
}
