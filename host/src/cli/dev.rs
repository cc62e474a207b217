//! `sluicegate dev`: a gateway with the plugin that is being written, which is built and swapped in at each save.

mod echo;
mod exchanges;
mod generated;
mod log;
mod setting;
pub(super) mod sources;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::Context;
use sluicegate_build_plugins::Kind;
use tokio::signal::unix::{SignalKind, signal};

use self::log::{Events, Requests};
use self::setting::Setting;
use self::sources::Sources;
use super::plugin::build::{Package, inspect};
use super::{logging, tokio_runtime};
use crate::admin::{AdminState, ConfigChange};
use crate::config::Diagnostics;
use crate::secrets::Redaction;
use crate::server::{Server, StartError};

/// How often it is looked whether cargo has ended.
const BUILD_LOOK_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The folder of the plugin's crate.
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
    /// A whole configuration, in which a plugin has the file that `sluicegate plugin build` writes. Unless given, one is made
    /// from the crate's exchanges.toml: its `config`, `grants` and `isolation`.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["port", "upstream"])]
    config: Option<PathBuf>,
    /// The port to listen on; 8080, or any free one if that is in use, unless given.
    #[arg(long)]
    port: Option<u16>,
    /// Where requests go. Unless given, a service that answers with what it has received.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
}

pub(super) fn dev(options: &Options) -> anyhow::Result<()> {
    let package = Package::find(&options.folder)?;
    let redaction = Redaction::new();
    // A configuration that is given may change by itself.
    let changes = if options.config.is_some() { ",sluicegate::server::change=info" } else { "" };
    logging::start_as(&redaction, &format!("warn,plugin=trace{changes}"), Events)?;
    tokio_runtime()?.block_on(async {
        let setting = Setting::new(options, &package).await?;
        let mut workshop = Workshop {
            sources: Sources::watch(&package.folder, setting.sources()),
            package,
            setting,
            built: Vec::new(),
        };
        workshop.package.build(Kind::QuickWithLines, false).prepare()?;
        let server = tokio::select! {
            server = workshop.first(&redaction) => server?,
            // What builds ends with it.
            ended = told_to_end() => return ended,
        };
        workshop.announce(&server);
        let state = server.admin_state();
        tokio::select! {
            () = server.run() => Ok(()),
            error = workshop.work(state.as_ref()) => error,
        }
    })
}

/// Until there is a server, which listens for signals itself.
async fn told_to_end() -> anyhow::Result<()> {
    let signals = |kind| signal(kind).context("signals cannot be listened for");
    let (mut interrupt, mut terminate) = (signals(SignalKind::interrupt())?, signals(SignalKind::terminate())?);
    let mut hangup = signals(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// Builds what is being written.
struct Workshop {
    package: Package,
    setting: Setting,
    sources: Sources,
    /// The component that serves.
    built: Vec<u8>,
}

impl Workshop {
    /// Builds until there is something to serve.
    async fn first(&mut self, redaction: &Redaction) -> anyhow::Result<Server> {
        let mut quiet = false;
        loop {
            if self.build(quiet).await?.is_some() {
                match self.start(redaction).await {
                    Ok(server) => return Ok(server),
                    Err(error) => self.explain(error)?,
                }
            }
            eprintln!("nothing serves yet; waiting for a change");
            self.sources.changed().await;
            quiet = true;
        }
    }

    async fn start(&self, redaction: &Redaction) -> anyhow::Result<Server> {
        let texts = self.setting.texts()?;
        Ok(Server::start_logging_to(Requests::new(std::io::stderr()), texts, redaction.clone()).await?)
    }

    /// What a change of the sources may mend is said, and waited for; anything else is returned.
    fn explain(&self, error: anyhow::Error) -> anyhow::Result<()> {
        let of_config = matches!(error.downcast_ref(), Some(StartError::Config(_))) || error.is::<Diagnostics>();
        let of_plugin = matches!(error.downcast_ref(), Some(StartError::Build(_)));
        let by_sources = of_plugin || of_config && self.setting.is_made();
        match super::diagnostics(&error) {
            Some(diagnostics) if by_sources => {
                eprint!("{}{}", diagnostics.render(std::io::stderr().is_terminal()), self.setting.origin());
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Builds and swaps at each change. Returns only what nothing but a new start can mend.
    async fn work(&mut self, state: &dyn AdminState) -> anyhow::Result<()> {
        loop {
            self.sources.changed().await;
            let began = Instant::now();
            match self.build(true).await? {
                Some(true) => {}
                Some(false) => {
                    eprintln!("it builds; nothing has changed since the last build");
                    continue;
                }
                None => continue,
            }
            match state.change(ConfigChange::Reload).await {
                Ok(applied) => {
                    eprintln!("swapped: generation {} in {} ms", applied["generation"], began.elapsed().as_millis());
                }
                // The log has said what is wrong.
                Err(_) => eprintln!("{}not swapped: the version before goes on serving", self.setting.origin()),
            }
        }
    }

    /// None if it does not build, or is no plugin; whether there is something new if it is.
    async fn build(&mut self, quiet: bool) -> anyhow::Result<Option<bool>> {
        let mut running = Running(self.package.build(Kind::QuickWithLines, quiet).start()?);
        let status = loop {
            match running.0.try_wait().context("cargo's end could not be waited for")? {
                Some(status) => break status,
                None => tokio::time::sleep(BUILD_LOOK_INTERVAL).await,
            }
        };
        if !status.success() {
            self.say_not_swapped();
            return Ok(None);
        }
        let component = self.package.component()?;
        let prepared = inspect(&self.package, &component)
            .and_then(|inspection| self.setting.prepare(&self.package, &component, &inspection));
        match prepared {
            Ok(config_is_new) => {
                let is_new = config_is_new || component != self.built;
                self.built = component;
                Ok(Some(is_new))
            }
            Err(error) => {
                match super::diagnostics(&error) {
                    Some(mistakes) => eprint!("{}", mistakes.render(std::io::stderr().is_terminal())),
                    None => eprintln!("error: {error:#}"),
                }
                self.say_not_swapped();
                Ok(None)
            }
        }
    }

    /// Where something serves.
    fn say_not_swapped(&self) {
        if !self.built.is_empty() {
            eprintln!("not swapped: the version before goes on serving");
        }
    }

    fn announce(&self, server: &Server) {
        let Some(address) = server.addresses().first().copied() else { return };
        eprintln!(
            "\n{} runs as a plugin on http://{address}, {}. To paste into another terminal:\n\n{}\n\n{}Each save is built and \
             swapped in. Ctrl-C ends.\n",
            self.package.name,
            self.setting.behind(),
            self.setting.curl(&self.package, address),
            self.setting.note()
        );
    }
}

/// Ended when nobody waits for it any longer.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
