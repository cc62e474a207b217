//! From a component and a config to an image: found in memory or on the disk, or instrumented, compiled, configured and frozen.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Module;
use wasmtime::component::{Component, Linker};

use super::{LoadError, Loader};
use crate::bounded::bounded;
use crate::cache::Key;
use crate::direct;
use crate::image::{Code, Frozen, Image, Making};
use crate::inspect::Inspection;
use crate::instance::PluginState;
use crate::plugin::Isolation;
use crate::snapshot::Instrumented;
use crate::symbols::Symbols;

/// Bytes of a component that is frozen although its entry runs pooled. What is larger holds an interpreter mostly: freezing would
/// compile it twice for each config, only to save its few instances a `configure`.
const POOLED_FROZEN_BYTES_MAX: usize = 4 << 20;
/// Stands in the key where a config would: no JSON object is equal to it.
const CODE_FOR_ALL_CONFIGS: &str = "unfrozen";

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
        let image = match self.shared.cache.load(&key, &self.shared.engine) {
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
        let component = self.compile(&instrumented.bytes)?;
        let mut compile = watch.lap();
        let prepared = self.prepared(recipe.linker, &component)?;
        let (mut instance, setup) = self.configure(recipe, &prepared).await?;
        // Then its types are those of the contract; the wrong one of a phase is found at its first instance.
        let is_typed = instance.resolve(&prepared).is_ok();
        let configure = watch.lap();
        let frozen = instrumented.freeze(&mut instance).await;
        drop(instance);
        let freeze = watch.lap();
        let frozen_bytes = frozen.as_ref().ok().map(Vec::len);
        let (code, frozen) = match frozen {
            Ok(bytes) => {
                match self.direct_module(&bytes, recipe).filter(|_| is_typed && !self.shared.options.as_components) {
                    Some(module) => (Code::Module(module), Frozen::Yes),
                    None => (Code::Component(self.compile(&bytes)?), Frozen::Yes),
                }
            }
            Err(reason) => (Code::Component(self.compile(wasm)?), Frozen::No(reason)),
        };
        compile += watch.lap();
        let making = Some(Making { compile, configure, freeze, frozen_bytes });
        let (digest, symbols) = (recipe.digest.to_owned(), recipe.symbols.clone());
        let image = Image { code, setup, frozen, digest, making, symbols };
        self.shared.cache.store(&key, &image);
        Ok(Arc::new(image))
    }

    /// For what cannot be frozen, whatever its config, or is not to be: the code is the same for all configs, and kept once.
    async fn make_unfrozen(&self, recipe: &Recipe<'_>, reason: String) -> Result<Arc<Image>, LoadError> {
        let key = self.shared.cache.key(recipe.digest, CODE_FOR_ALL_CONFIGS);
        let mut watch = Watch::start();
        let component = self.code_for_all_configs(&key)?;
        let compile = watch.lap();
        let (_, setup) = self.configure(recipe, &self.prepared(recipe.linker, &component)?).await?;
        let code = Code::Component(component);
        self.check_memory(&code)?;
        let making = Making { compile, configure: watch.lap(), freeze: Duration::ZERO, frozen_bytes: None };
        let image = Arc::new(Image {
            code,
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
    fn direct_module(&self, component: &[u8], recipe: &Recipe<'_>) -> Option<Module> {
        let compiled = direct::module_of(component).map_err(str::to_owned).and_then(|module| {
            let module = Module::from_binary(&self.shared.engine, &module).map_err(|error| format!("{error:#}"))?;
            self.direct(&module, recipe.inspection).map_err(|error| error.message)?;
            Ok(module)
        });
        let entry = self.spec.entry.as_ref();
        compiled.inspect_err(|reason| tracing::debug!(plugin = entry, "it is called as a component: {reason}")).ok()
    }

    /// From an image with another config, from the disk, or compiled.
    fn code_for_all_configs(&self, key: &Key) -> Result<Component, LoadError> {
        let known = self.shared.images.get(key).and_then(|image| match &image.code {
            Code::Component(component) => Some(component.clone()),
            Code::Module(_) => None,
        });
        if let Some(component) = known.or_else(|| self.shared.cache.load_code(key, &self.shared.engine)) {
            return Ok(component);
        }
        let component = self.compile(&bounded(&self.spec.wasm))?;
        // Now, so that a config that is refused does not cost the next one a compilation.
        self.shared.cache.store_code(key, &component);
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
