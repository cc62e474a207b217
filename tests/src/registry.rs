//! Servers that plugins come from: a real OCI registry, and files over TLS.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::SystemTime;

use serde_json::json;
use tempfile::TempDir;

use crate::parts::{openssl, python, registry};

/// Whom the registry lets in.
pub const USER: &str = "builder";
pub const PASSWORD: &str = "word-of-the-builder";

/// What a registry with tokens calls itself.
pub const TOKEN_SERVICE: &str = "registry-of-the-test";

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

    /// Over plain HTTP, for those to whom the service at `realm` gives a token that [`Certificates::token`] has made.
    pub fn with_tokens(realm: &str, certificates: &Certificates) -> Registry {
        let authority = certificates.authority().display().to_string();
        Registry::start(
            "",
            &format!(
                "auth:\n  token:\n    realm: {realm}\n    service: {TOKEN_SERVICE}\n    issuer: tokens\n    rootcertbundle: \
                 {authority}\n"
            ),
        )
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

    /// A token for these actions, such as `pull,push`, in one repository: a JWT (RFC 7519) as registries want it.
    pub fn token(&self, repository: &str, actions: &str) -> String {
        let run = |words: &str| openssl(self.0.path(), &words.split(' ').collect::<Vec<_>>());
        if !self.0.path().join("token.pem").exists() {
            run("req -newkey rsa:2048 -nodes -keyout token.key -out token.csr -subj /CN=tokens");
            run("x509 -req -in token.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out token.pem -days 2");
        }
        let pem = fs::read_to_string(self.0.path().join("token.pem")).expect("just made");
        let certificate: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let actions: Vec<&str> = actions.split(',').collect();
        let access = json!([{ "type": "repository", "name": repository, "actions": actions }]);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
        let head = json!({ "typ": "JWT", "alg": "RS256", "x5c": [certificate] });
        let claims = json!({
            "iss": "tokens", "aud": TOKEN_SERVICE, "sub": USER, "nbf": now - 60, "exp": now + 600, "access": access,
        });
        let base64url = |bytes: &[u8]| {
            fs::write(self.0.path().join("bytes"), bytes).expect("a file");
            run("base64 -A -in bytes").trim().replace('+', "-").replace('/', "_").replace('=', "")
        };
        let text = format!("{}.{}", base64url(head.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
        fs::write(self.0.path().join("text"), &text).expect("a file");
        run("dgst -sha256 -sign token.key -out signature text");
        let signature = fs::read(self.0.path().join("signature")).expect("just made");
        format!("{text}.{}", base64url(&signature))
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
