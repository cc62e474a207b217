//! The proxies that are compared, ours among them: how each is configured for the same work, and started on its processor.

mod bare_hyper;
mod envoy;
mod gateway;
mod haproxy;
mod litellm;
mod nginx;
mod portkey;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::chat::Chat;
use crate::cores::Place;
use crate::ground::Ground;
use crate::question::Question;
use crate::server::{self, Server};
use crate::tools::Tool;

pub use bare_hyper::{Options as BareHyperOptions, run as run_bare_hyper};
pub use envoy::Filters;
use gateway::MASKING;
pub use gateway::{Chain, Isolation, PLUGINS};

/// The slowest of them takes some 10 s to start.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// No proxy: what stands behind each.
    Service,
    /// As above, the model provider.
    Models,
    BareHyper,
    Nginx,
    Haproxy,
    Envoy(Filters),
    Gateway(Chain),
    /// A gateway for language models; its upstream is the model provider.
    Litellm,
    /// Another one.
    Portkey,
}

/// A configuration on disk, and the command that serves it.
#[derive(Debug)]
pub struct Prepared {
    pub peer: Peer,
    pub folder: PathBuf,
    /// None where there is no proxy.
    program: Option<Program>,
    pub question: Question,
}

/// What is started. Its folder is the current one.
#[derive(Debug)]
struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, String)>,
}

#[derive(Debug)]
pub struct Running {
    pub peer: Peer,
    /// None where there is no proxy.
    pub server: Option<Server>,
    pub question: Question,
}

impl Peer {
    pub fn name(self) -> String {
        match self {
            Peer::Service => "the upstream alone".to_owned(),
            Peer::Models => "the model provider alone".to_owned(),
            Peer::BareHyper => "bare hyper".to_owned(),
            Peer::Nginx => "nginx".to_owned(),
            Peer::Haproxy => "haproxy".to_owned(),
            Peer::Envoy(filters) => filters.name(),
            Peer::Gateway(chain) => chain.name(),
            Peer::Litellm => "LiteLLM".to_owned(),
            Peer::Portkey => "Portkey".to_owned(),
        }
    }

    /// Programs that it cannot do without.
    pub fn tools(self) -> &'static [Tool] {
        match self {
            Peer::Service | Peer::Models | Peer::BareHyper | Peer::Gateway(_) => &[],
            Peer::Nginx => &[Tool::Nginx],
            Peer::Haproxy => &[Tool::Haproxy],
            Peer::Envoy(Filters::Wasm { .. }) => &[Tool::Envoy, Tool::EnvoyFilters],
            Peer::Envoy(_) => &[Tool::Envoy],
            Peer::Litellm => &[Tool::Litellm],
            Peer::Portkey => &[Tool::Portkey],
        }
    }

    pub fn prepare(self, ground: &Ground) -> Result<Prepared> {
        let question = |address: SocketAddr| Question { key: Some(ground.key().to_owned()), ..Question::to(address) };
        let chat = |address: SocketAddr, key: &str| Question {
            path: "/v1/chat/completions".to_owned(),
            key: Some(key.to_owned()),
            body: Some(Chat::Whole.body(self.names_models())),
            ..Question::to(address)
        };
        let (folder, address) = (ground.folder()?, server::free_address()?);
        let (program, question) = match self {
            Peer::Service => (None, question(ground.service.address)),
            Peer::Models => {
                let models = ground.models()?;
                (None, chat(models.server.address, &models.key))
            }
            Peer::BareHyper => (Some(bare_hyper::prepare(ground, address)?), question(address)),
            Peer::Nginx => (Some(nginx::prepare(ground, &folder, address)?), question(address)),
            Peer::Haproxy => (Some(haproxy::prepare(ground, &folder, address)?), question(address)),
            Peer::Envoy(filters) => (Some(envoy::prepare(ground, &folder, address, filters)?), question(address)),
            Peer::Gateway(chain) => {
                let question = if chain.models { chat(address, ground.key()) } else { question(address) };
                (Some(gateway::prepare(ground, &folder, address, chain)?), question)
            }
            Peer::Litellm => (Some(litellm::prepare(ground, &folder, address)?), chat(address, litellm::KEY)),
            Peer::Portkey => {
                let question = Question { fields: portkey::fields(ground)?, ..chat(address, portkey::NO_KEY) };
                (Some(portkey::prepare(ground, address)?), question)
            }
        };
        Ok(Prepared { peer: self, folder, program, question })
    }

    /// Whether models have names of its own; otherwise they are the provider's.
    fn names_models(self) -> bool {
        !matches!(self, Peer::Models | Peer::Portkey)
    }

    /// Whether each request passes policies, and whether the one that masks is among them.
    fn policies(self) -> (bool, bool) {
        let count = match self {
            Peer::Gateway(chain) => chain.plugins,
            Peer::Envoy(filters) => filters.count(),
            _ => 0,
        };
        (count > 0, count >= MASKING)
    }
}

impl Prepared {
    /// Returns with its first answer.
    pub fn start(&self, place: &Place) -> Result<Running> {
        let server = match &self.program {
            Some(program) => {
                let mut server = program.start(place, &self.folder, self.question.address)?;
                self.question.ask_until_answered(PATIENCE, || server.must_run())?;
                Some(server)
            }
            None => None,
        };
        Ok(Running { peer: self.peer, server, question: self.question.clone() })
    }
}

impl Running {
    /// On the proxies' processor, and seen to do its work.
    pub fn new(peer: Peer, ground: &Ground) -> Result<Running> {
        let start = || {
            let running = peer.prepare(ground)?.start(&ground.cores.proxy)?;
            if let (true, masks) = peer.policies() {
                running.question.check_policies(masks)?;
            }
            anyhow::Ok(running)
        };
        start().with_context(|| peer.name())
    }
}

impl Running {
    /// Of one for language models.
    pub fn chat(&self, chat: Chat) -> Question {
        Question { body: Some(chat.body(self.peer.names_models())), ..self.question.clone() }
    }
}

impl Program {
    fn start(&self, place: &Place, folder: &Path, address: SocketAddr) -> Result<Server> {
        let mut command = place.command(&self.path);
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(folder);
        Server::start(command, address, &folder.join("log"))
    }
}
