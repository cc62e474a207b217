//! The command line: what the words mean, and how errors are shown.

mod admin;
mod check;
mod demo;
mod dev;
mod explain;
mod key;
mod logging;
mod paint;
mod plain;
mod plugin;
mod run;
mod schema;
mod shell;
mod trace;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Config, Diagnostics};
use crate::generation::BuildError;
use crate::server::StartError;

/// An API and AI gateway whose policies are sandboxed WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "sluicegate", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM or Ctrl-C, then drain.
    Run(ConfigFile),
    /// Say what is wrong with a configuration and how to mend it; load its plugins, but listen nowhere.
    Check(ConfigFile),
    /// Show which route a request takes and why, and which plugins run in which phase.
    Explain(explain::Options),
    /// What a running gateway is configured with, and changing it without a restart.
    Config(admin::ConfigCommand),
    /// Show which configurations still serve requests, and end one.
    Generations(admin::GenerationsOptions),
    /// Watch a running gateway serve single requests: which plugin does what, in which phase, for how long.
    Trace(trace::Options),
    /// Gateway keys.
    Key {
        #[command(subcommand)]
        command: key::Command,
    },
    /// Plugins: make and build them, look into them, try and measure them, sign them, put them into a registry, fetch them.
    Plugin {
        #[command(subcommand)]
        command: plugin::Command,
    },
    /// Print the JSON schema of the configuration file.
    Schema(schema::Options),
    /// Run a gateway with the plugin that you are writing, and swap it in each time that you save it.
    Dev(dev::Options),
    /// Run a gateway on a built-in configuration, with a model provider to talk to beside it.
    Demo(demo::Options),
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", default_value = "sluicegate.toml")]
    config: PathBuf,
}

/// A command has failed, and what it printed says why.
#[derive(Debug, thiserror::Error)]
#[error("it has failed")]
struct AlreadySaid;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Run(options) => run::run(&options),
        Command::Check(options) => check::check(&options),
        Command::Explain(options) => explain::explain(&options),
        Command::Config(command) => admin::config(&command),
        Command::Generations(options) => admin::generations(&options),
        Command::Trace(options) => trace::trace(&options),
        Command::Key { command } => key::key(&command),
        Command::Plugin { command } => plugin::plugin(&command),
        Command::Schema(options) => schema::print(&options),
        Command::Dev(options) => dev::dev(&options),
        Command::Demo(options) => demo::demo(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<AlreadySaid>() => ExitCode::FAILURE,
        Err(error) => {
            match diagnostics(&error) {
                Some(diagnostics) => eprint!("{}", diagnostics.render(std::io::stderr().is_terminal())),
                None => eprintln!("error: {error:#}"),
            }
            ExitCode::FAILURE
        }
    }
}

impl ConfigFile {
    fn load(&self) -> anyhow::Result<Config> {
        Ok(config::load(&self.config)?)
    }
}

/// What can be shown with its place in the file.
fn diagnostics(error: &anyhow::Error) -> Option<&Diagnostics> {
    let build = || match error.downcast_ref::<StartError>() {
        Some(StartError::Build(error)) => Some(error),
        _ => error.downcast_ref::<BuildError>(),
    };
    match error.downcast_ref::<StartError>() {
        Some(StartError::Config(mistakes)) => Some(mistakes),
        _ => error.downcast_ref::<Diagnostics>().or_else(|| Some(&build()?.diagnostics)),
    }
}

/// The runtime of commands that serve or load plugins.
fn tokio_runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // A guest at work holds one thread for a tick: another must be there for everyone else.
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(processors.max(2)).enable_all().build()?)
}
