//! TLS to upstreams: who is trusted, whom the gateway proves itself to, and what changes with the files.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluicegate_tests::{Gateway, PATIENCE, Script, get, parts::openssl, post};
use tempfile::TempDir;

/// Certificates by openssl: `NAME.pem` and `NAME.key`.
struct Papers(TempDir);

impl Papers {
    fn new() -> Papers {
        Papers(tempfile::tempdir().expect("a folder for certificates"))
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn path(&self, name: &str) -> String {
        self.folder().join(name).display().to_string()
    }

    fn authority(&self, name: &str) {
        let (key, pem, subject) = (format!("{name}.key"), format!("{name}.pem"), format!("/CN=authority {name}"));
        let mut words =
            vec!["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        words.extend(["-keyout", &key, "-out", &pem, "-subj", &subject]);
        openssl(self.folder(), &words);
    }

    /// Signed by an authority; `host`: whom it is for, where that is a server.
    fn signed(&self, name: &str, authority: &str, host: Option<&str>) {
        let (key, pem, request) = (format!("{name}.key"), format!("{name}.pem"), format!("{name}.csr"));
        let subject = format!("/CN={name}");
        let mut words = vec!["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", &key];
        words.extend(["-out", &request, "-subj", &subject]);
        openssl(self.folder(), &words);
        let extensions =
            host.map_or("extendedKeyUsage=clientAuth".to_owned(), |host| format!("subjectAltName=DNS:{host}"));
        fs::write(self.folder().join("extensions"), format!("basicConstraints=CA:FALSE\n{extensions}\n"))
            .expect("a file");
        let (ca, ca_key) = (format!("{authority}.pem"), format!("{authority}.key"));
        let mut words =
            vec!["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-days", "2"];
        words.extend(["-extfile", "extensions", "-out", &pem]);
        openssl(self.folder(), &words);
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder().join(name)).expect("a file of the test")
    }
}

/// A server that only the authority `clients` opens, and a gateway with the certificate `first` of that.
struct Mutual {
    papers: Papers,
    _server: Script,
    gateway: Gateway,
}

impl Mutual {
    /// `lines`: further ones of the upstream.
    fn start(host: &str, lines: &str) -> Mutual {
        Mutual::start_with(host, |port| {
            format!(
                "[upstreams.service]\nurl = \"https://localhost:{port}\"\nca_file = \"ca.pem\"\n{lines}\n\n\
                 [[routes]]\nname = \"all\"\nupstream = \"service\"\n"
            )
        })
    }

    /// The same as a provider of the model `m`.
    fn start_provider(host: &str, lines: &str) -> Mutual {
        Mutual::start_with(host, |port| {
            format!(
                "[providers.vendor]\nkind = \"openai\"\nurl = \"https://localhost:{port}/v1\"\nca_file = \"ca.pem\"\n{lines}\n\n\
                 [models.m]\ntargets = [{{ provider = \"vendor\" }}]\n\n\
                 [[routes]]\nname = \"models\"\nmodels = [\"*\"]\n"
            )
        })
    }

    fn start_with(host: &str, text: impl FnOnce(u16) -> String) -> Mutual {
        let papers = Papers::new();
        for authority in ["servers", "others", "clients"] {
            papers.authority(authority);
        }
        papers.signed("server", "servers", Some(host));
        papers.signed("first", "clients", None);
        papers.signed("second", "clients", None);
        let arguments = [papers.path("server.pem"), papers.path("server.key"), papers.path("clients.pem")];
        let (server, port) = Script::serving("serve_mutual_tls.py", &arguments);
        let (ca, own, key) = (papers.read("servers.pem"), papers.read("first.pem"), papers.read("first.key"));
        let files: [(&str, &[u8]); 3] = [("ca.pem", &ca), ("own.pem", &own), ("own.key", &key)];
        Mutual { gateway: Gateway::start(&text(port), &files), papers, _server: server }
    }

    fn put(&self, name: &str, of: &str) {
        fs::write(self.gateway.folder().join(name), self.papers.read(of)).expect("a file of the gateway");
    }

    /// Asks until the answer is as it should be.
    async fn until(&self, what: &str, is_it: impl Fn(u16, &Value) -> bool) {
        let started = Instant::now();
        loop {
            let reply = get(&self.gateway.url("/")).await;
            if is_it(reply.status.as_u16(), &reply.json()) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{what}: still {} {}", reply.status, reply.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

const OWN: &str = "client_certificate = { certificate_file = \"own.pem\", key_file = \"own.key\" }";

#[tokio::test]
async fn the_gateway_proves_itself_and_a_new_certificate_serves_without_a_restart() {
    let mutual = Mutual::start("localhost", OWN);
    let reply = get(&mutual.gateway.url("/")).await;
    assert_eq!(reply.json(), serde_json::json!({ "client": "first", "asked_for": "localhost" }));
    // Between the two, certificate and key do not fit: the old ones go on.
    mutual.put("own.pem", "second.pem");
    mutual.gateway.wait_for_stderr("check that");
    assert_eq!(get(&mutual.gateway.url("/")).await.json()["client"], "first");
    mutual.put("own.key", "second.key");
    mutual.until("the new certificate", |_, answer| answer["client"] == "second").await;
}

/// What a provider has seen of the gateway, from the words of its model.
async fn seen(mutual: &Mutual) -> (u16, Value) {
    let call = r#"{"model":"m","messages":[{"role":"user","content":"Who am I?"}]}"#;
    let reply = post(&mutual.gateway.url("/v1/chat/completions"), call).await;
    let said = reply.json()["choices"][0]["message"]["content"].as_str().map(serde_json::from_str);
    (reply.status.as_u16(), said.map_or(Value::Null, |said| said.expect("JSON")))
}

#[tokio::test]
async fn the_gateway_proves_itself_to_a_provider_asks_for_its_name_and_follows_its_files() {
    let lines = format!("{OWN}\nserver_name = \"models.internal\"");
    let mutual = Mutual::start_provider("models.internal", &lines);
    let expected = |client: &str| (200, serde_json::json!({ "client": client, "asked_for": "models.internal" }));
    assert_eq!(seen(&mutual).await, expected("first"));
    mutual.put("own.pem", "second.pem");
    mutual.gateway.wait_for_stderr("check that");
    assert_eq!(seen(&mutual).await, expected("first"));
    mutual.put("own.key", "second.key");
    let started = Instant::now();
    while seen(&mutual).await != expected("second") {
        assert!(started.elapsed() < PATIENCE, "still the first certificate");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Without either there is no answer.
    let unnamed = Mutual::start_provider("models.internal", OWN);
    assert_eq!(seen(&unnamed).await.0, 502);
    unnamed.gateway.wait_for_stderr("not for `localhost`");
    let unproved = Mutual::start_provider("localhost", "");
    assert_eq!(seen(&unproved).await.0, 502);
}

#[tokio::test]
async fn authorities_that_change_are_trusted_and_distrusted_without_a_restart() {
    let mutual = Mutual::start("localhost", OWN);
    assert_eq!(get(&mutual.gateway.url("/")).await.status, 200);
    mutual.put("ca.pem", "others.pem");
    mutual.until("distrust", |status, answer| status == 502 && answer["code"] == "upstream_tls_failed").await;
    mutual.put("ca.pem", "servers.pem");
    mutual.until("trust", |status, _| status == 200).await;
}

#[tokio::test]
async fn the_certificate_may_be_for_another_name_if_the_configuration_says_so() {
    let named = Mutual::start("service.internal", &format!("{OWN}\nserver_name = \"service.internal\""));
    assert_eq!(get(&named.gateway.url("/")).await.json()["asked_for"], "service.internal");
    let unnamed = Mutual::start("service.internal", OWN);
    let reply = get(&unnamed.gateway.url("/")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["code"]), (502, &"upstream_tls_failed".into()));
    unnamed.gateway.wait_for_stderr("not for `localhost`");
}

#[tokio::test]
async fn without_the_certificate_that_is_asked_for_there_is_no_answer() {
    let mutual = Mutual::start("localhost", "");
    let reply = get(&mutual.gateway.url("/")).await;
    assert_eq!(reply.status, 502, "{}", reply.text());
}
