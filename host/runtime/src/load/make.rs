//! From a component and a config to an image: found in memory or on the disk, or instrumented, compiled, configured and frozen.

use std::sync::Arc;

use wasmtime::component::Linker;

use super::{LoadError, Loader};
use crate::bounded::bounded;
use crate::cache::Key;
use crate::image::{Frozen, Image};
use crate::inspect::Inspection;
use crate::instance::PluginState;
use crate::plugin::Isolation;
use crate::snapshot::Instrumented;

/// Bytes of a component that is frozen although its entry runs pooled. What is larger holds an interpreter mostly: freezing would
/// compile it twice for each config, only to save its few instances a `configure`.
const POOLED_FROZEN_BYTES_MAX: usize = 4 << 20;
/// Stands in the key where a config would: no JSON object is equal to it.
const CODE_FOR_ALL_CONFIGS: &str = "unfrozen";

impl Loader<'_> {
    /// From a loaded plugin with the same bytes and config, from the disk, or made.
    pub(super) async fn image(
        &self,
        key: Key,
        inspection: &Inspection,
        linker: &Linker<PluginState>,
        config: &str,
        digest: String,
    ) -> Result<Arc<Image>, LoadError> {
        if let Some(image) = self.shared.images.get(&key) {
            return Ok(image);
        }
        let image = match self.shared.cache.load(&key, &self.shared.engine) {
            Some(image) => Arc::new(image),
            None => self.make(key, inspection, linker, config, digest).await?,
        };
        self.shared.images.remember(key, &image);
        Ok(image)
    }

    async fn make(
        &self,
        key: Key,
        inspection: &Inspection,
        linker: &Linker<PluginState>,
        config: &str,
        digest: String,
    ) -> Result<Arc<Image>, LoadError> {
        if self.stays_unfrozen() {
            let reason = "it is large, and its entry runs it pooled".to_owned();
            return self.make_unfrozen(inspection, linker, config, digest, reason).await;
        }
        let wasm = &bounded(&self.spec.wasm);
        let instrumented = match Instrumented::new(wasm) {
            Ok(instrumented) => instrumented,
            Err(reason) => return self.make_unfrozen(inspection, linker, config, digest, reason).await,
        };
        let component = self.compile(&instrumented.bytes)?;
        let (mut instance, setup) = self.configure(inspection, linker, &component, config).await?;
        let frozen = instrumented.freeze(&mut instance).await;
        drop(instance);
        let (component, frozen) = match frozen {
            Ok(bytes) => (self.compile(&bytes)?, Frozen::Yes),
            Err(reason) => (self.compile(wasm)?, Frozen::No(reason)),
        };
        let image = Image { component, setup, frozen, digest };
        self.shared.cache.store(&key, &image);
        Ok(Arc::new(image))
    }

    /// For what cannot be frozen, whatever its config, or is not to be: the code is the same for all configs, and kept once.
    async fn make_unfrozen(
        &self,
        inspection: &Inspection,
        linker: &Linker<PluginState>,
        config: &str,
        digest: String,
        reason: String,
    ) -> Result<Arc<Image>, LoadError> {
        let key = self.shared.cache.key(&digest, CODE_FOR_ALL_CONFIGS);
        let known = self.shared.images.get(&key).map(|image| image.component.clone());
        let component = match known.or_else(|| self.shared.cache.load_code(&key, &self.shared.engine)) {
            Some(component) => component,
            None => {
                let component = self.compile(&bounded(&self.spec.wasm))?;
                // Now, so that a config that is refused does not cost the next one a compilation.
                self.shared.cache.store_code(&key, &component);
                component
            }
        };
        self.check_memory(&component)?;
        let (_, setup) = self.configure(inspection, linker, &component, config).await?;
        let image = Arc::new(Image { component, setup, frozen: Frozen::No(reason), digest });
        self.shared.images.remember(key, &image);
        Ok(image)
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
