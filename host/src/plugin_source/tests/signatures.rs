//! Which plugins are used, by who has signed them.

use super::*;

fn key() -> SigningKey {
    SigningKey::generate().unwrap().0
}

fn trusted(key: &SigningKey) -> TrustedKey {
    key.public().unwrap()
}

/// The plugin, and this text as its signature.
async fn serve(text: Option<String>) -> Server {
    Server::start(move |request| match (request.contains(".sig "), &text) {
        (true, Some(text)) => Reply::ok(text.as_bytes()),
        (true, None) => Reply::status(404, ""),
        (false, _) => Reply::ok(WASM),
    })
    .await
}

async fn refused(case: &Case, place: RemotePlace) -> String {
    match case.get(place).await.unwrap_err() {
        SourceError::Signature(message) => message,
        SourceError::Fetch(message) => panic!("{message}"),
    }
}

#[tokio::test]
async fn a_signature_that_is_found_must_be_right_also_where_none_is_required() {
    let key = key();
    let (right, wrong) = (key.sign(WASM).unwrap().to_string(), key.sign(b"another").unwrap().to_string());
    for (text, keys, sentence) in [
        (Some(right.clone()), vec![trusted(&key)], None),
        (None, vec![trusted(&key)], None),
        (None, vec![], None),
        (Some(right.clone()), vec![], Some("and no key is trusted")),
        (Some(right), vec![trusted(&super::signatures::key())], Some("and trusted is key")),
        (Some(wrong), vec![trusted(&key)], Some("is not for these bytes")),
        (
            Some("<html>not here</html>".to_owned()),
            vec![trusted(&key)],
            Some("/audit.wasm.sig is no signature: line 1"),
        ),
    ] {
        let server = serve(text).await;
        let mut case = Case::new();
        case.trust.keys = keys;
        match sentence {
            None => assert_eq!(case.get(server.place("/audit.wasm")).await.unwrap(), WASM),
            Some(sentence) => {
                let message = refused(&case, server.place("/audit.wasm")).await;
                assert!(message.starts_with("plugin `audit`") && message.contains(sentence), "{sentence}\n{message}");
                assert!(!case.folder.path().join("plugins").exists(), "something was kept");
            }
        }
    }
}

#[tokio::test]
async fn where_a_signature_is_required_a_plugin_without_one_is_refused() {
    let (server, key) = (serve(None).await, key());
    let mut case = Case::new();
    assert!(case.get(server.place("/audit.wasm")).await.is_ok());
    // Also when it was kept before that was so.
    case.trust = Trust { keys: vec![trusted(&key)], require_signed: true };
    let message = refused(&case, server.place("/audit.wasm")).await;
    assert!(message.contains("it has no signature, and `require_signed` wants one"), "{message}");
    case.trust.require_signed = false;
    let place = RemotePlace::Url { url: server.url("/audit.wasm"), signature: Some(server.url("/other.sig")) };
    let SourceError::Fetch(message) = case.get(place).await.unwrap_err() else { panic!("not about fetching") };
    assert!(message.contains("/other.sig answered 404 Not Found: check `signature`"), "{message}");
}

#[tokio::test]
async fn a_start_without_the_server_checks_the_kept_signature() {
    let key = key();
    let server = serve(Some(key.sign(WASM).unwrap().to_string())).await;
    let mut case = Case::new();
    case.trust = Trust { keys: vec![trusted(&key)], require_signed: true };
    let place = server.place("/audit.wasm");
    assert!(case.get(place.clone()).await.is_ok());
    assert_eq!(server.seen().len(), 2);
    assert!(case.get(place.clone()).await.is_ok());
    assert_eq!(server.seen().len(), 2, "nothing went over the network");
    case.trust.keys = vec![trusted(&super::signatures::key())];
    let message = refused(&case, place).await;
    assert!(message.contains("and trusted is key"), "{message}");
    assert_eq!(server.seen().len(), 3, "only the signature was asked for again");
}

#[tokio::test]
async fn a_plugin_that_is_signed_anew_is_trusted_by_its_new_key_without_being_fetched_again() {
    let (old, new) = (key(), key());
    let server = serve(Some(old.sign(WASM).unwrap().to_string())).await;
    let mut case = Case::new();
    case.trust = Trust { keys: vec![trusted(&old)], require_signed: true };
    case.get(server.place("/audit.wasm")).await.unwrap();
    let renewed = serve(Some(new.sign(WASM).unwrap().to_string())).await;
    case.trust.keys = vec![trusted(&new)];
    case.get(renewed.place("/audit.wasm")).await.unwrap();
    assert_eq!(renewed.seen().len(), 1, "{:?}", renewed.seen());
    drop(renewed);
    let nowhere = RemotePlace::Url { url: Url::parse("http://127.0.0.1:1/audit.wasm").unwrap(), signature: None };
    assert!(case.get(nowhere).await.is_ok(), "the new signature is kept");
}

#[tokio::test]
async fn a_file_has_its_signature_beside_it_or_where_it_is_said_to_be() {
    let (key, folder) = (key(), tempfile::tempdir().unwrap());
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("audit.wasm"), WASM).unwrap();
    let get = |signature: Option<&str>, require_signed: bool| {
        let signature = signature.map(file);
        let source = PluginSource::File { path: file("audit.wasm"), sha256: None, signature };
        let trust = Trust { keys: vec![trusted(&key)], require_signed };
        async move {
            let terms = Terms { trust: &trust, credentials: &Credentials::default(), tls: &Tls::new() };
            PluginSources::new(None, Patience::default()).get("audit", &source, terms).await
        }
    };
    let said = |result: Result<Bytes, SourceError>| match result {
        Err(SourceError::Signature(message)) => message,
        other => panic!("{other:?}"),
    };
    assert!(get(None, false).await.is_ok());
    assert!(said(get(None, true).await).contains("has no signature"));
    assert!(said(get(Some("else.sig"), false).await).contains("has no signature"));
    std::fs::write(file("else.sig"), key.sign(WASM).unwrap().to_string()).unwrap();
    assert!(get(Some("else.sig"), true).await.is_ok());
    std::fs::write(file("audit.wasm.sig"), key.sign(b"another").unwrap().to_string()).unwrap();
    assert!(said(get(None, false).await).contains("is not for these bytes"));
    std::fs::write(file("audit.wasm.sig"), [b'#'; SIGNATURE_BYTES_MAX as usize + 1]).unwrap();
    assert!(said(get(None, false).await).contains("audit.wasm.sig has over 4096 bytes"));
}
