//! Routes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};

use super::Context;
use super::chains::Chains;
use super::models::Models;
use crate::config::diagnostic::Mistake;
use crate::config::model::{
    CredentialPlace, Dialect, HeaderMatch, PathMatch, Route, RouteMatch, RouteModels, Upstream, UpstreamProtocol,
};
use crate::config::raw::route::{RawDialect, RawRoute};
use crate::config::raw::spot::{Named, Span, Spot};
use crate::config::raw::text::{
    HeaderNameText, HeaderValueText, ModelPattern, Name, PlaceText, PrefixText, ProtocolText,
};

/// Everything that tells routes apart, in one order.
type Signature = (BTreeSet<String>, String, BTreeSet<String>, BTreeSet<(String, Option<Vec<u8>>)>);

/// Where routes can lead.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    pub upstreams: &'a BTreeMap<String, Arc<Upstream>>,
    pub models: &'a Models,
}

pub fn routes(
    raw: Vec<RawRoute>,
    places: &Places<'_>,
    chains: &mut Chains<'_>,
    global: Option<&str>,
    context: &mut Context<'_>,
) -> Vec<Arc<Route>> {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let mut signatures: BTreeMap<Signature, Spot<Name>> = BTreeMap::new();
    let mut routes = Vec::new();
    for raw in raw {
        let name = raw.name.clone();
        if let Some(first) = names.get(&name.0) {
            let found =
                context.report.add(Mistake::Relation, &name.span, format!("two routes have the name `{}`", name.0));
            found.also(first, "first here").help("give one of them another name: logs and metrics go by it");
        }
        names.entry(name.0.clone()).or_insert(name.span.clone());
        let matcher = matcher(&raw, context);
        match signatures.get(&signature(&matcher)) {
            Some(first) => {
                context
                    .report
                    .add(
                        Mistake::Relation,
                        &name.span,
                        format!("no request can tell this route from route `{}`", first.0),
                    )
                    .also(&first.span, "the same hosts, path, methods and headers")
                    .help("remove one of them, or let them differ in `host`, `path`, `methods` or `headers`");
            }
            None => {
                signatures.insert(signature(&matcher), name);
            }
        }
        routes.extend(route(raw, matcher, places, chains, global, context).map(Arc::new));
    }
    routes
}

fn route(
    raw: RawRoute,
    matcher: RouteMatch,
    places: &Places<'_>,
    chains: &mut Chains<'_>,
    global: Option<&str>,
    context: &mut Context<'_>,
) -> Option<Route> {
    let chain = raw.chain.map(|chain| chains.of_route(chain, global, context)).unwrap_or_default();
    let strip_prefix = raw.strip_prefix.map(|prefix| strip_prefix(&prefix, &raw.path.span, &matcher.path, context));
    let upgrades = upgrades(&raw.upgrades, raw.models.is_some(), context);
    let (upstreams, models) = match raw.models {
        Some(models) => (Vec::new(), Some(served(&models, raw.upstream, raw.upstreams, places.models, context)?)),
        None => (targets(&raw.name, raw.upstream, raw.upstreams, places.upstreams, context)?, None),
    };
    if let (Some(first), Some(other)) =
        (raw.upgrades.first(), upstreams.iter().find(|upstream| upstream.protocol != UpstreamProtocol::Http1))
    {
        let message = format!("upstream `{}` is spoken to in HTTP/2, which has no upgrades", other.name);
        let found = context.report.add(Mistake::Relation, &first.span, message);
        found.help("leave the upstream's `protocols` at `http/1.1`, or remove `upgrades`");
    }
    Some(Route {
        name: raw.name.value.0,
        matcher,
        chain,
        upstreams,
        models,
        strip_prefix: strip_prefix.unwrap_or_default(),
        dialect: match raw.dialect {
            RawDialect::Http => Dialect::Http,
            RawDialect::OpenAi => Dialect::OpenAi,
            RawDialect::Anthropic => Dialect::Anthropic,
            RawDialect::Gemini => Dialect::Gemini,
        },
        timeout: raw.timeout_ms.map(Duration::from_millis),
        upgrades,
        upgrade_idle_timeout: Duration::from_millis(raw.upgrade_idle_timeout_ms),
        credential_places: raw.credential_places.iter().filter_map(credential_place).collect(),
        forward_credentials: raw.forward_credentials.iter().filter_map(credential_place).collect(),
    })
}

/// The models that the route serves. None, and reported, unless each is declared and nothing else is said.
fn served(
    names: &[Spot<ModelPattern>],
    one: Option<Spot<Name>>,
    several: Option<Vec<Spot<Name>>>,
    models: &Models,
    context: &mut Context<'_>,
) -> Option<Arc<RouteModels>> {
    if let Some(upstream) = one.iter().chain(several.iter().flatten()).next() {
        let message = "a route with `models` goes to their providers, and this one names an upstream as well";
        let found = context.report.add(Mistake::Relation, &upstream.span, message);
        found.help("remove one of both; what the gateway does not know of a provider can have a route of its own");
        return None;
    }
    models.of_route(names, context).map(Arc::new)
}

/// Where the route's requests can go. None, and reported, unless each is declared, once.
fn targets(
    route: &Spot<Name>,
    one: Option<Spot<Name>>,
    several: Option<Vec<Spot<Name>>>,
    upstreams: &BTreeMap<String, Arc<Upstream>>,
    context: &mut Context<'_>,
) -> Option<Vec<Arc<Upstream>>> {
    let names = match (one, several) {
        (Some(one), None) => vec![one],
        (None, Some(several)) => several,
        (Some(one), Some(_)) => {
            let message = "a route has `upstream` or `upstreams`, and this one has both";
            let found = context.report.add(Mistake::Relation, &one.span, message);
            found.help("remove it, and add its name to `upstreams` if it is to be tried");
            return None;
        }
        // What was taken out because of its form has been reported already.
        (None, None) if context.report.has(Mistake::Shape) => return None,
        (None, None) => {
            let message = format!("route `{}` has no upstream", route.0);
            let found = context.report.add(Mistake::Relation, &route.span, message);
            found.help("add `upstream` with a name under `upstreams`, `upstreams` with several, or `models`");
            return None;
        }
    };
    context.each_once("upstream", &names);
    let mut found = Vec::new();
    for name in &names {
        if !context.declared.upstreams.contains(&name.0) {
            context.unknown("upstream", name, &context.declared.upstreams, "[upstreams.NAME]");
        }
        found.extend(upstreams.get(&name.0).cloned());
    }
    (found.len() == names.len()).then_some(found)
}

fn matcher(raw: &RawRoute, context: &mut Context<'_>) -> RouteMatch {
    let hosts = raw.host.iter().chain(raw.hosts.iter().flatten());
    let path = match raw.path.strip_suffix("/*") {
        Some(prefix) => PathMatch::Prefix(prefix.to_owned()),
        None => PathMatch::Exact(raw.path.0.clone()),
    };
    let methods = raw.methods.iter().flatten().filter_map(|method| Method::from_bytes(method.as_bytes()).ok());
    RouteMatch {
        hosts: hosts.map(|host| host.to_ascii_lowercase()).collect(),
        path,
        methods: methods.collect(),
        headers: headers(&raw.headers, context),
    }
}

fn headers(raw: &Named<HeaderValueText, HeaderNameText>, context: &mut Context<'_>) -> Vec<HeaderMatch> {
    let mut seen: BTreeMap<String, &Span> = BTreeMap::new();
    let mut headers = Vec::new();
    for (name, value) in &raw.0 {
        if let Some(first) = seen.insert(name.to_ascii_lowercase(), &name.span) {
            context
                .report
                .add(Mistake::Relation, &name.span, format!("`{}` is here twice: names of fields ignore case", name.0))
                .also(first, "first here")
                .help("remove one of them");
        }
        let Ok(name) = name.parse::<HeaderName>() else { continue };
        let value = match &**value {
            "*" => None,
            text => HeaderValue::from_str(text).ok(),
        };
        headers.push(HeaderMatch { name, value });
    }
    headers
}

/// Without its final slash. It must stand in front of every path that the route can match.
fn strip_prefix(prefix: &Spot<PrefixText>, path_span: &Span, path: &PathMatch, context: &mut Context<'_>) -> String {
    let stripped = prefix.trim_end_matches('/');
    let (PathMatch::Exact(path) | PathMatch::Prefix(path)) = path;
    if !path.strip_prefix(stripped).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
        let found =
            context.report.add(Mistake::Relation, &prefix.span, "the route's path does not begin with this prefix");
        // A default has no place.
        if !path_span.is_empty() {
            found.also(path_span, "the path");
        }
        found.help(format!("take off a part of the path, or let the path be `{stripped}/*`"));
    }
    stripped.to_owned()
}

/// Protocols that carry requests, or hide them, would pass the chain and the routes by.
fn upgrades(names: &[Spot<ProtocolText>], models: bool, context: &mut Context<'_>) -> Vec<String> {
    for name in names {
        let plain = name.to_ascii_lowercase();
        let carries_requests = ["h2c", "h2", "http", "tls"].contains(&plain.split('/').next().unwrap_or_default());
        let (message, help) = match (carries_requests, models) {
            (true, _) => (
                format!("requests inside `{}` would pass the gateway unseen", name.0),
                "remove it: the gateway speaks HTTP and TLS itself",
            ),
            (false, true) => (
                "a route with `models` answers calls, and upgrades no connection".to_owned(),
                "remove it, or give such requests a route of their own",
            ),
            (false, false) => continue,
        };
        context.report.add(Mistake::Relation, &name.span, message).help(help);
    }
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

fn credential_place(text: &PlaceText) -> Option<CredentialPlace> {
    match text.strip_prefix('?') {
        Some(member) => Some(CredentialPlace::Query(member.to_owned())),
        None => text.parse().ok().map(CredentialPlace::Header),
    }
}

fn signature(matcher: &RouteMatch) -> Signature {
    let path = match &matcher.path {
        PathMatch::Exact(path) => path.clone(),
        PathMatch::Prefix(path) => format!("{path}/*"),
    };
    let headers = matcher
        .headers
        .iter()
        .map(|header| (header.name.as_str().to_owned(), header.value.as_ref().map(|value| value.as_bytes().to_vec())));
    (
        matcher.hosts.iter().cloned().collect(),
        path,
        matcher.methods.iter().map(|method| method.as_str().to_owned()).collect(),
        headers.collect(),
    )
}
