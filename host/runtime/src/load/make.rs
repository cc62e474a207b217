//! From a component and a config to an image: found in memory or on the disk, or instrumented, compiled, configured and frozen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Module;
use wasmtime::component::{Component, Linker};

use super::{LoadError, Loader};
use crate::bounded::bounded;
use crate::cache::{Key, hex, sha256};
use crate::direct::{self, Split};
use crate::image::{Code, Frozen, Image, Making, Parted};
use crate::inspect::Inspection;
use crate::instance::PluginState;
use crate::plugin::Isolation;
use crate::snapshot::Instrumented;
use crate::symbols::Symbols;

/// Bytes of a component that is frozen although its entry runs pooled. What is larger holds an interpreter mostly: freezing would
/// compile it twice for each config, only to save its few instances a `configure`.
const POOLED_FROZEN_BYTES_MAX: usize = 4 << 20;
/// These stand in keys where a config would: no JSON object is equal to one of them.
const CODE_FOR_ALL_CONFIGS: &str = "unfrozen";
const INSTRUMENTED: &str = "instrumented";

/// What an image is made from, beside the component.
pub(super) struct Recipe<'a> {
    pub(super) inspection: &'a Inspection,
    pub(super) linker: &'a Linker<PluginState>,
    pub(super) config: &'a str,
    /// Of the component.
    pub(super) digest: &'a str,
    /// Of the component, where it has them.
    pub(super) symbols: Option<Arc<Symbols>>,
}

impl Loader<'_> {
    /// From the disk, or made.
    pub(super) async fn image(&self, key: Key, recipe: &Recipe<'_>) -> Result<Arc<Image>, LoadError> {
        let image = match self.shared.cache.load(&key, &self.shared.engine, |code| self.shared_module(code)) {
            Some(image) => Arc::new(Image { symbols: recipe.symbols.clone(), ..image }),
            None => self.make(key, recipe).await?,
        };
        self.shared.images.remember(key, &image);
        Ok(image)
    }

    async fn make(&self, key: Key, recipe: &Recipe<'_>) -> Result<Arc<Image>, LoadError> {
        if self.stays_unfrozen() {
            return self.make_unfrozen(recipe, "it is large, and its entry runs it pooled".to_owned()).await;
        }
        let wasm = &bounded(&self.spec.wasm);
        let instrumented = match Instrumented::new(wasm) {
            Ok(instrumented) => instrumented,
            Err(reason) => return self.make_unfrozen(recipe, reason).await,
        };
        let mut watch = Watch::start();
        let component =
            self.kept_component(&self.shared.cache.key(recipe.digest, INSTRUMENTED), &instrumented.bytes)?;
        let mut compile = watch.lap();
        let prepared = self.prepared(recipe.linker, &component)?;
        let (mut instance, setup) = self.configure(recipe, &prepared).await?;
        // Then its types are those of the contract; the wrong one of a phase is found at its first instance.
        let is_typed = instance.resolve().is_ok();
        let configure = watch.lap();
        let frozen = instrumented.freeze(&mut instance).await;
        drop(instance);
        let freeze = watch.lap();
        let frozen_bytes = frozen.as_ref().ok().map(Vec::len);
        let ((code, parted), frozen) = match frozen {
            Ok(bytes) => {
                let is_direct = is_typed && !self.shared.options.as_components;
                let direct = is_direct.then(|| self.direct_module(&bytes, wasm, recipe)).flatten();
                let code = match direct {
                    Some((module, parted)) => (Code::Module(module), parted),
                    None => (Code::Component(self.compile(&bytes)?), None),
                };
                (code, Frozen::Yes)
            }
            Err(reason) => ((Code::Component(self.compile(wasm)?), None), Frozen::No(reason)),
        };
        compile += watch.lap();
        let making = Some(Making { compile, configure, freeze, frozen_bytes });
        let (digest, symbols) = (recipe.digest.to_owned(), recipe.symbols.clone());
        let image = Image { code, parted, setup, frozen, digest, making, symbols };
        self.shared.cache.store(&key, &image);
        Ok(Arc::new(image))
    }

    /// For what cannot be frozen, whatever its config, or is not to be: the code is the same for all configs, and kept once.
    async fn make_unfrozen(&self, recipe: &Recipe<'_>, reason: String) -> Result<Arc<Image>, LoadError> {
        let key = self.shared.cache.key(recipe.digest, CODE_FOR_ALL_CONFIGS);
        let mut watch = Watch::start();
        let component = self.unfrozen(&key)?;
        let compile = watch.lap();
        let (_, setup) = self.configure(recipe, &self.prepared(recipe.linker, &component)?).await?;
        let code = Code::Component(component);
        self.check_memory(&code)?;
        let making = Making { compile, configure: watch.lap(), freeze: Duration::ZERO, frozen_bytes: None };
        let image = Arc::new(Image {
            code,
            parted: None,
            setup,
            frozen: Frozen::No(reason),
            digest: recipe.digest.to_owned(),
            making: Some(making),
            symbols: recipe.symbols.clone(),
        });
        self.shared.images.remember(key, &image);
        Ok(image)
    }

    /// The one module of a component that consists of one. Whatever is in the way, the component itself will do.
    ///
    /// `original`: the component before `configure`.
    fn direct_module(
        &self,
        component: &[u8],
        original: &[u8],
        recipe: &Recipe<'_>,
    ) -> Option<(Arc<Module>, Option<Parted>)> {
        let entry = self.spec.entry.as_ref();
        let made = direct::module_of(component).map_err(str::to_owned).and_then(|frozen| {
            let parts = direct::module_in(original).and_then(|original| direct::split(&frozen, original));
            let (module, parted) = match parts.map_err(str::to_owned).and_then(|split| self.part(split)) {
                Ok((module, parted)) => (module, Some(parted)),
                Err(reason) => {
                    tracing::debug!(plugin = entry, "its code is of this config alone: {reason}");
                    (Arc::new(self.compile_module(&frozen)?), None)
                }
            };
            let contents = parted.as_ref().map(|parted| parted.contents.clone());
            self.direct(&module, contents, recipe.inspection).map_err(|error| error.message)?;
            Ok((module, parted))
        });
        made.inspect_err(|reason| tracing::debug!(plugin = entry, "it is called as a component: {reason}")).ok()
    }

    /// The code of all configs, in use already, from the disk, or compiled.
    fn part(&self, Split { code, contents }: Split) -> Result<(Arc<Module>, Parted), String> {
        let key = self.shared.cache.key(&hex(&sha256(&code)), CODE_FOR_ALL_CONFIGS);
        let module = match self.shared_module(&key) {
            Some(module) => module,
            None => {
                let module = Arc::new(self.compile_module(&code)?);
                self.shared.cache.store_code(&key, &Code::Module(module.clone()));
                self.shared.modules.share(key, module)
            }
        };
        Ok((module, Parted { code: key, contents: Arc::new(contents) }))
    }

    fn shared_module(&self, key: &Key) -> Option<Arc<Module>> {
        self.shared.modules.get(key).or_else(|| match self.shared.cache.load_code(key, &self.shared.engine)? {
            Code::Module(module) => Some(self.shared.modules.share(*key, module)),
            Code::Component(_) => None,
        })
    }

    fn compile_module(&self, module: &[u8]) -> Result<Module, String> {
        Module::from_binary(&self.shared.engine, module).map_err(|error| format!("{error:#}"))
    }

    /// From an image with another config, from the disk, or compiled.
    fn unfrozen(&self, key: &Key) -> Result<Component, LoadError> {
        let known = self.shared.images.get(key).and_then(|image| match &image.code {
            Code::Component(component) => Some(component.clone()),
            Code::Module(_) => None,
        });
        match known {
            Some(component) => Ok(component),
            None => self.kept_component(key, &bounded(&self.spec.wasm)),
        }
    }

    /// From the disk, or compiled. It is kept at once, so that a config that is refused does not cost the next one a compilation.
    fn kept_component(&self, key: &Key, bytes: &[u8]) -> Result<Component, LoadError> {
        if let Some(Code::Component(component)) = self.shared.cache.load_code(key, &self.shared.engine) {
            self.check_memory(&Code::Component(component.clone()))?;
            return Ok(component);
        }
        let component = self.compile(bytes)?;
        self.shared.cache.store_code(key, &Code::Component(component.clone()));
        Ok(component)
    }

    fn stays_unfrozen(&self) -> bool {
        self.spec.isolation == Isolation::Pooled && self.spec.wasm.len() > POOLED_FROZEN_BYTES_MAX
    }

    /// Finds the image in memory.
    pub(super) fn image_key(&self, digest: &str, config: &str) -> Key {
        match self.stays_unfrozen() {
            true => self.shared.cache.key(digest, &format!("{CODE_FOR_ALL_CONFIGS}\n{config}")),
            false => self.shared.cache.key(digest, config),
        }
    }
}

/// Time from one step to the next.
struct Watch(Instant);

impl Watch {
    fn start() -> Watch {
        Watch(Instant::now())
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.0, now)
    }
}
