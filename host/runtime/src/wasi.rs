//! WASI for plugins that import it: an empty world. No files, no environment, no network; output goes to the log, and time
//! and randomness follow the grants.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng, TryRng};
use tokio::io::AsyncWrite;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::bindings::host::log::Level;
use crate::capability::log::{LINE_BYTES_MAX, Line};
use crate::deeds::Site;
use crate::exchange::Exchange;
use crate::instance::PluginState;
use crate::phase::Phase;
use crate::version::Version;

/// Bytes that a guest may write at once.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// Random bytes of one call.
const RANDOM_BYTES_MAX: u64 = 64 << 10;
/// Handles that one instance may hold at once: streams, descriptors, pollables.
const HANDLES_MAX: usize = 256;

/// The WASI side of one instance; made when the guest first uses it.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    /// No exchange has begun: the guest is in `configure`.
    configuring: Arc<AtomicBool>,
    output: Arc<Output>,
}

pub(crate) fn link(linker: &mut Linker<PluginState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

impl Wasi {
    /// Without the grant `clock` time stands still, without `random` chance is a constant; in `configure` both.
    fn new(
        entry: &Arc<str>,
        version: Version,
        grants: &BTreeSet<String>,
        configure_log_lines: &Arc<AtomicU32>,
    ) -> Wasi {
        let configuring = Arc::new(AtomicBool::new(true));
        let mut builder = WasiCtxBuilder::new();
        builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        let output = Arc::new(Output {
            entry: entry.clone(),
            version,
            exchange: Mutex::new((Weak::new(), Site { position: 0, phase: Phase::Head })),
            configuring: configure_log_lines.clone(),
        });
        // What an engine says about an exception that nobody caught, or a panic, is on standard error: `check` shows it, too.
        builder.stdout(LogStream::new(&output, Level::Info)).stderr(LogStream::new(&output, Level::Warn));
        let clock = GrantedClock { granted: grants.contains("clock"), configuring: configuring.clone() };
        builder.wall_clock(clock.clone()).monotonic_clock(clock);
        let chance = || Chance {
            granted: grants.contains("random"),
            configuring: configuring.clone(),
            constant: StdRng::from_seed([0; 32]),
        };
        // The seed is asked for once in an instance's life, mostly in `configure`: it is a constant.
        builder.max_random_size(RANDOM_BYTES_MAX);
        builder.secure_random(chance()).insecure_random(chance()).insecure_random_seed(0);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        Wasi { ctx: builder.build(), table, configuring, output }
    }

    /// True if the guest holds no handle, so that its memory can be frozen.
    pub(crate) fn holds_nothing(&self) -> bool {
        self.table.is_empty()
    }
}

impl WasiView for PluginState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let made = || Box::new(Wasi::new(&self.entry, self.version, &self.grants, &self.configure_log_lines));
        let wasi = self.wasi.get_or_insert_with(made);
        wasi.output.set_exchange(self.exchange.as_ref(), self.site);
        wasi.configuring.store(self.exchange.is_none(), Ordering::Relaxed);
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut wasi.table }
    }
}

/// The system's time, or none.
#[derive(Clone)]
struct GrantedClock {
    granted: bool,
    configuring: Arc<AtomicBool>,
}

impl GrantedClock {
    fn runs(&self) -> bool {
        self.granted && !self.configuring.load(Ordering::Relaxed)
    }
}

impl HostWallClock for GrantedClock {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        match self.runs() {
            true => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            false => Duration::ZERO,
        }
    }
}

impl HostMonotonicClock for GrantedClock {
    fn resolution(&self) -> u64 {
        1000
    }

    fn now(&self) -> u64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        match self.runs() {
            true => u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX),
            false => 0,
        }
    }
}

/// The system's randomness, or a constant.
struct Chance {
    granted: bool,
    configuring: Arc<AtomicBool>,
    constant: StdRng,
}

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let granted = self.granted && !self.configuring.load(Ordering::Relaxed);
        // A system without randomness gives the constant: the trait knows no failure, and a panic would cost the request.
        if !granted || aws_lc_rs::rand::fill(bytes).is_err() {
            self.constant.fill_bytes(bytes);
        }
        Ok(())
    }
}

/// Where the output of one instance goes.
struct Output {
    entry: Arc<str>,
    version: Version,
    /// The one that the guest is called for. Not kept alive: an idle instance must not hold on to a request.
    exchange: Mutex<(Weak<Exchange>, Site)>,
    configuring: Arc<AtomicU32>,
}

impl Output {
    fn set_exchange(&self, exchange: Option<&Arc<Exchange>>, site: Site) {
        let exchange = exchange.map_or_else(Weak::new, Arc::downgrade);
        *self.exchange.lock().unwrap_or_else(PoisonError::into_inner) = (exchange, site);
    }

    fn exchange(&self) -> (Weak<Exchange>, Site) {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A guest's standard output and error, line by line in the operator's log, and counted as the lines of `log` are.
#[derive(Clone)]
struct LogStream {
    output: Arc<Output>,
    level: Level,
    line: Vec<u8>,
    /// Whose `line` is: what one request leaves unfinished does not become the start of another's.
    exchange: Weak<Exchange>,
    site: Site,
}

impl LogStream {
    fn new(output: &Arc<Output>, level: Level) -> LogStream {
        LogStream {
            output: output.clone(),
            level,
            line: Vec::new(),
            exchange: Weak::new(),
            site: Site { position: 0, phase: Phase::Head },
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        let exchange = self.exchange.upgrade();
        let Output { entry: plugin, version, configuring, .. } = &*self.output;
        let exchange = exchange.as_deref().map(|exchange| (exchange, self.site));
        Line { plugin, version: *version, exchange, configuring }.write(self.level, &escaped(&line));
        self.line.clear();
    }
}

/// As `escape_debug`, which also escapes quotes: traces are full of them.
fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for letter in line.chars() {
        match letter {
            '"' | '\'' => text.push(letter),
            _ => text.extend(letter.escape_debug()),
        }
    }
    text
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let (exchange, site) = self.output.exchange();
        if !self.line.is_empty() && !Weak::ptr_eq(&self.exchange, &exchange) {
            self.end_line();
        }
        (self.exchange, self.site) = (exchange, site);
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.line.len() < LINE_BYTES_MAX => self.line.push(byte),
                _ => {}
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}
