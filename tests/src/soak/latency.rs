//! How long requests at a fixed rate take, in windows that are compared in pairs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::book::Book;
use super::client::Client;

/// Connections that send in turns.
const CONNECTIONS: u32 = 4;
/// Requests of all of them in a second: a small part of what the gateway can do.
pub const RATE: u32 = 200;

/// When a window is over: after a time, or when a word comes, but not before a time.
pub enum Until {
    Elapsed(Duration),
    Told { least: Duration, over: watch::Receiver<bool> },
}

/// Latencies of one window, counted from when a request was due: one that waits for another counts in full.
pub async fn window(address: SocketAddr, book: &Arc<Book>, until: Until) -> Vec<Duration> {
    let began = Instant::now();
    let interval = Duration::from_secs(1) * CONNECTIONS / RATE;
    let (least, over) = match until {
        Until::Elapsed(least) => (least, None),
        Until::Told { least, over } => (least, Some(over)),
    };
    let mut connections = JoinSet::new();
    for number in 0..CONNECTIONS {
        let (book, over) = (book.clone(), over.clone());
        let first = began + interval * number / CONNECTIONS;
        connections.spawn(async move {
            let mut client = connected(address, &book).await;
            let mut latencies = Vec::new();
            for turn in 0.. {
                let due = first + interval * turn;
                let is_over = over.as_ref().is_none_or(|over| *over.borrow());
                if is_over && due - began >= least {
                    break;
                }
                tokio::time::sleep_until(due).await;
                match client.get(&book).await {
                    Ok(_) => latencies.push(due.elapsed()),
                    Err(sentence) => {
                        book.went_wrong(sentence);
                        client = connected(address, &book).await;
                    }
                }
            }
            latencies
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = connections.join_next().await {
        all.extend(ended.expect("no client panics"));
    }
    all
}

async fn connected(address: SocketAddr, book: &Book) -> Client {
    loop {
        match Client::connect(address).await {
            Ok(client) => return client,
            Err(sentence) => book.went_wrong(sentence),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The latency that `share` of all do not exceed; zero without any.
pub fn quantile(latencies: &[Duration], share: f64) -> Duration {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).or(sorted.last()).copied().unwrap_or_default()
}

/// The middle one, or between the two in the middle.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 if middle > 0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted.get(middle).copied().unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_medians_are_those_of_the_sorted_figures() {
        let latencies: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(quantile(&latencies, 0.99), Duration::from_millis(198));
        assert_eq!(quantile(&latencies, 1.0), Duration::from_millis(200));
        assert_eq!(quantile(&[], 0.99), Duration::ZERO);
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
    }
}
