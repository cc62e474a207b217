//! The files under `examples`, and what becomes of what they leave out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{files, parse, root};
use crate::config::{
    AccessLog, AdminAddress, Config, CredentialPlace, Isolation, OnError, PathMatch, PluginSource, SecretSource, load,
};

fn example(name: &str) -> Config {
    let path = root().join("examples").join(name);
    load(&path).unwrap_or_else(|refused| panic!("{refused}"))
}

#[test]
fn every_example_loads() {
    let examples = files("examples", "toml");
    assert!(examples.len() >= 3);
    for (_, path) in examples {
        load(&path).unwrap_or_else(|refused| panic!("{refused}"));
    }
}

#[test]
fn what_is_left_out_has_safe_defaults() {
    let config = parse("[[listen]]\naddress = \"127.0.0.1:0\"\n", "x.toml", Path::new("/etc/gateway")).unwrap();
    assert_eq!(config.data_dir, PathBuf::from("/etc/gateway/.sluicegate"));
    assert_eq!(config.access_log, AccessLog::Stdout);
    assert!(config.admin.is_none() && config.routes.is_empty() && config.global_chain.is_empty());
    assert_eq!(
        config.plugins.keys().collect::<Vec<_>>(),
        ["api-key", "headers", "meter", "prompt-template", "rate-limit", "redact", "router"]
    );
    assert!(config.plugins.values().all(|source| matches!(source, PluginSource::Bundled(_))));
    assert_eq!(config.limits.head_bytes_max, 65_536);
    assert_eq!(config.limits.drain_timeout, Duration::from_secs(30));
}

#[test]
fn relative_paths_start_from_the_folder_of_the_file() {
    let config = example("unix-admin.toml");
    let folder = root().join("examples");
    let admin = config.admin.unwrap();
    assert_eq!(admin.address, AdminAddress::Unix(folder.join("admin.sock")));
    assert_eq!(admin.token_file, folder.join("admin.token"));
    let search = &config.credentials["search"];
    assert_eq!(search.source, SecretSource::File(PathBuf::from("/run/secrets/search-token")));
    assert_eq!(search.header.as_ref().map(|header| header.as_str()), Some("x-api-key"));
    assert_eq!(search.prefix, None);
}

#[test]
fn the_admin_token_lies_in_the_data_folder_unless_given() {
    let text = "data_dir = \"d\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"[::1]:9901\"\n";
    let config = parse(text, "x.toml", Path::new("/etc")).unwrap();
    assert_eq!(config.admin.unwrap().token_file, PathBuf::from("/etc/d/admin.token"));
}

#[test]
fn bundled_plugins_run_pooled_with_the_grants_that_they_need() {
    let config = example("openai.toml");
    let chain = &config.routes[0].chain;
    assert_eq!(chain[0].isolation, Isolation::Pooled);
    assert_eq!(chain[0].on_error, OnError::Deny);
    assert_eq!(chain[0].grants.iter().collect::<Vec<_>>(), ["identity-writer", "keys"]);
    assert_eq!((chain[1].name.as_str(), chain[1].plugin.as_str()), ("requests-per-minute", "rate-limit"));
    assert_eq!(chain[1].grants.iter().collect::<Vec<_>>(), ["counters", "identity"]);
    assert_eq!(chain[1].limits.cpu_max, Duration::from_millis(20));
    assert_eq!(chain[1].limits.memory_bytes_max, 16 << 20);
    assert_eq!(chain[1].breaker.failures, 3);
    assert_eq!(chain[1].breaker.window, Duration::from_secs(10));
    assert_eq!((&config.credentials["openai"].header, &config.credentials["openai"].prefix), (&None, &None));
}

#[test]
fn a_plugin_from_a_file_is_isolated_by_request_and_granted_nothing() {
    let text = "[[listen]]\naddress = \"127.0.0.1:0\"\n[plugins.mine]\nfile = \"openai.toml\"\n\
                sha256 = \"9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n[[chains.c]]\nplugin = \"mine\"\n";
    let text = format!("global_chain = \"c\"\n{text}");
    let config = parse(&text, "x.toml", &root().join("examples")).unwrap();
    let entry = &config.global_chain[0];
    assert_eq!((entry.isolation, entry.grants.len()), (Isolation::Request, 0));
    assert_eq!(entry.config, serde_json::json!({}));
    let PluginSource::File { path, sha256, .. } = &config.plugins["mine"] else { panic!("not a file") };
    assert!(path.ends_with("examples/openai.toml"));
    assert_eq!(sha256.map(|bytes| (bytes[0], bytes[31])), Some((0x9f, 0x08)));
}

#[test]
fn routes_that_name_one_chain_share_its_entries() {
    let config = example("tenants.toml");
    let [shop, beta] = config.routes.as_slice() else { panic!("two routes") };
    assert!(Arc::ptr_eq(&shop.chain[0], &beta.chain[0]));
    assert_eq!((shop.chain.len(), beta.chain.len(), config.global_chain.len()), (2, 1, 1));
}

#[test]
fn upstreams_of_a_route_keep_the_order_of_the_file() {
    let config = example("upstreams.toml");
    let names = |route: usize| config.routes[route].upstreams.iter().map(|one| one.name.as_str()).collect::<Vec<_>>();
    assert_eq!((names(0), names(1)), (vec!["first", "second"], vec!["files"]));
}

#[test]
fn a_route_means_what_it_says() {
    let config = example("tenants.toml");
    let [shop, beta] = config.routes.as_slice() else { panic!("two routes") };
    assert_eq!(shop.matcher.hosts, ["shop.example.com", "*.shop.example.com"]);
    assert_eq!(shop.matcher.path, PathMatch::Prefix("/shop".to_owned()));
    assert_eq!(shop.strip_prefix, "/shop");
    assert_eq!(shop.upstreams[0].base_path, "/api");
    assert_eq!(shop.credential_places[1], CredentialPlace::Query("ticket".to_owned()));
    assert!(shop.forward_credentials.is_empty());
    assert_eq!(beta.forward_credentials, [CredentialPlace::Header(http::header::COOKIE)]);
    let headers: Vec<_> =
        beta.matcher.headers.iter().map(|header| (header.name.as_str(), header.value.clone())).collect();
    assert_eq!(headers, [("x-beta", None), ("x-tenant", Some(http::HeaderValue::from_static("acme")))]);
    let text = "[[listen]]\naddress = \"127.0.0.1:0\"\n[upstreams.a]\nurl = \"http://[::1]:80/x/\"\n[[routes]]\nname = \"r\"\nupstream = \"a\"\n";
    let config = parse(text, "x.toml", Path::new("")).unwrap();
    assert_eq!(config.routes[0].matcher.path, PathMatch::Prefix(String::new()));
    assert_eq!(config.routes[0].upstreams[0].base_path, "/x");
    assert_eq!(config.routes[0].upstreams[0].origin.to_uri_prefix(), "http://[::1]");
}

#[test]
fn a_key_expires_at_the_instant_that_is_given_in_quotes_or_not() {
    let key = |expires: &str| {
        let hash = "0".repeat(64);
        let text = format!(
            "[[listen]]\naddress = \"127.0.0.1:0\"\n[[keys]]\nid = \"K_1\"\nhash = \"sha256:{hash}\"\nconsumer = \"a\"\n{expires}\n"
        );
        parse(&text, "x.toml", Path::new("")).unwrap().keys["K_1"].expires
    };
    assert_eq!(key(""), None);
    assert_eq!(key("expires = 1970-01-01T01:00:00+01:00"), Some(0));
    assert_eq!(key("expires = \"2030-01-01T00:00:00Z\""), Some(1_893_456_000));
    assert_eq!(key("expires = 2030-01-01 00:00:00.5Z"), Some(1_893_456_000));
}

#[test]
fn plugin_config_becomes_json_with_dates_as_strings() {
    let text = "global_chain = \"c\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n[[chains.c]]\nplugin = \"headers\"\n\
                [chains.c.config]\na = [1, 2.5, true, \"x\"]\nb.c = 2030-01-01\n";
    let config = parse(text, "x.toml", Path::new("")).unwrap();
    assert_eq!(
        config.global_chain[0].config,
        serde_json::json!({ "a": [1, 2.5, true, "x"], "b": { "c": "2030-01-01" } })
    );
}

#[test]
fn a_byte_order_mark_in_front_is_no_mistake() {
    let text = "\u{feff}[[listen]]\naddress = \"127.0.0.1:0\"\n";
    assert_eq!(parse(text, "x.toml", Path::new("")).unwrap().listeners.len(), 1);
}
