//! The real program: from its start to its first answer, its memory and CPU when idle, and requests a second.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use sluicegate_provider::{Provider, ProviderKey, ProviderOptions};
use tempfile::TempDir;

use crate::load::{self, Target};
use crate::process;
use crate::report::Report;

/// As in the demo, with a limit that the load does not reach.
const CONFIG: &str = include_str!("gateway.toml");
const PATH: &str = "/v1/models";
const STARTS: usize = 10;
/// Longer than the epoch's thread needs to fall asleep.
const SETTLE: Duration = Duration::from_secs(2);
const IDLE: Duration = Duration::from_secs(5);
const LOAD: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 16;

pub async fn measure(report: &mut Report, binary: &Path) -> Result<()> {
    ensure!(binary.is_file(), "{} is missing: run `cargo xtask bench`", binary.display());
    let provider_key = ProviderKey::random()?;
    let provider = Provider::bind((Ipv4Addr::LOCALHOST, 0).into(), ProviderOptions::new(provider_key.clone())).await?;
    let provider_address = provider.address();
    let serving = tokio::spawn(provider.serve(std::future::pending()));
    let folder = Folder::new(binary, provider_address, provider_key.expose())?;
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        folder.forget_compiled_code()?;
        cold.push(folder.first_answer().await?);
        warm.push(folder.first_answer().await?);
    }
    report.add_samples("start to first answer, nothing compiled yet", "ms", &cold, None);
    report.add_samples("start to first answer, compiled code cached", "ms", &warm, None);
    idle(report, &folder).await?;
    requests(report, &folder, provider_address, provider_key.expose()).await?;
    serving.abort();
    Ok(())
}

async fn idle(report: &mut Report, folder: &Folder) -> Result<()> {
    let gateway = folder.start()?;
    let id = gateway.child.id();
    folder.answer(&gateway).await?;
    tokio::time::sleep(SETTLE).await;
    let memory = process::memory(id)?;
    let mebibytes = |kib: u64| kib as f64 / 1024.0;
    report.add("idle memory with three plugins, resident (VmRSS)", "MiB", mebibytes(memory.resident_kib), None);
    report.add("idle memory with three plugins, proportional (Pss)", "MiB", mebibytes(memory.proportional_kib), None);
    report.add("idle memory with three plugins, anonymous", "MiB", mebibytes(memory.anonymous_kib), None);
    let before = process::cpu_time(id)?;
    tokio::time::sleep(IDLE).await;
    let used = process::cpu_time(id)?.saturating_sub(before);
    report.add("CPU when idle", "ms a second", used.as_secs_f64() * 1e3 / IDLE.as_secs_f64(), None);
    Ok(())
}

async fn requests(report: &mut Report, folder: &Folder, provider: SocketAddr, provider_key: &str) -> Result<()> {
    let direct = Target { address: provider, path: PATH, key: provider_key };
    let rate = load::requests_a_second(direct, CONNECTIONS, LOAD).await?;
    report.add(
        format!("provider alone, {CONNECTIONS} connections, all on the same cores"),
        "requests a second",
        rate,
        None,
    );
    let gateway = folder.start()?;
    let through = Target { address: gateway.address, path: PATH, key: &folder.key };
    // Warms pools and connections.
    load::requests_a_second(through, CONNECTIONS, Duration::from_secs(1)).await?;
    let before = process::cpu_time(gateway.child.id())?;
    let rate = load::requests_a_second(through, CONNECTIONS, LOAD).await?;
    let used = process::cpu_time(gateway.child.id())?.saturating_sub(before);
    report.add(format!("the same through the gateway and three plugins"), "requests a second", rate, None);
    let microseconds = used.as_secs_f64() * 1e6 / (rate * LOAD.as_secs_f64());
    report.add("the gateway's CPU for one of them", "µs a request", microseconds, None);
    Ok(())
}

/// A configuration with its keys, and the place where compiled code is kept between starts.
struct Folder {
    folder: TempDir,
    binary: PathBuf,
    key: String,
}

/// Killed when dropped.
struct Gateway {
    child: Child,
    address: SocketAddr,
}

impl Folder {
    fn new(binary: &Path, provider: SocketAddr, provider_key: &str) -> Result<Folder> {
        let made = Command::new(binary).args(["key", "new", "--consumer", "bench", "--scope", "chat"]).output()?;
        ensure!(made.status.success(), "no key: {}", String::from_utf8_lossy(&made.stderr));
        let (said, entry) = (String::from_utf8(made.stderr)?, String::from_utf8(made.stdout)?);
        let key = said.split_whitespace().find(|word| word.starts_with("sg_")).context("no key in what was said")?;
        let folder = tempfile::tempdir()?;
        let config = CONFIG.replace("@PROVIDER@", &format!("http://{provider}")) + "\n" + &entry;
        std::fs::write(folder.path().join("sluicegate.toml"), config)?;
        std::fs::write(folder.path().join("provider.key"), provider_key)?;
        Ok(Folder { folder, binary: binary.to_owned(), key: key.to_owned() })
    }

    fn forget_compiled_code(&self) -> Result<()> {
        match std::fs::remove_dir_all(self.folder.path().join("data")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Milliseconds from the start of the program to the end of the first answer.
    async fn first_answer(&self) -> Result<f64> {
        let began = Instant::now();
        let gateway = self.start()?;
        self.answer(&gateway).await?;
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }

    async fn answer(&self, gateway: &Gateway) -> Result<()> {
        load::one_request(Target { address: gateway.address, path: PATH, key: &self.key }).await
    }

    /// Returns once the gateway says where it listens.
    fn start(&self) -> Result<Gateway> {
        let mut child = Command::new(&self.binary)
            .args(["run", "-c", "sluicegate.toml"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = String::new();
        let mut lines = BufReader::new(child.stderr.take().context("piped")?);
        while lines.read_line(&mut said)? > 0 {
            let last = said.lines().last().unwrap_or_default();
            if let Some((_, address)) = last.split_once("listening on http://") {
                let address = address.trim().parse()?;
                // Whatever it says later must find a reader.
                std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
                return Ok(Gateway { child, address });
            }
        }
        child.wait()?;
        bail!("the gateway did not start:\n{said}")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
