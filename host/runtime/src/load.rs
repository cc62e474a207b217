//! From bytes to a plugin that can be called: inspect, compare with the grants, compile, configure, freeze, try.

mod make;

use std::collections::BTreeSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::Module;
use wasmtime::component::{Component, Linker};

use self::make::Recipe;
use crate::cache::{hex, sha256};
use crate::capability::{self, CORE_INTERFACES};
use crate::direct::{self, Contents};
use crate::engine::{PluginKey, Runtime, Shared};
use crate::failure::{Failure, FailureKind};
use crate::guest::Prepared;
use crate::image::{Code, Frozen, Image};
use crate::inspect::Inspection;
use crate::instance::{Instance, InstanceContext, PluginState};
use crate::limits::PluginLimits;
use crate::plugin::{Isolation, Plugin};
use crate::pool::Pool;
use crate::priority::{LONG_WORK_BYTES, give_way, when_idle};
use crate::setup::Setup;
use crate::version::Version;
use crate::wasi;

/// CPU and wall time of `configure`: it may build large tables.
const CONFIGURE_TIME_MAX: Duration = Duration::from_secs(5);
/// Bytes of a config as JSON.
const CONFIG_BYTES_MAX: usize = 4 << 20;

/// What to load.
#[derive(Debug, Clone)]
pub struct PluginSpec {
    /// The chain entry's name.
    pub entry: Arc<str>,
    pub version: Version,
    pub wasm: Bytes,
    /// One JSON object.
    pub config: serde_json::Value,
    /// Names of interfaces that the entry grants.
    pub grants: BTreeSet<String>,
    pub isolation: Isolation,
    pub limits: PluginLimits,
}

/// Where loading came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadStage {
    /// It is no component of ours.
    Inspect,
    /// It wants what its entry does not grant.
    Grants,
    Compile,
    /// `configure` failed, or refused the config.
    Configure,
    /// It cannot be frozen, and its entry wants an instance for each request.
    Snapshot,
    /// No instance could be made.
    Instantiate,
}

impl LoadStage {
    pub fn as_str(self) -> &'static str {
        match self {
            LoadStage::Inspect => "inspect",
            LoadStage::Grants => "grants",
            LoadStage::Compile => "compile",
            LoadStage::Configure => "configure",
            LoadStage::Snapshot => "snapshot",
            LoadStage::Instantiate => "instantiate",
        }
    }
}

/// One thing that `configure` found wrong with the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// RFC 6901, into the entry's config.
    pub pointer: String,
    pub message: String,
}

/// Why a plugin is not loaded: a sentence with the remedy, and for `configure` the problems of the config.
#[derive(Debug, Clone)]
pub struct LoadError {
    pub entry: String,
    pub stage: LoadStage,
    pub message: String,
    pub problems: Vec<Problem>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "plugin `{}`, {}: {}", self.entry, self.stage.as_str(), self.message)?;
        for problem in &self.problems {
            write!(formatter, "\n  at `{}`: {}", problem.pointer, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

impl Runtime {
    /// From here on requests are served: what loads plugins gives way to them.
    pub fn serves(&self) {
        self.shared.serves.store(true, Ordering::Relaxed);
    }

    /// Loads on a thread of its own, which gives way to those that serve requests: a large plugin compiles for seconds.
    ///
    /// A plugin that is loaded already, with the same config, grants, isolation and limits, is that one, with its warm instances.
    pub async fn load(&self, spec: PluginSpec) -> Result<Arc<Plugin>, LoadError> {
        let shared = self.shared.clone();
        let handle = tokio::runtime::Handle::current();
        let failed = {
            let entry = spec.entry.to_string();
            |message: String| Err(LoadError { entry, stage: LoadStage::Compile, message, problems: Vec::new() })
        };
        let (answer, answered) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new().name("plugin-loader".into()).spawn(move || {
            if shared.serves.load(Ordering::Relaxed) {
                give_way();
            }
            let loading = AssertUnwindSafe(|| handle.block_on(Loader { shared: &shared, spec: &spec }.load()));
            // Whoever asked may be gone.
            drop(answer.send(std::panic::catch_unwind(loading)));
        });
        if let Err(error) = thread {
            return failed(format!("no thread could be started to compile it: {error}"));
        }
        let plugin = match answered.await {
            Ok(Ok(loaded)) => loaded?,
            Ok(Err(_)) | Err(_) => {
                return failed("the compiler failed on it; please report this with the file".to_owned());
            }
        };
        // Here, where requests are served: on a thread that gives way, the first instance could outlast its limits.
        first_instance(&plugin).await?;
        Ok(plugin)
    }
}

/// One instance is made now, unless there is one: what cannot be instantiated or has wrong signatures is found before a request is.
async fn first_instance(plugin: &Plugin) -> Result<(), LoadError> {
    let failed = |failure: Failure| LoadError {
        entry: plugin.context.entry.to_string(),
        stage: LoadStage::Instantiate,
        message: not_instantiated(&failure),
        problems: Vec::new(),
    };
    let mut instance = match plugin.take() {
        Some(instance) => instance,
        None => plugin.create().await.map_err(failed)?,
    };
    instance.resolve().map_err(failed)?;
    plugin.release(instance);
    Ok(())
}

fn not_instantiated(failure: &Failure) -> String {
    format!("no instance of it can be made: {failure}")
}

struct Loader<'a> {
    shared: &'a Shared,
    spec: &'a PluginSpec,
}

impl Loader<'_> {
    async fn load(&self) -> Result<Arc<Plugin>, LoadError> {
        let spec = self.spec;
        let config = spec.config.to_string();
        let digest = hex(&sha256(&spec.wasm));
        let known = PluginKey {
            image: self.image_key(&digest, &config),
            entry: spec.entry.clone(),
            version: spec.version,
            grants: spec.grants.clone(),
            isolation: spec.isolation,
            limits: spec.limits.clone(),
        };
        if let Some(plugin) = self.shared.plugins.get(&known) {
            return Ok(plugin);
        }
        let inspection = Inspection::of(&spec.wasm).map_err(|message| self.error(LoadStage::Inspect, message))?;
        self.check_grants(&inspection)?;
        if config.len() > CONFIG_BYTES_MAX {
            let message = format!("its config has {} bytes; at most {CONFIG_BYTES_MAX} are possible", config.len());
            return Err(self.error(LoadStage::Configure, message));
        }
        let linker = self.linker(&inspection)?;
        let image = match self.shared.images.get(&known.image) {
            Some(image) => image,
            None => {
                let symbols = self.shared.symbols(&digest, &spec.wasm);
                let (inspection, linker, config, digest) = (&inspection, &linker, config.as_str(), digest.as_str());
                self.image(known.image, &Recipe { inspection, linker, config, digest, symbols }).await?
            }
        };
        if let (Frozen::No(reason), Isolation::Request) = (&image.frozen, spec.isolation) {
            let message = format!(
                "it cannot be frozen after `configure` ({reason}), which isolation = \"request\" needs: write isolation = \
                 \"pooled\" in its chain entry"
            );
            return Err(self.error(LoadStage::Snapshot, message));
        }
        let plugin = self.finish(image, &linker, &inspection, config)?;
        self.shared.plugins.remember(known, &plugin);
        Ok(plugin)
    }

    fn check_grants(&self, inspection: &Inspection) -> Result<(), LoadError> {
        let missing: Vec<_> =
            inspection.grants.difference(&self.spec.grants).map(|grant| format!("\"{grant}\"")).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "it uses {list}, which its chain entry does not grant: if you trust it with that, write grants = [{all}] in the \
             entry",
            list = missing.join(", "),
            all = self
                .spec
                .grants
                .union(&inspection.grants)
                .map(|grant| format!("\"{grant}\""))
                .collect::<Vec<_>>()
                .join(", ")
        );
        Err(self.error(LoadStage::Grants, message))
    }

    fn compile(&self, bytes: &[u8]) -> Result<Component, LoadError> {
        let compile = || Component::from_binary(&self.shared.engine, bytes);
        let gives_way = bytes.len() >= LONG_WORK_BYTES && self.shared.serves.load(Ordering::Relaxed);
        let component = if gives_way { when_idle(compile) } else { compile() }
            .map_err(|error| self.error(LoadStage::Compile, format!("it does not compile: {error:#}")))?;
        self.check_memory(&Code::Component(component.clone()))?;
        Ok(component)
    }

    /// Also for what comes from the disk or from another entry: those may have had other limits.
    fn check_memory(&self, code: &Code) -> Result<(), LoadError> {
        // A page has 64 KiB.
        let wanted = code.initial_memory().unwrap_or(0).saturating_mul(64 << 10);
        let allowed = self.spec.limits.memory_bytes_max.min(self.shared.options.memory_bytes_max);
        if wanted > allowed {
            let message = format!(
                "it wants {} of memory at its start, and its entry allows {}: build it with less, or raise \
                 limits.memory_bytes_max in its chain entry",
                mebibytes(wanted),
                mebibytes(allowed)
            );
            return Err(self.error(LoadStage::Compile, message));
        }
        Ok(())
    }

    /// Instantiates, and runs `configure` with time enough.
    async fn configure(&self, recipe: &Recipe<'_>, prepared: &Prepared) -> Result<(Instance, Setup), LoadError> {
        let Recipe { inspection, config, symbols, .. } = recipe;
        let limits =
            PluginLimits { cpu_max: CONFIGURE_TIME_MAX, wall_max: CONFIGURE_TIME_MAX * 4, ..self.spec.limits.clone() };
        // It runs on a thread of its own.
        let context = InstanceContext { limits: Arc::new(limits), symbols: symbols.clone(), ..self.context() };
        let failed = |failure: Failure| {
            let remedy = match failure.kind {
                FailureKind::Cpu | FailureKind::Wall => {
                    format!("it must answer within {} seconds, whatever its config", CONFIGURE_TIME_MAX.as_secs())
                }
                FailureKind::Memory => {
                    "if its config needs more, raise limits.memory_bytes_max in its chain entry".to_owned()
                }
                _ => "what it wrote to the log may say why, and its author may know more".to_owned(),
            };
            self.error(LoadStage::Configure, format!("`configure` failed: {failure}; {remedy}"))
        };
        let mut instance = self.instantiate(prepared, &context).await?;
        let setup = match instance.configure(config).await.map_err(failed)? {
            Ok(setup) => setup,
            Err(problems) if problems.is_empty() => {
                let message = "it refuses its config and does not say what is wrong with it: ask its author";
                return Err(self.error(LoadStage::Configure, message.to_owned()));
            }
            Err(problems) => {
                let mut error = self.error(LoadStage::Configure, "it refuses its config".into());
                let problem = |found: crate::bindings::host::types::Problem| Problem {
                    pointer: found.pointer,
                    message: found.message,
                };
                error.problems = problems.into_iter().map(problem).collect();
                return Err(error);
            }
        };
        let setup =
            Setup::check(setup, inspection.phases).map_err(|message| self.error(LoadStage::Configure, message))?;
        Ok((instance, setup))
    }

    fn finish(
        &self,
        image: Arc<Image>,
        linker: &Linker<PluginState>,
        inspection: &Inspection,
        config: String,
    ) -> Result<Arc<Plugin>, LoadError> {
        self.check_memory(&image.code)?;
        let prepared = match &image.code {
            Code::Component(component) => self.prepared(linker, component)?,
            Code::Module(module) => {
                let contents = image.parted.as_ref().map(|parted| parted.contents.clone());
                self.direct(module, contents, inspection)?
            }
        };
        let pool = Arc::new(Pool::new(self.spec.limits.memory_bytes_max));
        self.shared.slots.register(&pool);
        let plugin = Plugin {
            prepared,
            context: InstanceContext { symbols: image.symbols.clone(), ..self.context() },
            isolation: self.spec.isolation,
            slots: self.shared.slots.clone(),
            turns: self.shared.turns.clone(),
            paces: Default::default(),
            config: (image.frozen != Frozen::Yes).then_some(config),
            phases: image.setup.phase_set(),
            pool,
            image,
        };
        Ok(Arc::new(plugin))
    }

    async fn instantiate(&self, prepared: &Prepared, context: &InstanceContext) -> Result<Instance, LoadError> {
        let reserved = self.shared.slots.reserve(CONFIGURE_TIME_MAX).await;
        let permit = reserved.map_err(|failure| self.not_instantiated(&failure))?;
        Instance::new(prepared, context, Some(permit)).await.map_err(|failure| self.not_instantiated(&failure))
    }

    /// Only what is granted is linked.
    fn linker(&self, inspection: &Inspection) -> Result<Linker<PluginState>, LoadError> {
        let mut linker = Linker::new(&self.shared.engine);
        let linked = || -> wasmtime::Result<()> {
            let granted = inspection.grants.iter().map(String::as_str);
            for interface in CORE_INTERFACES.into_iter().chain(granted) {
                if !capability::link(&mut linker, interface)? {
                    wasmtime::bail!("no interface `{interface}`");
                }
            }
            if inspection.imports_wasi {
                wasi::link(&mut linker)?;
            }
            Ok(())
        };
        let mut linked = linked;
        linked().map_err(|error| self.error(LoadStage::Compile, format!("{error:#}")))?;
        Ok(linker)
    }

    fn prepared(&self, linker: &Linker<PluginState>, component: &Component) -> Result<Prepared, LoadError> {
        let pre = linker.instantiate_pre(component).map_err(|error| self.imports_do_not_fit(&error))?;
        Ok(Prepared::of_component(pre))
    }

    fn direct(
        &self,
        module: &Module,
        contents: Option<Arc<Contents>>,
        inspection: &Inspection,
    ) -> Result<Prepared, LoadError> {
        let prepared = direct::Prepared::new(&self.shared.engine, module, contents, &inspection.grants);
        Ok(Prepared::Direct(Arc::new(prepared.map_err(|error| self.imports_do_not_fit(&error))?)))
    }

    fn imports_do_not_fit(&self, error: &wasmtime::Error) -> LoadError {
        let message = format!("its imports do not fit the contract: {error:#}; build it again with this gateway's SDK");
        self.error(LoadStage::Inspect, message)
    }

    fn context(&self) -> InstanceContext {
        InstanceContext {
            entry: self.spec.entry.clone(),
            version: self.spec.version,
            grants: Arc::new(self.spec.grants.clone()),
            limits: Arc::new(self.spec.limits.clone()),
            ticker: self.shared.ticker.clone(),
            symbols: None,
        }
    }

    fn not_instantiated(&self, failure: &Failure) -> LoadError {
        self.error(LoadStage::Instantiate, not_instantiated(failure))
    }

    fn error(&self, stage: LoadStage, message: String) -> LoadError {
        LoadError { entry: self.spec.entry.to_string(), stage, message, problems: Vec::new() }
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
