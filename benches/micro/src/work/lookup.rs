//! Finding a route and the owner of a key, among few and among many.

use std::hint::black_box;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use http::{HeaderMap, Method};
use sluicegate::config::{self, Texts};
use sluicegate::router::{Match, Router};
use sluicegate::state::keys::{KeyRing, NewKey, generate_with_id};

use super::Work;
use super::config::Setting;
use super::gateway::{keys, route};

pub struct RouteMatches {
    router: Router,
    paths: Vec<String>,
    headers: HeaderMap,
}

pub struct KeyLookups {
    ring: KeyRing,
    known: NewKey,
}

impl RouteMatches {
    pub fn among(count: usize) -> Result<RouteMatches> {
        let text = Setting::default().text(SocketAddr::from(([127, 0, 0, 1], 9)));
        let config = config::parse(&Texts::of(Path::new("sluicegate.toml"), text)?)?;
        let like = config.routes.first().context("the configuration has no route")?;
        let routes: Vec<_> = (0..count).map(|number| Arc::new(route(like, number))).collect();
        let paths = (0..count).step_by(count / 10).map(|number| format!("/v1/things-{number:05}/1")).collect();
        Ok(RouteMatches { router: Router::new(&routes), paths, headers: HeaderMap::new() })
    }
}

impl Work for RouteMatches {
    fn run(&mut self, times: usize) -> Result<()> {
        for path in self.paths.iter().cycle().take(times) {
            let found = self.router.find(&Method::GET, "localhost", path, &self.headers);
            ensure!(matches!(black_box(found), Match::Matched(_)), "{path} has no route");
        }
        Ok(())
    }
}

impl KeyLookups {
    pub fn among(count: usize) -> Result<KeyLookups> {
        let known = generate_with_id("benchbench00".to_owned())?;
        let mut all = keys(count);
        let mut owned = all.first_entry().context("there must be keys")?.get().clone();
        owned.id.clone_from(&known.id);
        owned.sha256 = known.sha256;
        all.insert(owned.id.clone(), owned);
        Ok(KeyLookups { ring: KeyRing::new(&all), known })
    }
}

impl Work for KeyLookups {
    fn run(&mut self, times: usize) -> Result<()> {
        for _ in 0..times {
            black_box(self.ring.identify(self.known.key.as_bytes(), 0))?;
        }
        Ok(())
    }
}
