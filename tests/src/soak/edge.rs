//! Many requests, whole ones and broken ones, on connections that come and go: what stays of them is nothing.
//!
//! The gateway allows little more connections at once than there are clients, so that each permit that were lost would be missed
//! long before the end.

mod broken;
mod site;
mod whole;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use super::process::Sample;
use crate::gateway::{Gateway, PATIENCE};
use crate::metrics::{metric, wait_for_metric};

pub use broken::WAYS;
use site::Site;

/// Clients at work at once.
const CLIENTS: usize = 8;
/// One for each client, one that is not yet gone, and one that the listener holds for the next.
const CONNECTIONS_MAX: usize = 2 * CLIENTS + 1;
/// Between the end of the last connection and the look at what is held: the allocator's threads and the ticker have settled.
const SETTLE: Duration = Duration::from_millis(300);

/// A gateway between clients and a site that answers as it is asked to.
pub struct Edge {
    pub gateway: Gateway,
    site: Site,
}

/// What was asked for in one round, and has happened.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    pub whole: u64,
    pub broken: u64,
}

impl Edge {
    pub async fn start() -> Edge {
        let site = Site::start().await;
        let gateway = Gateway::start(
            &format!(
                "access_log = \"off\"\n[admin]\naddress = \"127.0.0.1:0\"\n[limits]\nconnections_max = {CONNECTIONS_MAX}\n\
                 connections_per_address_max = {CONNECTIONS_MAX}\n\n\
                 [upstreams.site]\nurl = \"{}\"\n[upstreams.broken]\nurl = \"{}\"\n\n\
                 [[routes]]\nname = \"plain\"\nupstream = \"site\"\n\n\
                 [[routes]]\nname = \"policy\"\npath = \"/policy/*\"\nupstream = \"site\"\n\
                 chain = [{{ plugin = \"headers\", config = {{ request = [{{ set = \"x-by\", value = \"policy\" }}] }} }}]\n\n\
                 [[routes]]\nname = \"broken\"\npath = \"/broken/*\"\nupstream = \"broken\"\n",
                site.url(),
                site.url()
            ),
            &[],
        );
        Edge { gateway, site }
    }

    /// So many whole requests and so many broken ones, by all clients together. The error: what a client met and must not have.
    pub async fn round(&self, whole: u64, broken: u64) -> Result<Done, String> {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS as u64 {
            let share = |count: u64| count / CLIENTS as u64 + u64::from(client < count % CLIENTS as u64);
            clients.spawn(client_of(self.gateway.address(), client, share(whole), share(broken)));
        }
        let mut done = Done::default();
        while let Some(client) = clients.join_next().await {
            let of_one = client.map_err(|error| error.to_string())??;
            done.whole += of_one.whole;
            done.broken += of_one.broken;
        }
        Ok(done)
    }

    /// What the process holds once its clients have left.
    ///
    /// # Panics
    /// If connections or instances stay.
    pub async fn at_rest(&self) -> Sample {
        wait_for_metric(&self.gateway, "sluicegate_connections_open", &[], 0.0).await;
        // What goes upstream outlives its client for a moment.
        let started = std::time::Instant::now();
        while self.site.answering() > 0 {
            assert!(started.elapsed() < PATIENCE, "{} requests are still open upstream", self.site.answering());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(SETTLE).await;
        Sample::of(self.gateway.id())
    }

    /// Requests of one outcome so far.
    pub async fn outcomes(&self, outcome: &str) -> u64 {
        metric(&self.gateway, "sluicegate_requests_total", &[&format!("outcome=\"{outcome}\"")]).await as u64
    }

    /// How often the site broke off when it was asked to.
    pub fn broken_off(&self) -> u64 {
        self.site.broken_off()
    }
}

/// Whole and broken ones in turns, so that none of the broken ones meets a gateway that is at rest.
async fn client_of(address: SocketAddr, client: u64, whole: u64, broken: u64) -> Result<Done, String> {
    let mut done = Done::default();
    let mut whole_client = whole::Client::new(address, client % 2 == 1);
    while done.whole < whole || done.broken < broken {
        let whole_by_now = whole.saturating_sub(done.whole).min(whole.div_ceil(broken.max(1)).max(1));
        whole_client.ask(whole_by_now).await?;
        done.whole += whole_by_now;
        if done.broken < broken {
            broken::break_off(address, WAYS[(client + done.broken) as usize % WAYS.len()]).await?;
            done.broken += 1;
        }
    }
    Ok(done)
}
