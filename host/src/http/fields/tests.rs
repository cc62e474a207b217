use http::header::AUTHORIZATION;

use super::*;

fn map(fields: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

fn host_of(target: &str, fields: &[(&str, &str)]) -> Result<RequestHost, FieldError> {
    check_host(Version::HTTP_11, &Method::GET, &target.parse().unwrap(), &map(fields))
}

#[test]
fn the_host_is_lowered_and_loses_its_port_and_brackets() {
    for (field, name) in [
        ("Example.COM", "example.com"),
        ("example.com:8080", "example.com"),
        ("example.com:", "example.com"),
        ("[::1]:80", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("under_score.internal", "under_score.internal"),
    ] {
        let host = host_of("/x", &[("host", field)]).unwrap();
        assert_eq!((host.name.as_str(), host.field.to_str().unwrap()), (name, field));
    }
}

#[test]
fn a_host_that_could_be_read_in_two_ways_is_refused() {
    assert_eq!(host_of("/", &[]), Err(FieldError::HostMissing));
    assert_eq!(host_of("/", &[("host", "a"), ("host", "a")]), Err(FieldError::HostDoubled { count: 2 }));
    for field in
        ["", "a b", "user@a", "a:99999", "a:0", "a:+1", "a:x", "a/b", "a,b", "[::1", "[x]", "a%41", "a?b", "a#", "a;b"]
    {
        assert_eq!(host_of("/", &[("host", field)]), Err(FieldError::HostInvalid), "{field}");
    }
}

#[test]
fn the_target_of_a_proxy_request_must_name_the_same_host() {
    assert!(host_of("http://a.example/x", &[("host", "A.example:80")]).is_ok());
    assert!(host_of("https://a.example:443/x", &[("host", "a.example")]).is_ok());
    assert_eq!(host_of("http://b.example/x", &[("host", "a.example")]), Err(FieldError::HostDiffers));
    assert_eq!(host_of("http://a.example:81/x", &[("host", "a.example")]), Err(FieldError::HostDiffers));
    assert_eq!(host_of("http://me@a.example/x", &[("host", "a.example")]), Err(FieldError::HostInvalid));
}

#[test]
fn a_tunnel_is_refused_as_a_bad_request() {
    let error =
        check_host(Version::HTTP_11, &Method::CONNECT, &"a:443".parse().unwrap(), &map(&[("host", "a")])).unwrap_err();
    assert_eq!((error.clone(), error.code()), (FieldError::NotAPath, Code::BadRequest));
    assert_eq!(host_of("a:443", &[("host", "a:443")]), Err(FieldError::NotAPath));
}

#[test]
fn the_size_limits_hold_at_their_edges() {
    let headers = map(&[("a", "1"), ("b", "22")]);
    assert_eq!(check_size(&headers, 2, 13), Ok(()));
    assert_eq!(check_size(&headers, 1, 13), Err(FieldError::TooMany { count: 2, max: 1 }));
    let error = check_size(&headers, 2, 12).unwrap_err();
    assert_eq!((error.clone(), error.code()), (FieldError::TooLong { bytes: 13, max: 12 }, Code::HeadTooLarge));
}

#[test]
fn what_ends_at_this_hop_does_not_go_on() {
    let mut headers = map(&[
        ("host", "a"),
        ("connection", "close, X-Internal"),
        ("connection", "host, content-length , ,\"bad"),
        ("content-length", "3"),
        ("x-internal", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("te", "gzip, trailers;q=0.5"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("expect", "100-continue"),
        ("trailer", "grpc-status"),
    ]);
    assert_eq!(clean_request(&mut headers), Hop { trailers: true });
    assert_eq!(names(&headers), ["content-length", "host", "trailer"]);
}

#[test]
fn a_client_cannot_claim_what_the_gateway_says() {
    let mut headers = map(&[
        ("forwarded", "for=1.2.3.4"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x_forwarded_for", "1.2.3.4"),
        ("x-forwarded-client-cert", "x"),
        ("x-real-ip", "1.2.3.4"),
        ("x-sluicegate-consumer", "admin"),
        ("x-sluicegate_consumer", "admin"),
        ("x-other", "1"),
    ]);
    assert_eq!(clean_request(&mut headers), Hop { trailers: false });
    assert_eq!(names(&headers), ["x-other"]);
}

#[test]
fn the_upstream_learns_who_the_client_is() {
    let host = HeaderValue::from_static("api.example:8443");
    let forwarded_for = &forwarded_for("::ffff:192.0.2.7".parse().unwrap());
    let client = ClientSide { forwarded_for, tls: false, host: &host, version: Version::HTTP_10 };
    let mut headers = map(&[("via", "1.1 front")]);
    announce_client(&mut headers, &client, Hop { trailers: true });
    assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers["x-forwarded-host"], "api.example:8443");
    assert_eq!(
        (&headers["te"], &headers["connection"]),
        (&HeaderValue::from_static("trailers"), &HeaderValue::from_static("te"))
    );
    let via: Vec<_> = headers.get_all("via").iter().collect();
    assert_eq!(via, ["1.1 front", "1.0 sluicegate"]);
}

#[test]
fn an_answer_loses_its_hop_by_hop_fields_and_keeps_the_rest() {
    let mut headers =
        map(&[("connection", "x-trace"), ("x-trace", "1"), ("transfer-encoding", "chunked"), ("etag", "1")]);
    clean_reply(&mut headers, Version::HTTP_11);
    assert_eq!(names(&headers), ["etag", "via"]);
    assert_eq!(headers["via"], "1.1 sluicegate");
}

#[test]
fn credentials_leave_the_request_and_the_rest_stays_as_it_was() {
    let mut headers = map(&[
        ("authorization", "Bearer t"),
        ("proxy-authorization", "Basic p"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("x-api-key", "k1"),
        ("api-key", "k2"),
        ("x-goog-api-key", "k3"),
        ("x-partner", "k4"),
        ("accept", "*/*"),
    ]);
    let places =
        [CredentialPlace::Header(HeaderName::from_static("x-partner")), CredentialPlace::Query("access token".into())];
    let (presented, query) = take_presented(&mut headers, Some("a=%20&%6bey=secret&access%20token=t&b&&a=2"), &places);
    assert_eq!(names(&headers), ["accept"]);
    assert_eq!(query.as_deref(), Some("a=%20&b&&a=2"));
    assert_eq!(presented.authorization("bearer"), Some(&b"t"[..]));
    assert_eq!(presented.header("x-partner"), Some(&b"k4"[..]));
    assert_eq!(presented.cookie("b"), Some(&b"2"[..]));
    assert_eq!(presented.query("key"), Some("secret"));
    assert_eq!(presented.query("access token"), Some("t"));
}

#[test]
fn a_query_of_credentials_alone_disappears_and_one_without_stays() {
    let mut headers = HeaderMap::new();
    assert_eq!(take_presented(&mut headers, Some("key=a&key=b"), &[]).1, None);
    assert_eq!(take_presented(&mut headers, Some(""), &[]).1.as_deref(), Some(""));
    assert_eq!(take_presented(&mut headers, None, &[]).1, None);
    assert_eq!(take_presented(&mut headers, Some("Key=a&monkey=1"), &[]).1.as_deref(), Some("Key=a&monkey=1"));
}

#[test]
fn only_what_the_route_forwards_is_put_back() {
    let mut headers = map(&[("authorization", "Bearer t"), ("cookie", "a=1"), ("cookie", "b=2"), ("accept", "*/*")]);
    let (presented, query) = take_presented(&mut headers, Some("key=%61&x=1"), &[CredentialPlace::Query("sig".into())]);

    let query = restore(&presented, &[CredentialPlace::Header(COOKIE)], &mut headers, query);
    assert_eq!(names(&headers), ["accept", "cookie"]);
    assert_eq!(headers.get_all("cookie").iter().count(), 2);
    assert_eq!(query.as_deref(), Some("x=1"));

    let query = restore(&presented, &[CredentialPlace::Query("key".into())], &mut headers, query);
    assert_eq!(query.as_deref(), Some("x=1&key=%61"));
    assert_eq!(restore(&presented, &[], &mut headers, None), None);
}

#[test]
fn what_a_plugin_sets_for_the_upstream_goes_there() {
    let mut headers = map(&[("authorization", "Bearer of-the-client")]);
    let (mut presented, _) = take_presented(&mut headers, None, &[]);
    presented.set_header(AUTHORIZATION, HeaderValue::from_static("Bearer of-the-plugin"));
    restore(&presented, &[], &mut headers, None);
    assert_eq!(headers["authorization"], "Bearer of-the-plugin");
    assert!(headers["authorization"].is_sensitive());
}

#[test]
fn a_credential_in_the_other_spelling_reaches_nobody() {
    let mut headers = HeaderMap::new();
    headers.insert("x_api_key", HeaderValue::from_static("planted"));
    headers.insert("x_shop_token", HeaderValue::from_static("planted"));
    headers.insert("x_other", HeaderValue::from_static("kept"));
    let places = [CredentialPlace::Header(HeaderName::from_static("x-shop-token"))];
    let (presented, _) = take_presented(&mut headers, None, &places);
    assert!(presented.is_empty());
    assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x_other"]);
}

#[test]
fn an_upstream_cannot_speak_in_the_gateways_name() {
    let mut headers = HeaderMap::new();
    headers.insert("x-sluicegate-code", HeaderValue::from_static("gateway_internal"));
    clean_reply(&mut headers, Version::HTTP_11);
    assert!(!headers.contains_key("x-sluicegate-code"));
}

#[test]
fn in_http2_the_authority_alone_is_a_host_and_one_that_differs_from_it_is_none() {
    let check = |target: &str, fields: &[(&'static str, &str)]| {
        check_host(Version::HTTP_2, &Method::GET, &target.parse().unwrap(), &map(fields)).map(|host| host.name)
    };
    assert_eq!(check("https://a.example:8443/", &[]).unwrap(), "a.example");
    assert_eq!(check("https://a.example/", &[("host", "A.example:443")]).unwrap(), "a.example");
    assert_eq!(check("https://a.example/", &[("host", "b.example")]).unwrap_err(), FieldError::HostDiffers);
    assert_eq!(check("/", &[]).unwrap_err(), FieldError::HostMissing);
    assert_eq!(check("https://user@a.example/", &[]).unwrap_err(), FieldError::HostInvalid);
}

#[test]
fn cookies_that_came_apart_become_one_field() {
    let mut headers = map(&[("cookie", "a=b"), ("x", "y"), ("cookie", "c=d"), ("cookie", "e")]);
    join_cookies(&mut headers);
    assert_eq!(headers.get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=b; c=d; e"]);
}
