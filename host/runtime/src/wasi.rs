//! WASI for plugins that import it: an empty world. No files, no environment, no network; output goes to the log, and time
//! and randomness follow the grants.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::AsyncWrite;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::instance::PluginState;

/// Bytes of one line of a guest's standard output that are kept.
const LINE_BYTES_MAX: usize = 4096;
/// Bytes that a guest may write at once.
const WRITE_BYTES_MAX: usize = 64 << 10;

/// Handles that one instance may hold at once: streams, descriptors, pollables.
const HANDLES_MAX: usize = 256;

/// The WASI side of one instance; made when the guest first uses it.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
}

pub(crate) fn link(linker: &mut Linker<PluginState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)
}

impl Wasi {
    /// `frozen`: inside `configure`, where time stands still and chance is a constant.
    fn new(entry: &Arc<str>, grants: &BTreeSet<String>, frozen: bool) -> Wasi {
        let mut builder = WasiCtxBuilder::new();
        builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        builder.stdout(LogStream::new(entry)).stderr(LogStream::new(entry));
        if frozen || !grants.contains("clock") {
            builder.wall_clock(StoppedClock).monotonic_clock(StoppedClock);
        }
        if frozen || !grants.contains("random") {
            builder.secure_random(StdRng::from_seed([0; 32]));
            builder.insecure_random(StdRng::from_seed([0; 32])).insecure_random_seed(0);
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        Wasi { ctx: builder.build(), table }
    }

    /// True if the guest holds no handle, so that its memory can be frozen.
    pub(crate) fn holds_nothing(&self) -> bool {
        self.table.is_empty()
    }
}

impl WasiView for PluginState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let frozen = self.exchange.is_none();
        let wasi = self.wasi.get_or_insert_with(|| Box::new(Wasi::new(&self.entry, &self.grants, frozen)));
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut wasi.table }
    }
}

struct StoppedClock;

impl HostWallClock for StoppedClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for StoppedClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// A guest's standard output and error, line by line in the operator's log.
#[derive(Clone)]
struct LogStream {
    entry: Arc<str>,
    line: Vec<u8>,
}

impl LogStream {
    fn new(entry: &Arc<str>) -> LogStream {
        LogStream { entry: entry.clone(), line: Vec::new() }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        tracing::info!(target: "plugin", plugin = self.entry.as_ref(), "{}", line.escape_debug());
        self.line.clear();
    }
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
