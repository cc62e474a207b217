//! An answer that becomes another one as it comes.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::time::timeout;

use super::UpstreamBody;
use crate::error::{Fault, Refusal};
use crate::upstream::UpstreamError;

/// Makes another answer of an upstream's, as it comes.
pub trait Translate: Send {
    /// Adds what these bytes become; nothing, until there are more. Fails where they are not what they should be, or say that the
    /// upstream failed.
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal>;

    /// The answer's own end has been seen: what the connection does from here on does not matter.
    fn is_whole(&self) -> bool;

    /// The upstream's bytes came to a clean end, which may still come too early.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal>;
}

/// A translation under way.
pub(super) struct Translation {
    translate: Box<dyn Translate>,
    /// What was translated and not handed out.
    pub(super) ahead: Option<Bytes>,
    pub(super) ended: bool,
    /// Pieces of the upstream's answer so far, also those that became nothing.
    pieces: u64,
}

impl UpstreamBody {
    /// From here on, what `translate` makes of it.
    pub fn translated(mut self, translate: Box<dyn Translate>) -> UpstreamBody {
        self.translation = Some(Box::new(Translation { translate, ahead: None, ended: false, pieces: 0 }));
        self
    }

    pub fn is_translated(&self) -> bool {
        self.translation.is_some()
    }

    /// Waits for the first bytes of a translated answer, or for its failure, so that another target can still be tried.
    /// None if nothing at all comes for so long.
    pub async fn begun(mut self, silence_max: Duration) -> Result<Option<UpstreamBody>, UpstreamError> {
        loop {
            let before = self.pieces();
            match timeout(silence_max, self.frame()).await {
                Ok(frame) => {
                    let first = frame.transpose()?.and_then(|frame| frame.into_data().ok());
                    if let Some(translation) = &mut self.translation {
                        translation.ahead = first;
                    }
                    return Ok(Some(self));
                }
                // What keeps a connection alive while a model thinks becomes nothing.
                Err(_) if self.pieces() > before => {}
                Err(_) => return Ok(None),
            }
        }
    }

    /// Pieces of a translated answer that have come, also those that became nothing.
    pub fn pieces(&self) -> u64 {
        self.translation.as_ref().map_or(0, |translation| translation.pieces)
    }

    pub(super) fn poll_translated(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        loop {
            let Some(translation) = &mut self.translation else { return Poll::Ready(None) };
            if let Some(bytes) = translation.ahead.take() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if translation.ended {
                return Poll::Ready(None);
            }
            let frame = ready!(self.poll_source(context));
            let Some(translation) = &mut self.translation else { return Poll::Ready(None) };
            translation.pieces += 1;
            let mut out = Vec::new();
            let translated = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => translation.translate.push(&bytes, &mut out),
                    // Trailers of another answer.
                    Err(_) => Ok(()),
                },
                None => {
                    translation.ended = true;
                    translation.translate.end(&mut out)
                }
                Some(Err(error)) => {
                    translation.ended = true;
                    let is_whole = translation.translate.is_whole();
                    return Poll::Ready(if is_whole { None } else { Some(Err(error)) });
                }
            };
            if let Err(refusal) = translated {
                translation.ended = true;
                self.lease = None;
                // What the client did wrong says nothing of the upstream.
                if let Some(mut under_way) = self.under_way.take().filter(|_| refusal.fault != Fault::Client) {
                    under_way.failed();
                }
                let upstream = self.upstream.name.clone();
                return Poll::Ready(Some(Err(UpstreamError::Answer { upstream, refusal: Box::new(refusal) })));
            }
            translation.ahead = Some(Bytes::from(out)).filter(|out| !out.is_empty());
        }
    }
}
