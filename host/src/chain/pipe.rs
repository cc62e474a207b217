//! Takes the bytes of one body through the plugins that want them, whatever the chunking.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use sluicegate_runtime::{BodyMode, BodyNeed, Call, Phase, Setup, State, Verdict};

use super::run::Run;
use super::shadow::{self, Taps};
use super::stop::Stop;
use crate::error::{Code, Refusal};
use crate::http::coding::{DecodeError, DecodeLimits, Decoder};

/// The way of one body: stages that see it as it came, then perhaps a decoder, then stages that see it decoded.
pub(super) struct Pipe {
    run: Arc<Run>,
    way: Way,
    stages: Vec<Stage>,
    decoder: Option<Decoder>,
    /// The decoder stands in front of the stage with this index.
    decode_at: usize,
}

/// Of the request or of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Way {
    #[default]
    Request,
    Reply,
}

struct Stage {
    position: usize,
    kind: Kind,
    /// It has changed or withheld bytes: from here on its failure ends the message.
    changed: bool,
}

enum Kind {
    Stream,
    Buffered {
        buffer: BytesMut,
        bytes_max: u64,
    },
    /// A shadow: it reads what passes.
    Tap(Taps),
}

impl Way {
    pub(super) fn phase(self) -> Phase {
        match self {
            Way::Request => Phase::Body,
            Way::Reply => Phase::ReplyBody,
        }
    }

    /// The content-codings of the body, as its head names them now.
    pub(super) fn coding(self, run: &Run) -> Vec<HeaderValue> {
        let all = |headers: &mut HeaderMap| headers.get_all(header::CONTENT_ENCODING).iter().cloned().collect();
        self.with_headers(&mut run.exchange.lock(), all).unwrap_or_default()
    }

    /// None where there is no answer.
    pub(super) fn with_headers<T>(self, state: &mut State, work: impl FnOnce(&mut HeaderMap) -> T) -> Option<T> {
        match self {
            Way::Request => Some(work(&mut state.request.headers)),
            Way::Reply => state.reply.as_mut().map(|reply| work(&mut reply.headers)),
        }
    }

    pub(super) fn need(self, setup: &Setup) -> BodyNeed {
        match self {
            Way::Request => setup.body,
            Way::Reply => setup.reply_body,
        }
    }

    pub(super) fn call(self, bytes: Bytes, end: bool) -> Call {
        match self {
            Way::Request => Call::Body { bytes, end },
            Way::Reply => Call::ReplyBody { bytes, end },
        }
    }

    fn too_long(self, bytes_max: u64) -> Stop {
        Stop::refuse(match self {
            Way::Request => Refusal::new(
                Code::BodyTooLarge,
                format!("A policy must read the whole body, and takes at most {bytes_max} bytes."),
            ),
            Way::Reply => Refusal::new(
                Code::CannotBuffer,
                format!("A policy must read the whole answer, and it has more than {bytes_max} bytes."),
            ),
        })
    }

    fn bad_coding(self, message: String) -> Stop {
        let code = match self {
            Way::Request => Code::BadCoding,
            Way::Reply => Code::UpstreamCoding,
        };
        Stop::refuse(Refusal::new(code, message))
    }
}

impl Pipe {
    /// None when no entry wants this body. Takes `content-encoding` out of the head when the pipe undoes it.
    pub(super) fn new(run: &Arc<Run>, way: Way) -> Result<Option<Pipe>, Stop> {
        let limits = &run.ground.limits;
        let coding = way.coding(run);
        let mut stages = Vec::new();
        let mut decode_at = None;
        for position in run.positions(way.phase()) {
            let Some(link) = run.plan.chain.links().get(position) else { continue };
            if shadow::reads(&run.plan, position, way) {
                let coding = if decode_at.is_none() { coding.clone() } else { Vec::new() };
                let taps = Taps::at(vec![position], way, coding);
                stages.push(Stage { position, kind: Kind::Tap(taps), changed: false });
                continue;
            }
            let entry = run.chosen(position, link).entry;
            if link.shadow.is_some() || !entry.phases().contains(way.phase()) {
                continue;
            }
            let need = way.need(entry.plugin.setup());
            let kind = match need.mode {
                BodyMode::None => continue,
                BodyMode::Stream => Kind::Stream,
                BodyMode::Buffered => {
                    let own = if need.bytes_max == 0 { u64::MAX } else { need.bytes_max };
                    Kind::Buffered { buffer: BytesMut::new(), bytes_max: own.min(limits.buffer_bytes_max) }
                }
            };
            if !need.encoded && decode_at.is_none() {
                decode_at = Some(stages.len());
            }
            stages.push(Stage { position, kind, changed: false });
        }
        // Shadows alone leave the body as it is: it is shown to them on its way, in the form in which it came.
        if stages.iter().all(|stage| matches!(stage.kind, Kind::Tap(_))) {
            return Ok(None);
        }
        let mut decoder = None;
        if decode_at.is_some() {
            decoder = Decoder::new(&coding, DecodeLimits::from(limits))
                .map_err(|unknown| way.bad_coding(format!("{unknown}")))?;
            way.with_headers(&mut run.exchange.lock(), |headers| drop(headers.remove(header::CONTENT_ENCODING)));
        }
        Ok(Some(Pipe { run: run.clone(), way, decode_at: decode_at.unwrap_or(stages.len()), stages, decoder }))
    }

    /// Whether a stage must have the whole body before a byte goes on.
    pub(super) fn is_buffering(&self) -> bool {
        self.stages.iter().any(|stage| matches!(stage.kind, Kind::Buffered { .. }))
    }

    /// A stream is never buffered: such a stage fails instead, and its entry's `on_error` decides.
    pub(super) fn refuse_buffering(&mut self) -> Result<(), Stop> {
        let mut kept = Vec::with_capacity(self.stages.len());
        let mut decode_at = self.decode_at;
        for (index, stage) in self.stages.drain(..).enumerate() {
            match stage.kind {
                Kind::Stream | Kind::Tap(_) => kept.push(stage),
                Kind::Buffered { .. } => {
                    self.run.cannot_buffer(stage.position)?;
                    // Those behind it move up, and the decoder with them.
                    decode_at -= usize::from(index < self.decode_at);
                }
            }
        }
        self.decode_at = decode_at;
        self.stages = kept;
        Ok(())
    }

    /// The pieces that go on, some perhaps from before.
    pub(super) async fn push(&mut self, bytes: Bytes) -> Result<Vec<Bytes>, Stop> {
        let mut out = Vec::new();
        if let Some(bytes) = self.stages_to(self.decode_at, bytes, false).await? {
            self.decode(bytes, &mut out).await?;
        }
        out.retain(|piece| !piece.is_empty());
        Ok(out)
    }

    /// The last pieces.
    pub(super) async fn end(&mut self) -> Result<Vec<Bytes>, Stop> {
        let mut out = Vec::new();
        if let Some(bytes) = self.stages_to(self.decode_at, Bytes::new(), true).await? {
            self.decode(bytes, &mut out).await?;
        }
        if let Some(decoder) = self.decoder.take() {
            decoder.finish().map_err(|error| self.undecodable(&error))?;
        }
        if let Some(last) = self.stages_from(self.decode_at, Bytes::new(), true).await? {
            out.push(last);
        }
        out.retain(|piece| !piece.is_empty());
        Ok(out)
    }

    async fn decode(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) -> Result<(), Stop> {
        let Some(mut decoder) = self.decoder.take() else {
            out.extend(self.stages_from(self.decode_at, bytes, false).await?);
            return Ok(());
        };
        decoder.feed(bytes);
        while let Some(piece) = decoder.piece().map_err(|error| self.undecodable(&error))? {
            out.extend(self.stages_from(self.decode_at, piece, false).await?);
        }
        self.decoder = Some(decoder);
        Ok(())
    }

    fn undecodable(&self, error: &DecodeError) -> Stop {
        match self.way {
            Way::Request => Stop::refuse(Refusal::new(error.code_for_request(), error.to_string())),
            Way::Reply => self.way.bad_coding(error.to_string()),
        }
    }

    async fn stages_to(&mut self, end_index: usize, bytes: Bytes, end: bool) -> Result<Option<Bytes>, Stop> {
        self.through(0, end_index, bytes, end).await
    }

    async fn stages_from(&mut self, index: usize, bytes: Bytes, end: bool) -> Result<Option<Bytes>, Stop> {
        self.through(index, self.stages.len(), bytes, end).await
    }

    /// None when the bytes are held back.
    async fn through(&mut self, from: usize, to: usize, bytes: Bytes, end: bool) -> Result<Option<Bytes>, Stop> {
        let mut bytes = bytes;
        for stage in self.stages.iter_mut().take(to).skip(from) {
            if bytes.is_empty() && !end {
                return Ok(None);
            }
            let whole = match &mut stage.kind {
                Kind::Stream => bytes,
                Kind::Tap(taps) => {
                    taps.push(&self.run, &bytes);
                    if end {
                        taps.end(&self.run);
                    }
                    continue;
                }
                Kind::Buffered { buffer, bytes_max } => {
                    if (buffer.len() + bytes.len()) as u64 > *bytes_max {
                        // Its own refusal must not come back to it: that may be too long as well.
                        return Err(Stop { by: Some(stage.position), ..self.way.too_long(*bytes_max) });
                    }
                    buffer.extend_from_slice(&bytes);
                    if !end {
                        return Ok(None);
                    }
                    std::mem::take(buffer).freeze()
                }
            };
            let verdict = self.run.call(stage.position, self.way.call(whole.clone(), end), stage.changed).await?;
            bytes = match verdict {
                Verdict::Replace(replaced) => {
                    stage.changed = true;
                    replaced
                }
                _ => whole,
            };
        }
        Ok(Some(bytes))
    }
}
