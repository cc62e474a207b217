//! How a registry lets us in: with a credential as it is, or with a token that a service gives for it.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;

use super::super::error::FetchError;
use super::super::http::{Ask, Client, Proof};
use crate::config::{Access, OciReference, Url};

/// Bytes of a token service's answer.
pub const TOKEN_ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What is shown to the registry from now on. It goes to the registry's origin only.
pub struct Login {
    proof: Proof,
    /// A credential was not shown, since it belongs elsewhere: whose it is, and where it should be shown.
    withheld_from: Option<String>,
}

impl Default for Login {
    fn default() -> Login {
        Login { proof: Proof::Nothing, withheld_from: None }
    }
}

/// A challenge of the scheme `Bearer` (RFC 6750 3).
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Login {
    pub fn proof(&self) -> Proof {
        self.proof.clone()
    }

    /// Answers a registry that wants to know who asks. False: there is nothing more to show.
    pub async fn prove(
        &mut self,
        client: &Client<'_>,
        reference: &OciReference,
        refused: &HeaderMap,
    ) -> Result<bool, FetchError> {
        let challenges = refused.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        if let Some(challenge) = challenges.filter_map(Challenge::parse).next() {
            // A second token is asked for when the first one does not reach so far, or has expired.
            self.proof = self.token(client, reference, &challenge).await?;
            return Ok(true);
        }
        match (&self.proof, &client.access.credential) {
            (Proof::Nothing, Some(name)) => {
                self.withhold_unless_bound(client, name, &reference.registry);
                self.proof = Proof::Credential;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// What to do when it is not enough.
    pub fn remedy(&self, access: &Access) -> String {
        match (&self.withheld_from, &access.credential) {
            (Some(origin), Some(name)) => format!(
                "credential `{name}` was not shown, since it is bound to another origin than {origin}, which asks for it; bind \
                 it to that"
            ),
            (_, Some(name)) => format!("credential `{name}` does not open it; check its value, prefix and rights"),
            (_, None) => "it wants to know who asks; name a credential, and check that the repository is the right one"
                .to_owned(),
        }
    }

    async fn token(
        &mut self,
        client: &Client<'_>,
        reference: &OciReference,
        challenge: &Challenge,
    ) -> Result<Proof, FetchError> {
        let registry = &reference.registry;
        let wrong = |why: String| FetchError::Token { origin: registry.to_uri_prefix(), why };
        let realm = Url::parse(&challenge.realm).ok_or_else(|| wrong("its realm is no URL".to_owned()))?;
        if !realm.is_private() || (registry.tls && !realm.origin.tls) {
            return Err(wrong(format!("its realm {realm} is not https; nothing is sent there")));
        }
        if let Some(name) = &client.access.credential {
            self.withhold_unless_bound(client, name, &realm.origin);
        }
        let scope = format!("repository:{}:pull", reference.repository);
        let scope = challenge.scope.as_deref().unwrap_or(&scope);
        let mut url = realm.clone();
        for (name, value) in [("service", challenge.service.as_deref()), ("scope", Some(scope))] {
            if let Some(value) = value {
                let separator = if url.target.contains('?') { '&' } else { '?' };
                url.target = format!("{}{separator}{name}={}", url.target, percent(value));
            }
        }
        let answer = client.send(&Ask::get(url, Proof::Credential)).await?;
        if !answer.status.is_success() {
            let (url, status) = (answer.url.clone(), answer.status);
            return Err(FetchError::Refused { url, status, code: None, remedy: self.remedy(client.access) });
        }
        let bytes = answer.bytes("a token", TOKEN_ANSWER_BYTES_MAX).await?;
        let answer: TokenAnswer =
            serde_json::from_slice(&bytes).map_err(|_| wrong(format!("{realm} answers without a token")))?;
        let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| wrong(format!("{realm} answers without a token")))?;
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| wrong(format!("the token of {realm} cannot be sent")))?;
        value.set_sensitive(true);
        Ok(Proof::Token { origin: registry.clone(), value })
    }

    fn withhold_unless_bound(&mut self, client: &Client<'_>, name: &str, origin: &crate::config::Origin) {
        let bound = client.credentials.is_bound_to(name, origin);
        self.withheld_from = (!bound).then(|| origin.to_uri_prefix());
    }
}

impl Challenge {
    /// None unless the scheme is `Bearer` with a realm.
    fn parse(text: &str) -> Option<Challenge> {
        let (scheme, rest) = text.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        let mut rest = rest;
        while let Some((name, after)) = rest.split_once('=') {
            let (value, left) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_at(after.find(',').unwrap_or(after.len())),
            };
            match name.trim_matches([' ', ',']).to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value.to_owned()),
                "service" => service = Some(value.to_owned()),
                "scope" => scope = Some(value.to_owned()),
                _ => {}
            }
            rest = left;
        }
        Some(Challenge { realm: realm?, service, scope })
    }
}

/// For the value of a member of a query (RFC 3986 2.1).
fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_with_commas_in_its_quotes() {
        let text = "Bearer realm=\"https://auth.example/token\",service=\"registry.example\",\
                    scope=\"repository:a/b:pull,push\"";
        let challenge = Challenge::parse(text).unwrap();
        assert_eq!(challenge.realm, "https://auth.example/token");
        assert_eq!(challenge.service.as_deref(), Some("registry.example"));
        assert_eq!(challenge.scope.as_deref(), Some("repository:a/b:pull,push"));
        let sparse = Challenge::parse("bearer error=invalid_token, realm=\"https://a/\"").unwrap();
        assert_eq!((sparse.realm.as_str(), sparse.service, sparse.scope), ("https://a/", None, None));
        for none in ["Basic realm=\"x\"", "Bearer", "Bearer service=\"x\"", "Bearer realm=\"open", ""] {
            assert_eq!(Challenge::parse(none), None, "{none}");
        }
    }

    #[test]
    fn what_a_query_cannot_hold_is_encoded() {
        assert_eq!(percent("repository:a/b:pull,push & more"), "repository:a/b:pull%2Cpush%20%26%20more");
    }
}
