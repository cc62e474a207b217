//! Plugins from web servers.

use super::*;

#[tokio::test]
async fn what_was_fetched_is_there_without_the_server() {
    let server = Server::always(Reply::ok(WASM)).await;
    let case = Case::new();
    assert_eq!(case.get(server.place("/audit.wasm")).await.unwrap(), WASM);
    let paths: Vec<String> =
        server.seen().iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(paths, ["/audit.wasm", "/audit.wasm.sig"]);
    let place = server.place("/audit.wasm");
    assert_eq!(case.get(place.clone()).await.unwrap(), WASM);
    assert_eq!(server.seen().len(), 2, "nothing went over the network");
    drop(server);
    assert_eq!(case.get(place).await.unwrap(), WASM);
}

#[tokio::test]
async fn each_fault_of_a_server_is_told_and_changes_nothing() {
    let long_field = format!("x-long: {}\r\n", "x".repeat(2 * ANSWER_HEAD_BYTES_MAX));
    let too_long = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", PLUGIN_BYTES_MAX + 1);
    for (reply, sentence) in [
        (Reply::raw("").hanging(), "/audit.wasm sent nothing for 300ms"),
        (Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour").hanging(), "sent nothing for 300ms"),
        (Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour"), "/audit.wasm broke off its answer"),
        (Reply::raw(""), "/audit.wasm broke off its answer"),
        (Reply::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "or sent one that is no HTTP"),
        (Reply::with(&long_field, WASM), "/audit.wasm broke off its answer, or sent one that is no HTTP"),
        (Reply::raw(too_long), "/audit.wasm sends over 67108864 bytes, which is the limit for a plugin"),
        (
            Reply::raw("HTTP/1.1 200 OK\r\n\r\nx").repeating(),
            "sends over 67108864 bytes, which is the limit for a plugin",
        ),
        (Reply::with("content-encoding: gzip\r\n", WASM), "sends it encoded"),
        (Reply::ok(b"another plugin"), "/audit.wasm is not the one that was pinned: its sha256 is "),
        (Reply::ok(b""), "its sha256 is e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (Reply::status(404, ""), "/audit.wasm answered 404 Not Found: check the URL"),
        (Reply::status(401, ""), "answered 401 Unauthorized: it wants to know who asks; name a credential"),
        (Reply::status(500, ""), "answered 500 Internal Server Error: look at the server"),
        (Reply::status(302, ""), "/audit.wasm redirects to a place that is no http or https URL"),
        (Reply::redirect("ftp://a.example/"), "redirects to a place that is no http or https URL"),
        (
            Reply::redirect("http://a.example/x?token=t1"),
            "redirects to http://a.example/x, where it is, over plain HTTP",
        ),
        (Reply::redirect("//a.example/x"), "redirects to http://a.example/x, where it is, over plain HTTP"),
        (Reply::redirect("/audit.wasm"), "/audit.wasm redirects over 5 times, perhaps in a circle"),
    ] {
        let server = Server::always(reply).await;
        let mut case = Case::new();
        if sentence.contains("300ms") {
            case.patience.stall = Duration::from_millis(300);
        }
        let message = case.refused(server.place("/audit.wasm")).await;
        assert!(message.contains(sentence), "{sentence}\n{message}");
        assert!(!message.contains("t1"), "a query is shown: {message}");
    }
}

#[tokio::test]
async fn a_server_that_is_only_slow_is_given_up_in_the_end() {
    let server = Server::always(Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 60000000\r\n\r\nfour").hanging()).await;
    let mut case = Case::new();
    case.patience.whole = Duration::from_millis(300);
    let message = case.refused(server.place("/audit.wasm")).await;
    assert!(message.contains("it did not come within 300ms"), "{message}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let place = RemotePlace::Url { url: Url::parse("http://127.0.0.1:1/x").unwrap(), signature: None };
    let message = Case::new().refused(place).await;
    assert!(message.contains("http://127.0.0.1:1 cannot be reached: "), "{message}");
}

#[tokio::test]
async fn as_many_redirects_as_allowed_are_followed() {
    let server = Server::start(|request| {
        let number = request.split(['/', ' ', '?']).nth(2).and_then(|text| text.parse::<usize>().ok());
        match number {
            Some(number) if number < REDIRECTS_MAX => Reply::redirect(&format!("{}?a=b", number + 1)),
            Some(_) => Reply::ok(WASM),
            None => Reply::status(404, ""),
        }
    })
    .await;
    assert_eq!(Case::new().get(server.place("/0")).await.unwrap(), WASM);
}

#[tokio::test]
async fn a_credential_goes_to_its_origin_and_not_along_with_a_redirect() {
    let other = Server::always(Reply::ok(WASM)).await;
    let elsewhere = other.origin().to_uri_prefix();
    let server = Server::start(move |request| {
        Reply::redirect(&format!("{elsewhere}{}", request.split(' ').nth(1).unwrap_or_default()))
    })
    .await;
    let case = Case::with_credential(&server.origin());
    assert_eq!(case.get_url(server.url("/audit.wasm")).await.unwrap(), WASM);
    assert!(server.seen().iter().all(|request| request.contains(&format!("authorization: Basic {SECRET}"))));
    assert_eq!(other.seen().len(), 2);
    assert!(!has_secret(&other.seen()), "{:?}", other.seen());
}

#[tokio::test]
async fn a_credential_that_is_refused_is_named_and_not_shown() {
    let server = Server::always(Reply::status(403, "")).await;
    let message = Case::with_credential(&server.origin()).refused(server.place("/audit.wasm")).await;
    assert!(message.contains("credential `registry` does not open it"), "{message}");
    let mut case = Case::with_credential(&server.origin());
    case.credentials = Credentials::default();
    let message = case.refused(server.place("/audit.wasm")).await;
    assert!(message.contains("the secret of its credential `registry` could not be read here"), "{message}");
    assert_eq!(server.seen().len(), 1, "nothing is asked without it");
}

#[test]
fn a_redirect_never_leaves_tls() {
    let from = Url::parse("https://a.example/folder/audit.wasm?x=y").unwrap();
    let to = |location: &str| {
        let headers = ::http::HeaderMap::from_iter([(::http::header::LOCATION, location.parse().unwrap())]);
        http::redirected(&from, &headers).map(|url| format!("{}{}", url.origin.to_uri_prefix(), url.target))
    };
    for (location, result) in [
        ("https://b.example:8443/x?y=z#part", "https://b.example:8443/x?y=z"),
        ("//b.example/x", "https://b.example/x"),
        ("/x?next=http://c.example/", "https://a.example/x?next=http://c.example/"),
        ("other.wasm", "https://a.example/folder/other.wasm"),
        ("https://user:word@b.example", "https://b.example/"),
    ] {
        assert_eq!(to(location).unwrap(), result);
    }
    for location in ["http://a.example/", "http://127.0.0.1/", "http://localhost:9901/"] {
        assert!(matches!(to(location), Err(FetchError::InsecureRedirect { .. })), "{location}");
    }
    assert!(matches!(to("unix:///x"), Err(FetchError::WrongRedirect { .. })));
}

#[tokio::test]
async fn a_body_without_a_length_is_read_up_to_the_limit() {
    for (length, sentence) in
        [(SIGNATURE_BYTES_MAX, "there is no signature in it"), (SIGNATURE_BYTES_MAX + 1, "sends over")]
    {
        let server = Server::start(move |request| match request.contains(".sig ") {
            true => Reply::raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", "#".repeat(length as usize))),
            false => Reply::ok(WASM),
        })
        .await;
        let (SourceError::Fetch(message) | SourceError::Signature(message)) =
            Case::new().get(server.place("/audit.wasm")).await.unwrap_err();
        assert!(message.contains(sentence), "{length}: {message}");
    }
}

#[tokio::test]
async fn a_place_that_a_server_names_is_shown_up_to_a_limit() {
    let server = Server::always(Reply::redirect(&format!("http://a.example/{}", "x".repeat(2000)))).await;
    let message = Case::new().refused(server.place("/audit.wasm")).await;
    assert!(message.contains(&format!("redirects to http://a.example/{}…, where it is", "x".repeat(199))), "{message}");
}

#[tokio::test]
async fn only_so_many_bytes_of_a_signature_are_read() {
    let server = Server::start(|request| match request.contains(".sig ") {
        true => Reply::ok(&[b'#'; SIGNATURE_BYTES_MAX as usize + 1]),
        false => Reply::ok(WASM),
    })
    .await;
    let message = Case::new().refused(server.place("/audit.wasm")).await;
    assert!(message.contains("/audit.wasm.sig sends over 4096 bytes, which is the limit for a signature"), "{message}");
}
