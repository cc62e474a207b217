//! Plugins from registries that ask for tokens, and from registries that say what is not so.

use serde_json::{Value, json};

use super::*;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn manifest() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": digest_of(b"{}"), "size": 2 },
        "layers": [{ "mediaType": "application/wasm", "digest": digest_of(WASM), "size": WASM.len() }],
    })
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&sha256(bytes)))
}

/// Answers for one manifest under the tag `1` and under its digest, and for the blob.
fn answer(request: &str, manifest: &Value, blob: &[u8]) -> Reply {
    let path = request.split(' ').nth(1).unwrap_or_default();
    let text = manifest.to_string();
    let kind = format!("content-type: {}\r\n", manifest["mediaType"].as_str().unwrap_or(MANIFEST));
    if path == "/v2/team/audit/manifests/1"
        || path == format!("/v2/team/audit/manifests/{}", digest_of(text.as_bytes()))
    {
        return Reply::with(&kind, text.as_bytes());
    }
    match path == format!("/v2/team/audit/blobs/{}", digest_of(WASM)) {
        true => Reply::ok(blob),
        false => {
            Reply::status_with(404, b"{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"no hunter2 here\"}]}")
        }
    }
}

async fn registry(manifest: Value) -> Server {
    Server::start(move |request| answer(request, &manifest, WASM)).await
}

#[tokio::test]
async fn a_plugin_is_fetched_by_tag_by_digest_and_through_an_index_of_one() {
    let text = manifest().to_string();
    let digest = digest_of(text.as_bytes());
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [{ "mediaType": MANIFEST, "digest": digest, "size": text.len() }],
    });
    let server = Server::start(move |request| match request.contains("/manifests/index ") {
        true => Reply::with(&format!("content-type: {INDEX}\r\n"), index.to_string().as_bytes()),
        false => answer(request, &manifest(), WASM),
    })
    .await;
    for rest in [":1", &format!("@{digest}"), &format!(":ignored@{digest}"), ":index"] {
        assert_eq!(Case::new().get(server.artifact(rest)).await.unwrap(), WASM, "{rest}");
    }
    let case = Case::new();
    case.get(server.artifact(":1")).await.unwrap();
    let asked = server.seen().len();
    case.get(server.artifact(":1")).await.unwrap();
    assert_eq!(server.seen().len(), asked, "nothing went over the network");
}

#[tokio::test]
async fn each_manifest_that_is_none_of_a_plugin_is_refused_with_the_reason() {
    let change = |pointer: &str, value: Value| {
        let mut manifest = manifest();
        *manifest.pointer_mut(pointer).unwrap() = value;
        manifest
    };
    let with = |name: &str, value: Value| {
        let mut manifest = manifest();
        manifest[name] = value;
        manifest
    };
    let layer = manifest()["layers"][0].clone();
    let annotated = |value: Value| with("annotations", json!({ SIGNATURE_ANNOTATION: value }));
    for (manifest, sentence) in [
        (change("/layers", json!([layer, layer])), "it has 2 layers, not one"),
        (change("/layers", json!([])), "it has 0 layers, not one"),
        (
            change("/layers/0/mediaType", json!("application/vnd.oci.image.layer.v1.tar+gzip")),
            "is not of the type application/wasm",
        ),
        (
            change("/config/mediaType", json!("application/vnd.oci.image.config.v1+json")),
            "its config is not of the type",
        ),
        (change("/layers/0/digest", json!("sha512:00")), "the digest of its layer is none of SHA-256"),
        (change("/layers/0/digest", json!(digest_of(b"x"))), "is not the one that was pinned"),
        (change("/layers/0/size", json!(PLUGIN_BYTES_MAX + 1)), "sends over 67108864 bytes"),
        (
            change("/mediaType", json!("application/vnd.docker.distribution.manifest.v2+json")),
            "not of the type of OCI images",
        ),
        (change("/schemaVersion", json!(1)), "its config is not of the type"),
        (with("manifests", json!([])), "its manifest contradicts itself"),
        (with("filler", json!("x".repeat(MANIFEST_BYTES_MAX as usize))), "which is the limit for a manifest"),
        (annotated(json!("#".repeat(SIGNATURE_BYTES_MAX as usize + 1))), "which is the limit for a signature"),
        (json!({ "mediaType": INDEX, "manifests": [] }), "its index has 0 entries, not one"),
        (
            json!({ "mediaType": INDEX, "manifests": [
            { "mediaType": MANIFEST, "digest": "../../x", "size": 1 } ] }),
            "the digest of its entry is none of SHA-256",
        ),
    ] {
        let message = Case::new().refused(registry(manifest).await.artifact(":1")).await;
        assert!(message.contains(sentence), "{sentence}\n{message}");
    }
    for value in [json!("nothing"), json!(7)] {
        let error = Case::new().get(registry(annotated(value)).await.artifact(":1")).await.unwrap_err();
        assert!(matches!(&error, SourceError::Signature(text) if text.contains(SIGNATURE_ANNOTATION)), "{error:?}");
    }
}

#[tokio::test]
async fn what_has_another_digest_than_it_should_is_refused() {
    let server = Server::start(|request| answer(request, &manifest(), b"another plugin")).await;
    let message = Case::new().refused(server.artifact(":1")).await;
    assert!(message.contains("is not what its digest says"), "{message}");
    let (right, mut other) = (digest_of(manifest().to_string().as_bytes()), manifest());
    other["annotations"] = json!({ "a": "b" });
    let server = Server::start(move |request| match request.contains("/blobs/") {
        true => Reply::ok(WASM),
        false => Reply::with(&format!("content-type: {MANIFEST}\r\n"), other.to_string().as_bytes()),
    })
    .await;
    let message = Case::new().refused(server.artifact(&format!("@{right}"))).await;
    assert!(message.contains("is not what its digest says"), "{message}");
    for text in ["no json", "{\"schemaVersion\": 2, \"mediaType\": \"other\"}"] {
        let server =
            Server::start(move |_| Reply::with(&format!("content-type: {MANIFEST}\r\n"), text.as_bytes())).await;
        let message = Case::new().refused(server.artifact(":1")).await;
        assert!(message.contains("its manifest is no JSON") || message.contains("contradicts itself"), "{message}");
    }
}

#[tokio::test]
async fn the_registrys_own_code_is_told_and_none_of_its_words() {
    let message = Case::new().refused(registry(manifest()).await.artifact(":9")).await;
    assert!(
        message.contains("answered 404 Not Found (MANIFEST_UNKNOWN): check registry, repository and tag"),
        "{message}"
    );
    assert!(!message.contains("hunter2"), "{message}");
}

/// A registry that wants a token, and the service that gives it.
async fn with_tokens() -> (Server, Server) {
    let service = Server::start(|request| match request.contains("service=here&scope=repository:team/audit:pull ") {
        true => Reply::ok(b"{\"token\":\"token-of-the-service\"}"),
        false => Reply::status(400, ""),
    })
    .await;
    let realm = service.url("/token");
    let registry =
        Server::start(move |request| match request.contains("authorization: Bearer token-of-the-service\r\n") {
            true => answer(request, &manifest(), WASM),
            false => Reply::status(401, &format!("www-authenticate: Bearer realm=\"{realm}\",service=\"here\"\r\n")),
        })
        .await;
    (registry, service)
}

#[tokio::test]
async fn a_credential_is_shown_to_the_token_service_that_it_is_bound_to_and_not_to_the_registry() {
    let (registry, service) = with_tokens().await;
    let case = Case::with_credential(&service.origin());
    assert_eq!(case.get(registry.artifact(":1")).await.unwrap(), WASM);
    assert!(has_secret(&service.seen()) && !has_secret(&registry.seen()));
    assert!(service.seen().iter().all(|request| !request.contains("token-of-the-service")));
    assert_eq!(service.seen().len(), 1, "one token serves for all");
    // Without a credential, and with one that is bound elsewhere, the service is asked, too.
    for case in [Case::new(), Case::with_credential(&registry.origin())] {
        let (registry, service) = with_tokens().await;
        assert_eq!(case.get(registry.artifact(":1")).await.unwrap(), WASM);
        assert!(!has_secret(&service.seen()) && !has_secret(&registry.seen()));
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_had_says_why() {
    for (reply, sentence) in [
        (
            Reply::status(401, ""),
            "answered 401 Unauthorized: credential `registry` was not shown, since it is bound to another origin",
        ),
        (Reply::ok(b"{}"), "answers without a token"),
        (Reply::ok(b"{\"token\":\"two\\nlines\"}"), "cannot be sent"),
        (Reply::ok(&[b' '; 70_000]), "/token sends over 65536 bytes, which is the limit for a token"),
    ] {
        let service = Server::always(reply).await;
        let challenge = format!("www-authenticate: Bearer realm=\"{}\"\r\n", service.url("/token"));
        let registry = Server::start(move |_| Reply::status(401, &challenge)).await;
        let message = Case::with_credential(&registry.origin()).refused(registry.artifact(":1")).await;
        assert!(message.contains(sentence), "{sentence}\n{message}");
    }
    for realm in ["http://auth.example/token", "no-url", "ftp://127.0.0.1/"] {
        let challenge = format!("www-authenticate: Bearer realm=\"{realm}\"\r\n");
        let registry = Server::start(move |_| Reply::status(401, &challenge)).await;
        let message = Case::with_credential(&registry.origin()).refused(registry.artifact(":1")).await;
        assert!(message.contains("asks for a token in a way that is not understood: its realm"), "{message}");
    }
}

#[tokio::test]
async fn a_registry_without_tokens_is_shown_the_credential_when_it_asks() {
    let server = Server::start(|request| match request.contains(SECRET) {
        true => answer(request, &manifest(), WASM),
        false => Reply::status(401, "www-authenticate: Basic realm=\"here\"\r\n"),
    })
    .await;
    assert_eq!(Case::with_credential(&server.origin()).get(server.artifact(":1")).await.unwrap(), WASM);
    assert!(!has_secret(&server.seen()[..1]), "not before it asks");
    let message = Case::new().refused(server.artifact(":1")).await;
    assert!(message.contains("answered 401 Unauthorized: it wants to know who asks"), "{message}");
    let message =
        Case::with_credential(&Server::always(Reply::ok(b"")).await.origin()).refused(server.artifact(":1")).await;
    assert!(message.contains("credential `registry` was not shown"), "{message}");
}

#[tokio::test]
async fn a_blob_elsewhere_is_fetched_without_the_token() {
    let store = Server::always(Reply::ok(WASM)).await;
    let (_, service) = with_tokens().await;
    let (realm, place) = (service.url("/token"), format!("{}?signature=of-the-store", store.url("/blob")));
    let registry = Server::start(move |request| {
        if !request.contains("authorization: Bearer token-of-the-service") {
            return Reply::status(401, &format!("www-authenticate: Bearer realm=\"{realm}\",service=\"here\"\r\n"));
        }
        if request.contains("/blobs/") { Reply::redirect(&place) } else { answer(request, &manifest(), WASM) }
    })
    .await;
    assert_eq!(Case::new().get(registry.artifact(":1")).await.unwrap(), WASM);
    let seen = store.seen();
    assert!(
        seen.len() == 1 && seen[0].contains("?signature=of-the-store") && !seen[0].contains("token-of"),
        "{seen:?}"
    );
}
