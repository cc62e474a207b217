//! A server under measurement: a program with its children, its time on the processor, its memory, and its end.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{self, Memory};

/// What was said last is shown when a program does not start.
const LINES_SHOWN: usize = 12;

/// Ended with all its children when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
    pub address: SocketAddr,
}

impl Server {
    /// Started, and not yet waited for. What it says goes to the file `log`.
    pub fn start(mut command: Command, address: SocketAddr, log: &Path) -> Result<Server> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{:?} cannot be started", command.get_program()))?;
        Ok(Server { child, log: log.to_owned(), address })
    }

    /// An error, with what it said last, once it has ended.
    pub fn must_run(&mut self) -> Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        bail!("it ended ({status}):\n{}", lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n"))
    }

    /// In ticks of 10 ms.
    pub fn cpu_time(&self) -> Result<Duration> {
        self.processes().map(process::cpu_time).sum()
    }

    /// Finer, for a server that hardly does anything.
    pub fn cpu_time_of_threads(&self) -> Result<Duration> {
        self.processes().map(process::cpu_time_of_threads).sum()
    }

    pub fn memory(&self) -> Result<Memory> {
        let each = self.processes().map(process::memory).collect::<Result<Vec<_>>>()?;
        let sum = |of: fn(&Memory) -> u64| each.iter().map(of).sum();
        Ok(Memory {
            resident_kib: sum(|memory| memory.resident_kib),
            proportional_kib: sum(|memory| memory.proportional_kib),
            anonymous_kib: sum(|memory| memory.anonymous_kib),
        })
    }

    fn processes(&self) -> impl Iterator<Item = u32> + use<> {
        process::tree(self.child.id()).into_iter()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // By their numbers, taken from the kernel now: others on this machine may run the same programs.
        let numbers: Vec<String> = self.processes().map(|id| id.to_string()).collect();
        drop(Command::new("kill").arg("-KILL").args(numbers).stderr(Stdio::null()).status());
        drop(self.child.wait());
    }
}

/// An address of this machine on which nobody listens. Somebody could begin to before it is used; then the server does not start.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
