//! Clients of every kind, each on a connection of its own, until they are told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::book::Book;
use super::client::Client;
use super::streams::{self, Kind};

/// How many clients of each kind there are.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub getters: usize,
    pub posters: usize,
    /// Of event streams, and as many of downloads.
    pub streams: usize,
    /// A client's rest between two requests.
    pub rest: Duration,
}

/// Bytes of the bodies, in turns: none is there, few, more than one piece, more than a window.
const BODY_BYTES: [usize; 4] = [1, 700, 20_000, 150_000];
/// After a failure, which is in the book by then.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

pub struct Load {
    stopped: Arc<AtomicBool>,
    swaps: Arc<AtomicU64>,
    clients: JoinSet<()>,
}

/// What every client has.
#[derive(Clone)]
struct Shared {
    address: SocketAddr,
    book: Arc<Book>,
    swaps: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
    rest: Duration,
}

#[derive(Clone, Copy)]
enum Work {
    Get,
    Post,
    Stream(Kind),
}

impl Load {
    /// `swaps`: how many there have been, for the streams.
    pub fn start(address: SocketAddr, book: &Arc<Book>, swaps: &Arc<AtomicU64>, sizes: Sizes) -> Load {
        let stopped = Arc::<AtomicBool>::default();
        // After an earlier load they stand at its end.
        swaps.store(0, Ordering::SeqCst);
        let shared =
            Shared { address, book: book.clone(), swaps: swaps.clone(), stopped: stopped.clone(), rest: sizes.rest };
        let mut clients = JoinSet::new();
        for (work, count) in [
            (Work::Get, sizes.getters),
            (Work::Post, sizes.posters),
            (Work::Stream(Kind::Events), sizes.streams),
            (Work::Stream(Kind::Download), sizes.streams),
        ] {
            for _ in 0..count {
                clients.spawn(shared.clone().run(work));
            }
        }
        Load { stopped, swaps: swaps.clone(), clients }
    }

    /// Returns when every request has its whole answer, and every stream has ended.
    pub async fn stop(mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // The streams end as if there had been all the swaps that they wait for.
        self.swaps.store(u64::MAX, Ordering::SeqCst);
        while let Some(ended) = self.clients.join_next().await {
            ended.expect("no client panics");
        }
    }
}

impl Shared {
    async fn run(self, work: Work) {
        while !self.stopped.load(Ordering::SeqCst) {
            if let Err(sentence) = self.work(work).await {
                self.book.went_wrong(sentence);
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        }
    }

    /// On one connection until something fails.
    async fn work(&self, work: Work) -> Result<(), String> {
        let mut client = Client::connect(self.address).await?;
        let mut bodies = BODY_BYTES.into_iter().cycle();
        while !self.stopped.load(Ordering::SeqCst) {
            match work {
                Work::Get => {
                    client.get(&self.book).await?;
                }
                Work::Post => client.post(&self.book, bodies.next().unwrap_or(1)).await?,
                Work::Stream(kind) => streams::read(&mut client, &self.book, kind, &self.swaps).await?,
            }
            tokio::time::sleep(self.rest).await;
        }
        Ok(())
    }
}
