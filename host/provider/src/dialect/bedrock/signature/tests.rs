use http::Request;

use super::*;

/// As botocore 1.44 signs it: `cargo test --test clients` checks the live client, this one case stays without it.
const SECRET: &str = "provider-key-of-the-tests";

fn signed(change: impl FnOnce(&mut Parts), body: &[u8]) -> Result<String, Refusal> {
    let keys = [ProviderKey::new("another"), ProviderKey::new(SECRET)];
    let request = Request::post("http://provider/model/echo-1%3A0/converse?b=2&a=%20")
        .header("host", "provider")
        .header("x-amz-date", "20240102T030405Z")
        .header("content-type", "application/json")
        .header("x-team", "  blue   sky ");
    let (mut head, ()) = request.body(()).unwrap().into_parts();
    let claim = Claim {
        access_key: "",
        day: "20240102",
        region: "us-east-1",
        signed: vec!["content-type", "host", "x-amz-date", "x-team"],
        signature: "",
        time: "20240102T030405Z",
    };
    let canonical = canonical(&head, &claim, &sha256(b"{}")).unwrap();
    let field = format!(
        "AWS4-HMAC-SHA256 Credential={}/20240102/us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-team, \
         Signature={}",
        keys[1].access_key_id(),
        claim.sign(&keys[1], &canonical)
    );
    head.headers.insert("authorization", field.try_into().unwrap());
    change(&mut head);
    verify(&keys, &head, body).map(|key| key.id())
}

#[test]
fn the_derived_key_is_that_of_the_published_example() {
    // From AWS's documentation "Signature Version 4 signing examples": the key for IAM on 30 August 2015.
    let secret = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec();
    let derived = ["20150830", "us-east-1", "iam", "aws4_request"].iter().fold(secret, |key, part| mac(&key, part));
    assert_eq!(hexadecimal(&derived), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

#[test]
fn the_canonical_request_encodes_the_path_twice_and_sorts_the_query() {
    let request = Request::post("http://provider/model/echo-1%3A0/converse?b=2&a=%20&c")
        .header("host", "provider")
        .header("x-team", "  blue   sky ");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let claim = Claim { access_key: "", day: "", region: "", signed: vec!["host", "x-team"], signature: "", time: "" };
    let expected =
        "POST\n/model/echo-1%253A0/converse\na=%20&b=2&c=\nhost:provider\nx-team:blue sky\n\nhost;x-team\ndigest";
    assert_eq!(canonical(&head, &claim, "digest").unwrap(), expected);
}

#[test]
fn a_signature_holds_for_exactly_what_was_signed() {
    let key = ProviderKey::new(SECRET).id();
    assert_eq!(signed(|_| {}, b"{}"), Ok(key.clone()));
    assert_eq!(signed(|head| drop(head.headers.insert("x-not-signed", 1.into())), b"{}"), Ok(key));
    let mismatch = |result: Result<String, Refusal>| match result {
        Err(Refusal::WrongSignature { message }) => message.starts_with("The request signature we calculated"),
        _ => false,
    };
    assert!(mismatch(signed(|_| {}, b"{ }")));
    assert!(mismatch(signed(|head| drop(head.headers.insert("x-team", 1.into())), b"{}")));
    assert!(mismatch(signed(|head| head.uri = "/model/story-1/converse".parse().unwrap(), b"{}")));
    assert!(mismatch(signed(|head| head.method = http::Method::PUT, b"{}")));
}

#[test]
fn what_is_missing_from_a_signature_is_named() {
    let said = |field: &'static str| match signed(
        |head| drop(head.headers.insert("authorization", field.parse().unwrap())),
        b"{}",
    ) {
        Err(Refusal::WrongSignature { message }) => message,
        other => format!("{other:?}"),
    };
    assert_eq!(said("Basic eDp5"), "Err(MissingKey)");
    assert!(said("AWS4-HMAC-SHA256 SignedHeaders=host").contains("'Credential'"));
    assert!(said("AWS4-HMAC-SHA256 Credential=a/20240102/r/s3/aws4_request").contains("service: 'bedrock'"));
    assert!(said("AWS4-HMAC-SHA256 Credential=a/20240103/r/bedrock/aws4_request").contains("does not match the date"));
    assert!(
        said("AWS4-HMAC-SHA256 Credential=a/20240102/r/bedrock/aws4_request, SignedHeaders=host")
            .contains("'x-amz-date'")
    );
    let unknown =
        "AWS4-HMAC-SHA256 Credential=a/20240102/r/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=0";
    assert_eq!(said(unknown), "Err(WrongKey)");
}

#[test]
fn a_digest_of_the_body_must_be_true_where_it_is_sent() {
    let lies = |head: &mut Parts| drop(head.headers.insert(DIGEST_FIELD, "00".parse().unwrap()));
    assert!(
        matches!(signed(lies, b"{}"), Err(Refusal::WrongSignature { message }) if message.contains("does not match what"))
    );
}
