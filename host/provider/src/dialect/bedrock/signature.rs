//! Verifies AWS's signature, version 4, of a request: the key itself is never sent.
//!
//! As AWS's documentation "Create a signed AWS API request" has it: a canonical request of method, path, query, the signed
//! fields and the digest of the body; its digest with the time and the scope; and an HMAC of that with a key derived from the
//! secret, the day, the region and the service. The time itself is not compared with a clock, since the provider reads none.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use aws_lc_rs::hmac;
use http::HeaderMap;
use http::header;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::key::{ProviderKey, hexadecimal};
use crate::refusal::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "bedrock";
const DATE_FIELD: &str = "x-amz-date";
const DIGEST_FIELD: &str = "x-amz-content-sha256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// What RFC 3986 calls unreserved stays as it is, and so does the slash between segments.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What the client says of its signature.
struct Claim<'a> {
    access_key: &'a str,
    day: &'a str,
    region: &'a str,
    signed: Vec<&'a str>,
    signature: &'a str,
    time: &'a str,
}

pub fn verify<'k>(keys: &'k [ProviderKey], head: &Parts, body: &[u8]) -> Result<&'k ProviderKey, Refusal> {
    let field =
        head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(Refusal::MissingKey)?;
    let claim = Claim::read(field, &head.headers)?;
    let key = keys.iter().find(|key| key.access_key_id() == claim.access_key).ok_or(Refusal::WrongKey)?;
    let digest = body_digest(&head.headers, body)?;
    let expected = claim.sign(key, &canonical(head, &claim, &digest)?);
    match verify_slices_are_equal(expected.as_bytes(), claim.signature.as_bytes()) {
        Ok(()) => Ok(key),
        Err(_) => Err(wrong(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing \
             method. Consult the service documentation for details.",
        )),
    }
}

impl<'a> Claim<'a> {
    /// `AWS4-HMAC-SHA256 Credential=ID/DAY/REGION/bedrock/aws4_request, SignedHeaders=a;b, Signature=HEX`
    fn read(field: &'a str, headers: &'a HeaderMap) -> Result<Claim<'a>, Refusal> {
        let rest = field.strip_prefix(ALGORITHM).ok_or(Refusal::MissingKey)?;
        let part = |name: &str| {
            let found = rest.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            found.ok_or_else(|| wrong(&format!("Authorization header requires '{name}' parameter.")))
        };
        let scope: Vec<&str> = part("Credential")?.split('/').collect();
        let [access_key, day, region, service, "aws4_request"] = scope[..] else {
            return Err(wrong("Credential should be scoped to a valid region and service."));
        };
        if service != SERVICE {
            return Err(wrong(&format!("Credential should be scoped to correct service: '{SERVICE}'.")));
        }
        let time = headers.get(DATE_FIELD).and_then(|value| value.to_str().ok());
        let time = time.ok_or_else(|| wrong("Authorization header requires existence of an 'X-Amz-Date' header."))?;
        if !time.starts_with(day) || day.len() != "20240101".len() {
            return Err(wrong("Date in Credential scope does not match the date of the request."));
        }
        let signed: Vec<&str> = part("SignedHeaders")?.split(';').collect();
        for required in ["host", DATE_FIELD] {
            if !signed.contains(&required) {
                return Err(wrong(&format!("'{required}' must be a 'SignedHeader' in the AWS Authorization.")));
            }
        }
        Ok(Claim { access_key, day, region, signed, signature: part("Signature")?, time })
    }

    fn sign(&self, key: &ProviderKey, canonical: &str) -> String {
        let scope = format!("{}/{}/{SERVICE}/aws4_request", self.day, self.region);
        let text = format!("{ALGORITHM}\n{}\n{scope}\n{}", self.time, sha256(canonical.as_bytes()));
        let secret = format!("AWS4{}", key.expose()).into_bytes();
        let derived = [self.day, self.region, SERVICE, "aws4_request"].iter().fold(secret, |key, part| mac(&key, part));
        hexadecimal(&mac(&derived, &text))
    }
}

/// What a client says of its body must be true.
fn body_digest(headers: &HeaderMap, body: &[u8]) -> Result<String, Refusal> {
    let digest = sha256(body);
    match headers.get(DIGEST_FIELD).map(|value| value.to_str().unwrap_or_default()) {
        Some(UNSIGNED) => Ok(UNSIGNED.to_owned()),
        Some(said) if said != digest => {
            Err(wrong("The provided 'x-amz-content-sha256' header does not match what was computed."))
        }
        _ => Ok(digest),
    }
}

fn canonical(head: &Parts, claim: &Claim, body_digest: &str) -> Result<String, Refusal> {
    // Encoded once more than it was sent, as every service but S3 has it.
    let path = utf8_percent_encode(head.uri.path(), PATH);
    let mut query: Vec<&str> =
        head.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let query: Vec<String> =
        query.iter().map(|pair| if pair.contains('=') { pair.to_string() } else { format!("{pair}=") }).collect();
    let mut fields = String::new();
    for name in &claim.signed {
        let values: Vec<String> = head.headers.get_all(*name).iter().map(|value| trimmed(value.as_bytes())).collect();
        if values.is_empty() {
            return Err(wrong(&format!("The signed header '{name}' is not part of the request.")));
        }
        fields.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    let signed = claim.signed.join(";");
    Ok(format!("{}\n{path}\n{}\n{fields}\n{signed}\n{body_digest}", head.method, query.join("&")))
}

/// Without spaces around it, and with one where several stand in a row.
fn trimmed(value: &[u8]) -> String {
    String::from_utf8_lossy(value).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn wrong(message: &str) -> Refusal {
    Refusal::WrongSignature { message: message.to_owned() }
}

#[cfg(test)]
mod tests;
