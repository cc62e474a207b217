//! Servers that plugins come from: a real OCI registry, and files over TLS.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;

use crate::parts::{openssl, python, registry};

/// Whom the registry lets in.
pub const USER: &str = "builder";
pub const PASSWORD: &str = "word-of-the-builder";

/// The password, as htpasswd keeps it.
const PASSWORD_HASH: &str = "$2b$04$8Dy/WuG45INgmV9WJUo1TeC3fPrywO.TU4MMMAl51ejlkquDddqn2";

/// A running server. Killed when dropped.
pub struct Registry {
    child: Child,
    port: u16,
    _folder: TempDir,
}

/// An authority, and a server's certificate for localhost and 127.0.0.1 by it.
pub struct Certificates(TempDir);

impl Registry {
    /// Over plain HTTP, open to all.
    pub fn open() -> Registry {
        Registry::start("", "")
    }

    /// Over TLS, and only for [`USER`].
    pub fn closed(certificates: &Certificates) -> Registry {
        let [certificate, key] =
            [certificates.certificate(), certificates.key()].map(|path| path.display().to_string());
        let tls = format!("  tls:\n    certificate: {certificate}\n    key: {key}\n");
        Registry::start(&tls, "auth:\n  htpasswd:\n    realm: here\n    path: users\n")
    }

    fn start(tls: &str, auth: &str) -> Registry {
        let folder = tempfile::tempdir().expect("a folder for the registry");
        let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file of the registry");
        file("users", &format!("{USER}:{PASSWORD_HASH}\n"));
        file(
            "registry.yml",
            &format!(
                "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: data\nhttp:\n  \
                 addr: 127.0.0.1:0\n  secret: of-a-test\n{tls}{auth}"
            ),
        );
        let mut command = Command::new(registry());
        command.args(["serve", "registry.yml"]).current_dir(folder.path());
        Registry::listening(command, folder)
    }

    /// The files of a folder over TLS; `authorization`: what the field must be.
    pub fn files(files: &Path, certificates: &Certificates, authorization: Option<&str>) -> Registry {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/serve_files.py");
        let mut command = Command::new(python());
        command.arg(script).arg(files).arg(certificates.certificate()).arg(certificates.key()).args(authorization);
        Registry::listening(command, tempfile::tempdir().expect("a folder for the server"))
    }

    /// Waits until the server says where it listens.
    fn listening(mut command: Command, folder: TempDir) -> Registry {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server can be started");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let mut said = String::new();
        let port = lines.by_ref().find_map(|line| {
            said.push_str(&line);
            let (_, rest) = line.split_once("listening on 127.0.0.1:")?;
            rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
        });
        // A full pipe would hold the server up.
        thread::spawn(move || lines.for_each(drop));
        Registry { child, port: port.unwrap_or_else(|| panic!("the server does not listen: {said}")), _folder: folder }
    }

    /// `localhost:PORT`
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Certificates {
    pub fn new() -> Certificates {
        let folder = tempfile::tempdir().expect("a folder for certificates");
        let run = |words: &str| openssl(folder.path(), &words.split(' ').collect::<Vec<_>>());
        let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        fs::write(folder.path().join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").expect("a file");
        run(&format!("req -x509 {new_key} -keyout ca.key -out ca.pem -subj /CN=authority -days 2"));
        run(&format!("req {new_key} -keyout server.key -out server.csr -subj /CN=localhost"));
        run("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names");
        Certificates(folder)
    }

    /// What a client must trust.
    pub fn authority(&self) -> PathBuf {
        self.0.path().join("ca.pem")
    }

    fn certificate(&self) -> PathBuf {
        self.0.path().join("server.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.path().join("server.key")
    }
}

impl Default for Certificates {
    fn default() -> Certificates {
        Certificates::new()
    }
}
