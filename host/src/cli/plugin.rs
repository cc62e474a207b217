//! `sluicegate plugin …`: new ones, their builds, what is in them, keys that sign them, and the way to servers and back.

mod bench;
pub(super) mod build;
mod inspect;
pub(super) mod new;
mod server;
mod skeleton;
mod subject;
mod test;
mod trial;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use aws_lc_rs::digest::{SHA256, digest};
use clap::Subcommand;
use tokio::time::timeout;
use zeroize::Zeroizing;

use self::server::Server;
use super::tokio_runtime;
use crate::config::{Access, OciReference, RemotePlace, hex, signature_path};
use crate::plugin_source::{
    FetchError, Patience, Registry, Signatures, SigningKey, fetch, read, read_signatures, write_beside,
};

/// For a whole push: who uploads has often the slower line.
const PUSH_TIME_MAX: Duration = Duration::from_secs(900);

/// A private key's file in PEM is a line of 64 characters.
const KEY_BYTES_MAX: u64 = 16 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write the crate of a new plugin, with tests, a configuration, and the SDK.
    New(new::Options),
    /// Build a plugin's crate into a small component, and say what takes the room.
    Build(build::Options),
    /// Show what a plugin is and wants, and a chain entry for it.
    Inspect(inspect::Options),
    /// Drive a plugin through exchanges of a file, and show what it did.
    Test(test::Options),
    /// Measure what a plugin costs in time and memory.
    Bench(bench::Options),
    /// Keys that sign plugins.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Sign a plugin: write the signature beside it, as FILE.sig.
    Sign {
        /// The private key, as `sluicegate plugin key new` or openssl wrote it.
        #[arg(long, value_name = "KEY")]
        key: PathBuf,
        /// Keep the signatures by other keys that are there, as long as a key is being replaced.
        #[arg(long)]
        add: bool,
        /// The WebAssembly component.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Put a plugin into an OCI registry, with FILE.sig if that is there.
    Push {
        /// The WebAssembly component.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where to, such as `registry.example.com/team/audit:1.2`.
        #[arg(value_name = "REFERENCE")]
        reference: String,
        /// Sign with this private key, and do not look for FILE.sig.
        #[arg(long, value_name = "KEY")]
        sign_with: Option<PathBuf>,
        #[command(flatten)]
        server: Server,
    },
    /// Fetch a plugin and its signature, and print what the configuration needs.
    Pull {
        /// Where from: a URL, or a reference such as `registry.example.com/team/audit:1.2`.
        #[arg(value_name = "PLACE")]
        place: String,
        /// The file to write; the signature goes into FILE.sig.
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key: write the private part into a new file, and print the public part for the configuration.
    New {
        /// The file for the private part, which must not be there yet.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

pub(super) fn plugin(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::New(options) => new::new(options),
        Command::Build(options) => build::build(options),
        Command::Inspect(options) => inspect::inspect(options),
        Command::Test(options) => test::test(options),
        Command::Bench(options) => bench::bench(options),
        Command::Key { command: KeyCommand::New { file } } => new_key(file),
        Command::Sign { key, add, file } => sign(key, *add, file),
        Command::Push { file, reference, sign_with, server } => push(file, reference, sign_with.as_deref(), server),
        Command::Pull { place, output, server } => pull(place, output, server),
    }
}

fn new_key(path: &Path) -> anyhow::Result<()> {
    let (key, pem) = SigningKey::generate()?;
    let public = key.public()?;
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                anyhow::anyhow!(
                    "{} is there already, and a key is never written over; choose another file",
                    path.display()
                )
            }
            _ => anyhow::Error::new(error).context(format!("{} cannot be written", path.display())),
        })?;
    file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).context("the key cannot be written")?;
    eprintln!(
        "The private key is in {}, readable by you only: keep it secret.\nMessages call the key {}.\nFor the configuration \
         of those who trust it:\n",
        path.display(),
        public.fingerprint()
    );
    println!("[trust]\nkeys = [\"{public}\"]");
    Ok(())
}

fn sign(key: &Path, add: bool, file: &Path) -> anyhow::Result<()> {
    let key = signing_key(key)?;
    let wasm = read(file).map_err(anyhow::Error::msg)?;
    let path = signature_path(file);
    let mut signatures = key.sign(&wasm)?;
    if add && let Some(others) = read_signatures(&path).map_err(anyhow::Error::msg)? {
        signatures = others.with(signatures)?;
    }
    write_beside(&path, signatures.to_string().as_bytes(), 0o644)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    eprintln!("{}: signed by {}", path.display(), signatures.signers());
    Ok(())
}

fn push(file: &Path, reference: &str, sign_with: Option<&Path>, server: &Server) -> anyhow::Result<()> {
    let wasm = read(file).map_err(anyhow::Error::msg)?;
    let RemotePlace::Oci(reference) = server.place(reference)? else {
        bail!(
            "a plugin is pushed into an OCI registry: write a reference such as `registry.example.com/team/audit:1.2`"
        );
    };
    if reference.digest.is_some() {
        bail!("leave the digest out of the reference: it is known when the plugin has been pushed");
    }
    let signatures = match sign_with {
        Some(key) => Some(signing_key(key)?.sign(&wasm)?),
        None => read_signatures(&signature_path(file)).map_err(anyhow::Error::msg)?,
    };
    let patience = Patience { stall: PUSH_TIME_MAX, whole: PUSH_TIME_MAX, ..Patience::default() };
    let ready = server.ready(&reference.registry, patience)?;
    let pushed = async {
        let mut registry = Registry::new(ready.client(), &reference);
        timeout(PUSH_TIME_MAX, registry.push(wasm.clone(), signatures.as_ref())).await
    };
    let pushed = tokio_runtime()?.block_on(pushed).unwrap_or(Err(FetchError::Late { whole: PUSH_TIME_MAX }));
    let manifest = pushed.context("the plugin was not pushed")?;
    match &signatures {
        Some(signatures) => eprintln!("pushed to {reference}, signed by {}", signatures.signers()),
        None => eprintln!("pushed to {reference}, without a signature"),
    }
    let place = RemotePlace::Oci(OciReference { digest: Some(manifest), ..reference });
    print!("{}", table(file, &place, &wasm, &ready.access));
    Ok(())
}

fn pull(place: &str, output: &Path, server: &Server) -> anyhow::Result<()> {
    let place = server.place(place)?;
    let origin = match &place {
        RemotePlace::Url { url, .. } => &url.origin,
        RemotePlace::Oci(reference) => &reference.registry,
    };
    let patience = Patience::default();
    let whole = patience.whole;
    let ready = server.ready(origin, patience)?;
    let fetched = tokio_runtime()?.block_on(async { timeout(whole, fetch(ready.client(), &place, None)).await });
    let fetched = fetched.unwrap_or(Err(FetchError::Late { whole })).context("the plugin was not fetched")?;
    let signature_file = signature_path(output);
    if fetched.signatures.is_none() && signature_file.exists() {
        bail!(
            "the plugin has no signature, and {} is one of another plugin; remove it first",
            signature_file.display()
        );
    }
    let write = |path: &Path, bytes: &[u8]| {
        write_beside(path, bytes, 0o644).with_context(|| format!("{} cannot be written", path.display()))
    };
    if let Some(signatures) = &fetched.signatures {
        write(&signature_file, signatures.to_string().as_bytes())?;
    }
    write(output, &fetched.wasm)?;
    eprintln!("{}: {}", output.display(), signed(fetched.signatures.as_ref()));
    let place = match (place, fetched.manifest_sha256) {
        (RemotePlace::Oci(reference), Some(manifest)) => {
            RemotePlace::Oci(OciReference { digest: Some(manifest), ..reference })
        }
        (place, _) => place,
    };
    print!("{}", table(output, &place, &fetched.wasm, &ready.access));
    Ok(())
}

fn signed(signatures: Option<&Signatures>) -> String {
    match signatures {
        Some(signatures) => {
            format!("says that it is signed by {}; the gateway checks that against `[trust]`", signatures.signers())
        }
        None => "has no signature".to_owned(),
    }
}

fn signing_key(path: &Path) -> anyhow::Result<SigningKey> {
    use std::io::Read;
    let mut pem = Zeroizing::new(Vec::with_capacity(KEY_BYTES_MAX as usize));
    let read = fs::File::open(path).and_then(|file| file.take(KEY_BYTES_MAX).read_to_end(&mut pem));
    read.with_context(|| format!("the private key {} cannot be read", path.display()))?;
    SigningKey::from_pem(&pem).with_context(|| format!("{} cannot sign", path.display()))
}

/// What goes into the configuration.
fn table(file: &Path, place: &RemotePlace, wasm: &[u8], access: &Access) -> String {
    let name = subject::name_of(file);
    let (key, place) = match place {
        RemotePlace::Url { url, .. } => ("url", format!("{}{}", url.origin.to_uri_prefix(), url.target)),
        RemotePlace::Oci(reference) => ("oci", reference.to_string()),
    };
    let sha256 = hex(digest(&SHA256, wasm).as_ref());
    let mut text = format!("[plugins.{name}]\n{key} = \"{place}\"\nsha256 = \"{sha256}\"\n");
    if let Some(ca_file) = &access.ca_file {
        text.push_str(&format!("ca_file = {}\n", toml::Value::String(ca_file.display().to_string())));
    }
    text
}
