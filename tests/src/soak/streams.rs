//! Long streams whose pieces are numbered, so that a lost, doubled or foreign one is seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::book::Book;
use super::client::Client;
use super::marks;
use crate::gateway::PATIENCE;

/// Swaps that a stream outlives. With one generation more than 16 live ones, the oldest would be ended.
pub const STREAM_SWAPS: u64 = 11;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Events,
    Download,
}

impl Kind {
    /// A stream that goes on until there have been so many swaps.
    pub fn path(self, until: u64) -> String {
        match self {
            Kind::Events => format!("/load/events/{until}"),
            Kind::Download => format!("/load/download/{until}"),
        }
    }

    pub(super) fn from_path(path: &str) -> Option<(Kind, u64)> {
        let (kind, until) = path.split_once('/')?;
        let kind = match kind {
            "events" => Kind::Events,
            "download" => Kind::Download,
            _ => return None,
        };
        Some((kind, until.parse().ok()?))
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Kind::Events => "text/event-stream",
            Kind::Download => "application/octet-stream",
        }
    }
}

pub(super) fn piece(kind: Kind, id: &str, number: u64, last: bool) -> String {
    let end = if last { " end" } else { "" };
    match kind {
        Kind::Events => format!("data: {id} {number}{end}\n\n"),
        Kind::Download => format!("{id} {number}{end} {}\n", "x".repeat(1000)),
    }
}

/// One stream from its head to its end, over [`STREAM_SWAPS`] swaps.
pub async fn read(client: &mut Client, book: &Book, kind: Kind, swaps: &Arc<AtomicU64>) -> Result<(), String> {
    let (number, id) = book.number();
    let until = swaps.load(Ordering::Relaxed).saturating_add(STREAM_SWAPS);
    let answer = client.send(Method::GET, &kind.path(until), &id, Bytes::new()).await?;
    let began = swaps.load(Ordering::Relaxed);
    let (head, mut body) = answer.into_parts();
    if head.status != 200 {
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        return Err(format!("{id}: status {}: {}", head.status, String::from_utf8_lossy(&body)));
    }
    let state = marks::of_heads(&head.headers)?;
    let mut got = Vec::new();
    loop {
        let frame = timeout(PATIENCE, body.frame()).await.map_err(|_| format!("{id}: the stream has stopped"))?;
        match frame {
            Some(Ok(frame)) => got.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
            Some(Err(error)) => return Err(format!("{id}: the stream was cut: {error:?}")),
            None => break,
        }
    }
    let plain = marks::without_marks(&got, state.mark, &["down"])?;
    check(kind, &id, &String::from_utf8_lossy(&plain))?;
    book.saw(number, state);
    let ended = swaps.load(Ordering::Relaxed);
    // At the end of a run all streams are told to end.
    if ended < u64::MAX {
        book.stream_outlived(ended.saturating_sub(began));
    }
    Ok(())
}

/// Every piece once, in its order, to the last.
fn check(kind: Kind, id: &str, text: &str) -> Result<(), String> {
    let mut rest = text;
    for number in 0.. {
        let (piece, last) = (piece(kind, id, number, false), piece(kind, id, number, true));
        if let Some(behind) = rest.strip_prefix(&last) {
            return match behind {
                "" => Ok(()),
                _ => Err(format!("{id}: more after the last piece: {:?}", shown(behind))),
            };
        }
        rest = rest
            .strip_prefix(&piece)
            .ok_or_else(|| format!("{id}: in place of piece {number} came {:?}", shown(rest)))?;
    }
    Ok(())
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_doubled_foreign_and_missing_pieces_are_seen() {
        for kind in [Kind::Events, Kind::Download] {
            let [one, two, last] =
                [(0, false), (1, false), (2, true)].map(|(number, last)| piece(kind, "a", number, last));
            check(kind, "a", &[&*one, &two, &last].concat()).unwrap();
            let foreign = piece(kind, "b", 1, false);
            for pieces in [
                vec![&*one, &last],
                vec![&one, &one, &two, &last],
                vec![&one, &foreign, &last],
                vec![&one, &two],
                vec![&one, &two, &last, &last],
            ] {
                check(kind, "a", &pieces.concat()).unwrap_err();
            }
        }
    }
}
