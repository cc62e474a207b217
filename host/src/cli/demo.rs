//! `sluicegate demo`: a gateway on a built-in configuration, with a model provider beside it and commands to paste.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use sluicegate_provider::{Provider, ProviderKey, ProviderOptions};

use super::{logging, run, tokio_runtime};
use crate::config::Texts;
use crate::secrets::Redaction;
use crate::server::Server;
use crate::state::keys;

const TEMPLATE: &str = include_str!("demo.toml");
/// Clients find it there, unless something else is there already.
const USUAL_PORT: u16 = 8080;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The port to listen on; 8080, or any free one if that is in use, unless given.
    #[arg(long)]
    port: Option<u16>,
    /// Where the demo keeps its configuration, keys and compiled plugins.
    #[arg(long, value_name = "FOLDER", default_value = ".sluicegate/demo")]
    data_dir: PathBuf,
}

pub(super) fn demo(options: &Options) -> anyhow::Result<()> {
    let redaction = Redaction::new();
    logging::start(&redaction, "info,sluicegate::listen=warn")?;
    tokio_runtime()?.block_on(async {
        let provider_key = ProviderKey::random().context("the system gives no random bytes")?;
        let provider =
            Provider::bind((Ipv4Addr::LOCALHOST, 0).into(), ProviderOptions::new(provider_key.clone())).await?;
        let gateway_key = keys::generate().map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
        let text = TEMPLATE
            .replace("@LISTEN@", &listen_address(options.port).to_string())
            .replace("@PROVIDER@", &format!("http://{}", provider.address()))
            .replace("@KEY_ID@", &gateway_key.id)
            .replace("@KEY_HASH@", &gateway_key.stored());
        let file = write_files(&options.data_dir, &text, provider_key.expose())?;
        let texts = Texts::read(&file)?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(provider.serve(async move { drop(stopped.await) }));
        let server = Server::start(texts, redaction).await?;
        run::announce(&server);
        let address = server.addresses().first().copied().context("the demo listens nowhere")?;
        print!("{}", instructions(address, &gateway_key.key, &options.data_dir));
        std::io::stdout().flush()?;
        server.run().await;
        drop(stop);
        serving.await?;
        Ok(())
    })
}

/// Without a port, the usual one if it is free.
pub(super) fn listen_address(port: Option<u16>) -> SocketAddr {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(USUAL_PORT)));
    match port {
        Some(_) => address,
        None if TcpListener::bind(address).is_ok() => address,
        None => {
            tracing::info!("port {USUAL_PORT} is in use; another one is taken");
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
        }
    }
}

/// The demo's folder is the user's alone: the provider's key lies in it.
fn write_files(folder: &Path, config: &str, provider_key: &str) -> anyhow::Result<PathBuf> {
    let folder_failed = || format!("cannot make the folder {}; give another one by --data-dir", folder.display());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(folder_failed)?;
    let config_file = folder.join("sluicegate.toml");
    for (path, text) in [(&config_file, config), (&folder.join("provider.key"), provider_key)] {
        let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        written
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(config_file)
}

fn instructions(address: SocketAddr, key: &str, folder: &Path) -> String {
    format!(
        r#"
Sluicegate runs, with a built-in model provider behind it. In another terminal:

export OPENAI_BASE_URL=http://{address}/v1
export OPENAI_API_KEY={key}

# a call
curl -sS $OPENAI_BASE_URL/chat/completions -H "authorization: Bearer $OPENAI_API_KEY" -H "content-type: application/json" -d '{{"model":"echo-1","messages":[{{"role":"user","content":"Hello, gateway!"}}]}}'

# a streamed call
curl -sSN $OPENAI_BASE_URL/chat/completions -H "authorization: Bearer $OPENAI_API_KEY" -H "content-type: application/json" -d '{{"model":"story-1","stream":true,"messages":[{{"role":"user","content":"Tell me a story of 12 words"}}]}}'

# a target that fails: the model `assistant` is overloaded at the first provider, and the second one answers
curl -sS $OPENAI_BASE_URL/chat/completions -H "authorization: Bearer $OPENAI_API_KEY" -H "content-type: application/json" -d '{{"model":"assistant","messages":[{{"role":"user","content":"Who answers?"}}]}}'; echo; tail -n 1 {log}

# a router: short calls of the model `auto` go to one provider, long ones to another
for text in "Hello" "Tell me a story of 7 words, and let it be about a gateway that forgets nothing"; do curl -sS -o /dev/null $OPENAI_BASE_URL/chat/completions -H "authorization: Bearer $OPENAI_API_KEY" -H "content-type: application/json" -d "{{\"model\":\"auto\",\"messages\":[{{\"role\":\"user\",\"content\":\"$text\"}}]}}"; done; sleep 1; tail -n 2 {log} | grep -o '"upstream":"[a-z]*"'

# the same model in another dialect
curl -sS http://{address}/v1/messages -H "x-api-key: $OPENAI_API_KEY" -H "anthropic-version: 2023-06-01" -H "content-type: application/json" -d '{{"model":"assistant","max_tokens":100,"messages":[{{"role":"user","content":"Hello from another SDK"}}]}}'

# a wrong key
curl -sS -i $OPENAI_BASE_URL/models -H "authorization: Bearer sg_wrong"

# a limit reached: ten requests in ten seconds are allowed
for i in $(seq 12); do curl -sS -o /dev/null -w "%{{http_code}}\n" $OPENAI_BASE_URL/models -H "authorization: Bearer $OPENAI_API_KEY"; done

# a swap while a stream runs: a plugin's configuration changes, the next call meets it, the stream goes on as it began
(curl -sSN $OPENAI_BASE_URL/chat/completions -H "authorization: Bearer $OPENAI_API_KEY" -H "content-type: application/json" -H "x-provider-chunk-ms: 200" -d '{{"model":"story-1","stream":true,"messages":[{{"role":"user","content":"Tell me a story of 30 words"}}]}}' | tail -n 2) & sleep 1; sed -i 's/x-served-for/x-swapped-for/' {config}; until curl -sS -i $OPENAI_BASE_URL/models -H "authorization: Bearer $OPENAI_API_KEY" | grep x-swapped-for; do sleep 1; done; wait

# what the chain does with a request, live, for whoever may read the admin token
({program} trace -c {config} &); sleep 1; curl -sS -o /dev/null $OPENAI_BASE_URL/models -H "authorization: Bearer $OPENAI_API_KEY"; sleep 1

Configuration: {config}
Access log:    {log}
Ctrl-C drains and ends.
"#,
        // Where it is installed, its name is enough; here it may lie in a build's folder.
        program = std::env::current_exe().unwrap_or_else(|_| "sluicegate".into()).display(),
        config = folder.join("sluicegate.toml").display(),
        log = folder.join("access.log").display(),
    )
}
