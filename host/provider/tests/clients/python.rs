//! Runs a script of this folder in the environment that `cargo xtask parts` has made.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sluicegate_provider::{Invoice, Provider, ProviderKey, ProviderOptions};

pub const KEY: &str = "provider-key-of-the-clients";

/// Of the machine's own, which must not stand between a client and the provider, or send it elsewhere.
const FOREIGN_VARIABLES: [&str; 6] =
    ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "AWS_PROFILE", "OPENAI_ORG_ID"];

pub struct Running {
    pub address: SocketAddr,
    pub invoice: Invoice,
    /// The provider ends with it.
    _runtime: tokio::runtime::Runtime,
}

impl Running {
    pub fn start() -> Running {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = ProviderOptions::new(ProviderKey::new(KEY));
        let provider = runtime.block_on(Provider::bind("127.0.0.1:0".parse().unwrap(), options)).unwrap();
        let (address, invoice) = (provider.address(), provider.invoice());
        runtime.spawn(provider.serve(std::future::pending()));
        Running { address, invoice, _runtime: runtime }
    }

    /// What the script prints. It is given the provider's address and a key.
    ///
    /// # Panics
    /// If the script fails.
    pub fn run(&self, script: &str, variables: &[(&str, &str)]) -> Value {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
        let mut client = Command::new(python());
        client.arg(file).arg(format!("http://{}", self.address)).arg(KEY).env("NO_PROXY", "127.0.0.1");
        for name in FOREIGN_VARIABLES {
            client.env_remove(name);
        }
        let output = client.envs(variables.iter().copied()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

fn python() -> PathBuf {
    let made = || {
        let test = std::env::current_exe().expect("a test has a path");
        test.ancestors().nth(3).expect("tests lie in TARGET/PROFILE/deps").join("parts/python/bin/python")
    };
    let python = std::env::var_os("SLUICEGATE_PYTHON").map_or_else(made, PathBuf::from);
    assert!(
        python.is_file(),
        "{} is missing: run `cargo xtask parts`, or set SLUICEGATE_PYTHON to a Python with the packages in xtask/parts/python.txt",
        python.display()
    );
    python
}
