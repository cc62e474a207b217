//! A gateway in front of the built-in provider, which it speaks to in each of its dialects.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::Value;
use sluicegate_provider::{Provider, ProviderKey, ProviderOptions, Received};
use sluicegate_tests::{Gateway, Reply, send};

pub const KEY: &str = "provider-key-that-nobody-may-see";

/// The kinds of providers that the one provider can be, by the names that the configuration gives them.
pub const PROVIDERS: [&str; 6] = ["openai", "azure", "anthropic", "gemini", "bedrock", "bedrock-signed"];

pub struct Models {
    pub gateway: Gateway,
    pub received: Received,
}

/// Starts both. `head` stands in front of the route's table, `lines` in it. `@URL@` is the provider's address.
pub async fn start(head: &str, lines: &str) -> Models {
    start_in(head, lines, &[]).await
}

/// With these variables in the gateway's environment.
pub async fn start_in(head: &str, lines: &str, environment: &[(&str, &str)]) -> Models {
    begin(head, lines, &[], environment).await
}

/// With these plugins, and other files, beside the configuration.
pub async fn start_with(head: &str, lines: &str, plugins: &[(&str, &[u8])]) -> Models {
    begin(head, lines, plugins, &[]).await
}

async fn begin(head: &str, lines: &str, plugins: &[(&str, &[u8])], environment: &[(&str, &str)]) -> Models {
    let options = ProviderOptions::new(ProviderKey::new(KEY));
    let provider = Provider::bind("127.0.0.1:0".parse().unwrap(), options).await.unwrap();
    let (received, provider_url) = (provider.received(), format!("http://{}", provider.address()));
    tokio::spawn(provider.serve(std::future::pending()));
    let config = format!("{}{head}\n[[routes]]\nname = \"models\"\nmodels = [\"*\"]\n{lines}\n", providers());
    let named = |(file, _): &(&str, &[u8])| {
        let name = file.trim_end_matches(".wasm");
        format!("[plugins.{name}]\nfile = \"{file}\"\n")
    };
    let config = format!(
        "{}{config}",
        plugins.iter().filter(|(file, _)| file.ends_with(".wasm")).map(named).collect::<String>()
    );
    let files = [&[("provider.key", KEY.as_bytes())], plugins].concat();
    let gateway = Gateway::try_start(&config.replace("@URL@", &provider_url), &files, environment);
    Models { gateway: gateway.unwrap_or_else(|said| panic!("{said}")), received }
}

/// Six providers, and for each the models `PROVIDER/echo-1` and so on.
pub fn providers() -> String {
    let access_key_id = ProviderKey::new(KEY).access_key_id();
    let mut config = "[credentials.provider]\nvalue = \"${file:provider.key}\"\norigin = \"@URL@\"\n".to_owned();
    for (name, lines) in [
        ("openai", "kind = \"openai\"\nurl = \"@URL@/v1\"".to_owned()),
        ("azure", "kind = \"azure\"\nurl = \"@URL@\"\napi_version = \"2024-10-21\"".to_owned()),
        ("anthropic", "kind = \"anthropic\"\nurl = \"@URL@\"".to_owned()),
        ("gemini", "kind = \"gemini\"\nurl = \"@URL@/v1beta\"".to_owned()),
        ("bedrock", "kind = \"bedrock\"\nurl = \"@URL@\"\nregion = \"eu-central-1\"".to_owned()),
        (
            "bedrock-signed",
            format!(
                "kind = \"bedrock\"\nurl = \"@URL@\"\nregion = \"eu-central-1\"\naccess_key_id = \"{access_key_id}\""
            ),
        ),
    ] {
        config.push_str(&format!("[providers.{name}]\n{lines}\ncredentials = [\"provider\"]\n"));
        for model in ["echo-1", "story-1", "think-1", "refuse-1", "embed-1"] {
            config.push_str(&format!(
                "[models.\"{name}/{model}\"]\ntargets = [{{ provider = \"{name}\", model = \"{model}\" }}]\n"
            ));
        }
    }
    config
}

impl Models {
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.ask(Method::POST, path, &[], body.to_string()).await
    }

    pub async fn ask(&self, method: Method, path: &str, fields: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        let mut request = Request::builder().method(method).uri(self.gateway.url(path));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        send(request.body(Full::new(body.into())).unwrap()).await
    }
}
