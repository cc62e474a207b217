//! The engine with its limits, the slots for live instances, and the images that are loaded.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, Module, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::cache::{Cache, Key};
use crate::failure::{Failure, FailureKind};
use crate::image::Image;
use crate::limits::PluginLimits;
use crate::plugin::{Isolation, Plugin};
use crate::pool::Pool;
use crate::symbols::Symbols;
use crate::ticker::Ticker;
use crate::turns::Turns;
use crate::version::Version;

/// Stack of a guest, in bytes; the host's part of a call needs as much again.
const GUEST_STACK_BYTES: usize = 256 << 10;
const FIBER_STACK_BYTES: usize = 512 << 10;
/// A slot's memory is given back to the system when its instance is dropped, and none of it is reset in place: instances are wiped
/// behind a call by the pages that are present (`direct::wipe`), so that a slot that kept what others had touched would be
/// copied whole at each wipe. With 128 KiB kept, six instances a request cost 153 µs of CPU where they cost 124 now.
///
/// The engine can ask the system which pages were written to (`pagemap_scan`), and then resets those alone. But it asks for pages that
/// are present: one that is swapped out or moved at that moment would be left as the guest before has written it.
const MEMORY_RESIDENT_BYTES: usize = 0;
/// Behind a memory with less address space than usual.
const SMALL_GUARD_BYTES: u64 = 64 << 10;
const TABLE_RESIDENT_BYTES: usize = 64 << 10;
/// Core instances, memories and tables of one component: Rust needs 4, 1 and 2. CPython is linked from shared libraries and needs
/// 15, 1 and 2, and an instance more for each extension module.
const CORE_INSTANCES_PER_COMPONENT: u32 = 24;
const MEMORIES_PER_COMPONENT: u32 = 2;
const TABLES_PER_COMPONENT: u32 = 4;
const TABLE_ELEMENTS_MAX: usize = 100_000;
/// Bytes of the engine's own record of one core instance; large components have large ones.
const CORE_INSTANCE_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Instances alive at once, over all plugins.
    pub instances_max: u32,
    /// The most linear memory that any entry may grant, in bytes.
    pub memory_bytes_max: u64,
    /// Address space of one memory, in bytes, at least as many as that. None for 4 GiB, with which no access to memory needs a check of
    /// its own; fewer are for where a process is given little, as under valgrind.
    pub memory_address_bytes: Option<u64>,
    /// Where compiled code is kept between starts; created with mode 0700. None keeps nothing.
    pub cache_dir: Option<PathBuf>,
    /// Every plugin is called as a component, also where its one module could be called directly: so that both can be compared.
    pub as_components: bool,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            instances_max: 1000,
            memory_bytes_max: 256 << 20,
            memory_address_bytes: None,
            cache_dir: None,
            as_components: false,
        }
    }
}

/// One for the whole process. Clones share it.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) turns: Turns,
    pub(crate) slots: Slots,
    pub(crate) cache: Cache,
    /// Images in use: equal component and config share one.
    pub(crate) images: InUse<Key, Image>,
    /// Code of images that differ in what `configure` left in memory.
    pub(crate) modules: InUse<Key, Module>,
    /// By the component's digest: whatever their configs, its entries share one.
    pub(crate) symbols: InUse<String, Symbols>,
    /// Plugins in use: an entry that a new configuration leaves as it was keeps its warm instances.
    pub(crate) plugins: InUse<PluginKey, Plugin>,
    pub(crate) options: EngineOptions,
    /// Whether requests are served beside what is loaded.
    pub(crate) serves: AtomicBool,
}

/// Everything that makes a loaded plugin what it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PluginKey {
    pub(crate) image: Key,
    pub(crate) entry: Arc<str>,
    pub(crate) version: Version,
    pub(crate) grants: BTreeSet<String>,
    pub(crate) isolation: Isolation,
    pub(crate) limits: PluginLimits,
}

/// Finds what somebody else still uses, and keeps nothing alive by itself.
pub(crate) struct InUse<K, V>(Mutex<HashMap<K, Weak<V>>>);

/// Room for live instances.
#[derive(Clone)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    count: usize,
    /// Calls that wait for a slot: while there are any, no instance goes back to its pool.
    waiting: Arc<AtomicUsize>,
    pools: Arc<Mutex<Vec<Weak<Pool>>>>,
}

impl Runtime {
    /// Errors say what the system refuses: address space, a thread, or the cache's directory.
    pub fn new(options: EngineOptions) -> anyhow::Result<Runtime> {
        let engine = Engine::new(&config(&options)).map_err(|error| {
            anyhow::anyhow!(
                "cannot reserve room for {} plugin instances: {error:#}; lower `limits.instances_max`",
                options.instances_max
            )
        })?;
        let ticker = Arc::new(Ticker::start(engine.weak())?);
        let cache = Cache::open(options.cache_dir.clone(), &engine)?;
        let count = options.instances_max as usize;
        let slots =
            Slots { free: Arc::new(Semaphore::new(count)), count, waiting: Arc::default(), pools: Arc::default() };
        Ok(Runtime {
            shared: Arc::new(Shared {
                engine,
                ticker,
                turns: Turns::start()?,
                slots,
                cache,
                images: InUse::new(),
                modules: InUse::new(),
                symbols: InUse::new(),
                plugins: InUse::new(),
                options,
                serves: AtomicBool::new(false),
            }),
        })
    }

    /// Instances alive now, warm ones included.
    pub fn instances_live(&self) -> usize {
        let free = self.shared.slots.free.available_permits();
        (self.shared.options.instances_max as usize).saturating_sub(free)
    }

    /// Drops instances that were idle for too long. To be called every few seconds.
    pub fn sweep(&self) {
        let now = Instant::now();
        for pool in self.shared.slots.pools() {
            pool.sweep(now);
        }
        self.shared.images.sweep();
        self.shared.modules.sweep();
        self.shared.symbols.sweep();
        self.shared.plugins.sweep();
    }
}

impl Shared {
    /// Of a loaded plugin with the same bytes, or read.
    pub(crate) fn symbols(&self, digest: &str, wasm: &[u8]) -> Option<Arc<Symbols>> {
        self.symbols.get(&digest.to_owned()).or_else(|| {
            let read = Arc::new(Symbols::of(wasm)?);
            Some(self.symbols.share(digest.to_owned(), read))
        })
    }
}

impl<K: Eq + Hash, V> InUse<K, V> {
    fn new() -> InUse<K, V> {
        InUse(Mutex::new(HashMap::new()))
    }

    pub(crate) fn get(&self, key: &K) -> Option<Arc<V>> {
        self.lock().get(key)?.upgrade()
    }

    pub(crate) fn remember(&self, key: K, value: &Arc<V>) {
        self.lock().insert(key, Arc::downgrade(value));
    }

    /// What somebody else has remembered meanwhile, or else this.
    pub(crate) fn share(&self, key: K, value: Arc<V>) -> Arc<V> {
        let mut all = self.lock();
        if let Some(other) = all.get(&key).and_then(Weak::upgrade) {
            return other;
        }
        all.insert(key, Arc::downgrade(&value));
        value
    }

    fn sweep(&self) {
        self.lock().retain(|_, value| value.strong_count() > 0);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Weak<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    /// Waits no longer than `wait`; gives up idle instances of any plugin first.
    pub(crate) async fn reserve(&self, wait: Duration) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Ok(permit);
        }
        // Counted before the look for idle instances: what comes back from now on is dropped, what came before is seen.
        let _waiting = Waiting::new(&self.waiting);
        Pool::evict_coldest(self.pools());
        let reserved = tokio::time::timeout(wait, self.free.clone().acquire_owned()).await;
        reserved.ok().and_then(Result::ok).ok_or_else(|| {
            let message = format!("all plugin instances are in use and none became free in {} ms", wait.as_millis());
            Failure::new(FailureKind::NoInstance, message)
        })
    }

    /// Whether at least half of the slots are free, so that an instance may stay alive that could be made again.
    pub(crate) fn have_room(&self) -> bool {
        self.free.available_permits() >= self.count.div_ceil(2)
    }

    /// Whether a call waits for a slot, so that an instance that comes back must make room.
    pub(crate) fn is_short(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    pub(crate) fn register(&self, pool: &Arc<Pool>) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|known| known.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    fn pools(&self) -> Vec<Arc<Pool>> {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.iter().filter_map(Weak::upgrade).collect()
    }
}

/// One call that waits for a slot, also when it is cancelled.
struct Waiting<'a>(&'a AtomicUsize);

impl Waiting<'_> {
    fn new(count: &AtomicUsize) -> Waiting<'_> {
        count.fetch_add(1, Ordering::SeqCst);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn config(options: &EngineOptions) -> Config {
    let instances = options.instances_max;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .total_memories(instances.saturating_mul(MEMORIES_PER_COMPONENT))
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .total_tables(instances.saturating_mul(TABLES_PER_COMPONENT))
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .table_elements(TABLE_ELEMENTS_MAX)
        .total_stacks(instances)
        .max_core_instance_size(CORE_INSTANCE_BYTES_MAX)
        .max_component_instance_size(CORE_INSTANCE_BYTES_MAX)
        .max_memory_size(usize::try_from(options.memory_bytes_max).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(MEMORY_RESIDENT_BYTES)
        .table_keep_resident(TABLE_RESIDENT_BYTES);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        // With it, every call would run through an event loop of the component model's own.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        // `symbols` reads line tables when a plugin is loaded; the engine would read them at each trap.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // What no plugin needs cannot be used against the host.
        .wasm_gc(false)
        .wasm_memory64(false);
    if let Some(bytes) = options.memory_address_bytes {
        config.memory_reservation(bytes).memory_guard_size(SMALL_GUARD_BYTES);
    }
    config
}
