//! Providers, and the models that they serve.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sluicegate_llm::Wire;

use super::Context;
use super::upstreams::{TlsParts, check_credential, origin, protocol, tls};
use crate::config::diagnostic::Mistake;
use crate::config::model::{Credential, Feature, ModelTarget, Provider, ReplyHeads, RouteModels, Signing, Upstream};
use crate::config::raw::models::{RawModel, RawModelFeature, RawModelTarget, RawProvider, RawProviderKind};
use crate::config::raw::spot::{Named, Span, Spot};
use crate::config::raw::text::{ModelName, ModelPattern, Name};

const NANO_USD: f64 = 1e9;

/// Models by name, each with its targets and its aliases.
pub struct Models(BTreeMap<String, Model>);

struct Model {
    targets: Vec<ModelTarget>,
    aliases: Vec<String>,
}

pub fn providers(
    raw: Named<RawProvider>,
    upstreams: &BTreeMap<String, Arc<Upstream>>,
    credentials: &BTreeMap<String, Credential>,
    reply_heads: ReplyHeads,
    context: &mut Context<'_>,
) -> BTreeMap<String, Arc<Provider>> {
    let mut providers = BTreeMap::new();
    for (name, raw) in raw.0 {
        if upstreams.contains_key(&name.0) {
            let message = format!("`{}` is the name of an upstream as well", name.0);
            let found = context.report.add(Mistake::Relation, &name.span, message);
            found.help("give one of them another name: logs and metrics go by it");
        }
        let key = name.0.clone();
        providers
            .extend(provider(name, raw, credentials, reply_heads, context).map(|provider| (key, Arc::new(provider))));
    }
    providers
}

fn provider(
    name: Spot<Name>,
    raw: RawProvider,
    credentials: &BTreeMap<String, Credential>,
    reply_heads: ReplyHeads,
    context: &mut Context<'_>,
) -> Option<Provider> {
    check_parts(&raw, context);
    let region = raw.region.as_ref().map(|region| region.0.clone());
    let own = match &raw.url {
        Some(url) => url.0.clone(),
        None => match vendors_url(raw.kind.value, region.as_deref()) {
            Some(url) => url,
            None => {
                let what = match raw.kind.value {
                    RawProviderKind::Bedrock => "`region`, or `url`",
                    _ => "`url`",
                };
                let message = format!("provider `{}` has no address of its own", name.0);
                context.report.add(Mistake::Relation, &name.span, message).help(format!("add {what}"));
                return None;
            }
        },
    };
    let span: Span = raw.url.as_ref().map_or(name.span.clone(), |url| url.span.clone());
    let (origin, base_path) = origin(&own, &span, context)?;
    context.each_once("credential", &raw.credentials);
    for credential in &raw.credentials {
        check_credential(credential, &span, &origin, credentials, context);
    }
    if let Some(id) = raw.access_key_id.as_ref().filter(|_| raw.credentials.len() != 1) {
        let message = "a key pair has one secret half, so `credentials` must name exactly one";
        context.report.add(Mistake::Relation, &id.span, message).help("name the credential that holds the secret key");
    }
    let parts =
        TlsParts { ca_file: raw.ca_file, server_name: raw.server_name, client_certificate: raw.client_certificate };
    let tls = tls(parts, &origin, &span, context);
    let signing = raw.access_key_id.map(|id| Signing {
        access_key_id: id.value.0,
        region: region.clone().unwrap_or_else(|| "us-east-1".to_owned()),
    });
    // Azure has them where its paths have no version.
    let has_responses = match raw.kind.value {
        RawProviderKind::OpenAi => true,
        RawProviderKind::Azure => raw.api_version.is_none(),
        _ => false,
    };
    let upstream = Upstream {
        name: name.value.0,
        base_path,
        credential: None,
        connect_timeout: Duration::from_millis(raw.connect_timeout_ms),
        reply_timeout: Duration::from_millis(raw.reply_timeout_ms),
        idle_timeout: Duration::from_millis(raw.idle_timeout_ms),
        connections_max: raw.connections_max as usize,
        protocol: protocol(&raw.protocols, &origin, &span, context),
        streams_max: raw.streams_max as usize,
        ca_file: tls.ca_file,
        server_name: tls.server_name,
        client_certificate: tls.client_certificate,
        reply_heads,
        origin,
    };
    Some(Provider {
        upstream: Arc::new(upstream),
        has_responses,
        wire: wire(raw.kind.value, raw.api_version.map(|version| version.value.0)),
        credentials: raw.credentials.into_iter().map(|name| name.value.0).collect(),
        signing,
    })
}

/// What one kind has and others have not.
fn check_parts(raw: &RawProvider, context: &mut Context<'_>) {
    let kind = raw.kind.value;
    let only = |given: Option<&Span>, owner: RawProviderKind, what: &str, context: &mut Context<'_>| {
        let Some(span) = given.filter(|_| kind != owner) else { return };
        let found = context.report.add(Mistake::Relation, span, format!("this kind of provider has no `{what}`"));
        found.also(&raw.kind.span, "the kind").help("remove it, or correct the kind");
    };
    only(raw.api_version.as_ref().map(|text| &text.span), RawProviderKind::Azure, "api_version", context);
    only(raw.region.as_ref().map(|text| &text.span), RawProviderKind::Bedrock, "region", context);
    only(raw.access_key_id.as_ref().map(|text| &text.span), RawProviderKind::Bedrock, "access_key_id", context);
}

/// As the vendors document them.
fn vendors_url(kind: RawProviderKind, region: Option<&str>) -> Option<String> {
    let url = match kind {
        RawProviderKind::OpenAi => "https://api.openai.com/v1",
        RawProviderKind::Anthropic => "https://api.anthropic.com",
        RawProviderKind::Gemini => "https://generativelanguage.googleapis.com/v1beta",
        RawProviderKind::Bedrock => return Some(format!("https://bedrock-runtime.{}.amazonaws.com", region?)),
        RawProviderKind::Mistral => "https://api.mistral.ai/v1",
        RawProviderKind::Groq => "https://api.groq.com/openai/v1",
        RawProviderKind::DeepSeek => "https://api.deepseek.com/v1",
        RawProviderKind::Together => "https://api.together.xyz/v1",
        RawProviderKind::OpenRouter => "https://openrouter.ai/api/v1",
        RawProviderKind::Ollama => "http://127.0.0.1:11434/v1",
        RawProviderKind::Azure | RawProviderKind::Vllm => return None,
    };
    Some(url.to_owned())
}

fn wire(kind: RawProviderKind, api_version: Option<String>) -> Wire {
    match kind {
        RawProviderKind::Anthropic => Wire::Anthropic,
        RawProviderKind::Gemini => Wire::Gemini,
        RawProviderKind::Azure => Wire::Azure { api_version },
        RawProviderKind::Bedrock => Wire::Bedrock,
        _ => Wire::OpenAi,
    }
}

pub fn models(
    raw: Named<RawModel, ModelName>,
    providers: &BTreeMap<String, Arc<Provider>>,
    context: &mut Context<'_>,
) -> Models {
    let mut models = BTreeMap::new();
    // Whoever calls a name must get one model.
    let mut names: BTreeMap<String, Span> = raw.0.iter().map(|(name, _)| (name.0.clone(), name.span.clone())).collect();
    for (name, raw) in raw.0 {
        for alias in &raw.aliases {
            if let Some(first) = names.insert(alias.0.clone(), alias.span.clone()) {
                let message = format!("`{}` is the name of two models", alias.0);
                let found = context.report.add(Mistake::Relation, &alias.span, message);
                found.also(&first, "first here").help("leave it to one of them");
            }
        }
        let targets: Vec<ModelTarget> =
            raw.targets.into_iter().filter_map(|raw| target(&name, raw, providers, context)).collect();
        let aliases = raw.aliases.into_iter().map(|alias| alias.value.0).collect();
        models.insert(name.value.0, Model { targets, aliases });
    }
    Models(models)
}

fn target(
    model: &Spot<ModelName>,
    raw: RawModelTarget,
    providers: &BTreeMap<String, Arc<Provider>>,
    context: &mut Context<'_>,
) -> Option<ModelTarget> {
    if !context.declared.providers.contains(&raw.provider.0) {
        context.unknown("provider", &raw.provider, &context.declared.providers, "[providers.NAME]");
    }
    let nano = |price: f64| (price * NANO_USD).round() as u64;
    Some(ModelTarget {
        provider: providers.get(&raw.provider.0)?.clone(),
        model: raw.model.map_or_else(|| model.0.clone(), |model| model.value.0),
        output_tokens_default: raw.output_tokens_default,
        features: raw.features.map(|features| features.into_iter().map(feature).collect()),
        input_price: raw.input_price.map(nano),
        output_price: raw.output_price.map(nano),
    })
}

fn feature(raw: RawModelFeature) -> Feature {
    match raw {
        RawModelFeature::Tools => Feature::Tools,
        RawModelFeature::Images => Feature::Images,
        RawModelFeature::Audio => Feature::Audio,
        RawModelFeature::StructuredOutput => Feature::StructuredOutput,
        RawModelFeature::Thinking => Feature::Thinking,
    }
}

impl Models {
    /// Those that a route names; `*` is all of them. None, and reported, where one does not exist.
    pub fn of_route(&self, patterns: &[Spot<ModelPattern>], context: &mut Context<'_>) -> Option<RouteModels> {
        let mut named = BTreeSet::new();
        for pattern in patterns {
            match &*pattern.value {
                "*" if context.declared.models.is_empty() => {
                    let found = context.report.add(Mistake::Relation, &pattern.span, "no model is declared");
                    found.help("declare one under `[models.NAME]`");
                }
                "*" => named.extend(self.0.keys().cloned()),
                name if context.declared.models.contains(name) => drop(named.insert(name.to_owned())),
                name => {
                    let name = Spot { value: Name(name.to_owned()), span: pattern.span.clone() };
                    context.unknown("model", &name, &context.declared.models, "[models.NAME]");
                }
            }
        }
        let mut route = RouteModels::default();
        for name in named {
            let model = self.0.get(&name)?;
            // A model whose targets were all wrong has been reported.
            if model.targets.is_empty() {
                return None;
            }
            route.names.insert(name.clone(), name.clone());
            route.names.extend(model.aliases.iter().map(|alias| (alias.clone(), name.clone())));
            route.targets.insert(name, model.targets.clone());
        }
        (!route.targets.is_empty()).then_some(route)
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::*;

    #[test]
    fn every_vendors_own_address_is_a_url_of_a_host() {
        for kind in [
            RawProviderKind::OpenAi,
            RawProviderKind::Anthropic,
            RawProviderKind::Gemini,
            RawProviderKind::Bedrock,
            RawProviderKind::Mistral,
            RawProviderKind::Groq,
            RawProviderKind::DeepSeek,
            RawProviderKind::Together,
            RawProviderKind::OpenRouter,
            RawProviderKind::Ollama,
        ] {
            let url: Uri = vendors_url(kind, Some("eu-central-1")).unwrap().parse().unwrap();
            assert!(url.host().is_some_and(|host| host.contains('.')), "{url}");
        }
    }
}
