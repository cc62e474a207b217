//! Signs a request, version 4 of AWS's signatures, for providers that take no key as a bearer token.
//!
//! As AWS's documentation "Create a signed AWS API request" has it: a canonical request of method, path, query, the signed fields and
//! the digest of the body; its digest with the time and the scope; and an HMAC of that with a key derived from the secret, the
//! day, the region and the service.

use std::fmt::Write;

use aws_lc_rs::{digest, hmac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const DATE: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";
const DIGEST: &str = "x-amz-content-sha256";
const DAY_LENGTH: usize = "20261126".len();

/// What RFC 3986 calls unreserved stays as it is, and so does the slash between segments.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signable<'a> {
    pub method: &'a str,
    /// As the field `host` will say it, with the port if that does.
    pub host: &'a str,
    /// As it is sent, percent-encoded. It must have no segments of dots: they would have to be resolved.
    pub path: &'a str,
    /// As it is sent, without `?`; empty where there is none.
    pub query: &'a str,
    pub body: &'a [u8],
    /// As the field `content-type` will say it: where it is sent, it must be signed.
    pub content_type: Option<&'a str>,
    pub access_key_id: &'a str,
    /// Of credentials that last for a while only.
    pub session_token: Option<&'a str>,
    pub region: &'a str,
    /// `bedrock`.
    pub service: &'a str,
    /// In UTC, as `20261126T130000Z`.
    pub time: &'a str,
}

/// The fields to add to the request. What they cover must not be changed afterwards: method, path, query, host and body.
pub fn sign(signable: &Signable<'_>, secret: &[u8]) -> Vec<(&'static str, String)> {
    let body_digest = sha256(signable.body);
    let mut fields = vec![(DIGEST, body_digest.clone()), (DATE, signable.time.to_owned())];
    fields.extend(signable.session_token.map(|token| (TOKEN, token.to_owned())));
    let mut signed = vec![("host", signable.host)];
    signed.extend(signable.content_type.map(|content_type| ("content-type", content_type)));
    signed.extend(fields.iter().map(|(name, value)| (*name, value.as_str())));
    let authorization = authorization(signable, secret, &mut signed, &body_digest);
    fields.push(("authorization", authorization));
    fields
}

fn authorization(signable: &Signable<'_>, secret: &[u8], fields: &mut [(&str, &str)], body_digest: &str) -> String {
    fields.sort_unstable();
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let day = signable.time.get(..DAY_LENGTH).unwrap_or(signable.time);
    let (region, service) = (signable.region, signable.service);
    let scope = format!("{day}/{region}/{service}/{TERMINATOR}");
    let canonical = sha256(canonical(signable, fields, &names, body_digest).as_bytes());
    let text = format!("{ALGORITHM}\n{}\n{scope}\n{canonical}", signable.time);
    let first = [b"AWS4", secret].concat();
    let key = [day, region, service, TERMINATOR].iter().fold(first, |key, part| mac(&key, part));
    let signature = hexadecimal(&mac(&key, &text));
    let id = signable.access_key_id;
    format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
}

fn canonical(signable: &Signable<'_>, fields: &[(&str, &str)], names: &str, body_digest: &str) -> String {
    // Encoded once more than it is sent, as every service but S3 has it.
    let path = match signable.path {
        "" => "/".to_owned(),
        path => utf8_percent_encode(path, PATH).to_string(),
    };
    let mut query: Vec<(&str, &str)> = signable
        .query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    query.sort_unstable();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut lines = String::new();
    for (name, value) in fields {
        // One space where several stand in a row, and none around.
        let value: Vec<&str> = value.split_ascii_whitespace().collect();
        let _infallible = writeln!(lines, "{name}:{}", value.join(" "));
    }
    format!("{}\n{path}\n{}\n{lines}\n{names}\n{body_digest}", signable.method, query.join("&"))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const TIME: &str = "20150830T123600Z";
    const SESSION: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    fn example<'a>(method: &'a str, path: &'a str, query: &'a str, body: &'a [u8]) -> Signable<'a> {
        Signable {
            method,
            host: "example.amazonaws.com",
            path,
            query,
            body,
            content_type: None,
            access_key_id: "AKIDEXAMPLE",
            session_token: None,
            region: "us-east-1",
            service: "service",
            time: TIME,
        }
    }

    fn signature(signable: &Signable<'_>, fields: &[(&str, &str)]) -> String {
        let mut signed = [&[("host", signable.host), (DATE, TIME)], fields].concat();
        let field = authorization(signable, SECRET, &mut signed, &sha256(signable.body));
        field.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    /// Of the suite in `awslabs/aws-c-auth`, `tests/aws-signing-test-suite/v4`, by the names of its folders.
    #[test]
    fn signatures_are_those_of_the_published_suite() {
        let cases = [
            (
                "get-vanilla",
                example("GET", "/", "", b""),
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                example("GET", "/", "Param2=value2&Param1=value1", b""),
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "post-vanilla",
                example("POST", "/", "", b""),
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "get-space-normalized",
                example("GET", "/example space/", "", b""),
                "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
            ),
        ];
        for (name, signable, expected) in cases {
            assert_eq!(signature(&signable, &[]), expected, "{name}");
        }
        let post = example("POST", "/", "", b"");
        let expected = "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead";
        assert_eq!(signature(&post, &[(TOKEN, SESSION)]), expected, "post-sts-header-before");
        let form = example("POST", "/", "", b"Param1=value1");
        let digest = sha256(form.body);
        let fields = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-length", "13"),
            (DIGEST, digest.as_str()),
        ];
        let expected = "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b";
        assert_eq!(signature(&form, &fields), expected, "post-x-www-form-urlencoded");
    }

    #[test]
    fn the_fields_are_those_that_were_signed() {
        let signable = Signable { session_token: Some("token"), ..example("POST", "/model/a%3A0/converse", "", b"{}") };
        let fields = sign(&signable, SECRET);
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, [DIGEST, DATE, TOKEN, "authorization"]);
        assert_eq!(fields[0].1, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        let begin = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=";
        assert!(fields[3].1.starts_with(begin), "{}", fields[3].1);
    }

    /// As botocore 1.43 and, independently of it, Python's `hmac` sign this request.
    #[test]
    fn a_model_with_a_colon_is_signed_as_others_sign_it() {
        let signable = Signable {
            host: "bedrock-runtime.eu-central-1.amazonaws.com",
            region: "eu-central-1",
            service: "bedrock",
            time: "20240102T030405Z",
            ..example("POST", "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse", "", br#"{"messages":[]}"#)
        };
        let fields = sign(&signable, SECRET);
        let signature = "Signature=d53e8e491b327659f36cc8268ea0ae7ecc44136c458423f39c6fd0b45ee25266";
        assert!(fields[2].1.ends_with(signature), "{}", fields[2].1);
        // As botocore 1.44 does with the field that each call has, and with credentials that last for a while.
        for (session_token, signature) in [
            (None, "79566573299eecb748a09b272eb5420f8c82c8f64eff12d60228733a38415dc2"),
            (Some("token"), "ec7679cedc3844b74c92fb1d153f77c3730dddabd961a2d775c2e2bff8949954"),
        ] {
            let fields = sign(&Signable { content_type: Some("application/json"), session_token, ..signable }, SECRET);
            let (_, authorization) = fields.last().unwrap();
            assert!(authorization.contains("SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date"));
            assert!(authorization.ends_with(signature), "{authorization}");
        }
    }

    #[test]
    fn the_path_is_encoded_once_more_than_it_is_sent() {
        let signable = example("POST", "/model/a%3A0/converse", "b=2&a=%20&c", b"");
        assert_eq!(
            canonical(&signable, &[("host", "h"), ("x", "  a   b ")], "host;x", "digest"),
            "POST\n/model/a%253A0/converse\na=%20&b=2&c=\nhost:h\nx:a b\n\nhost;x\ndigest"
        );
    }
}
