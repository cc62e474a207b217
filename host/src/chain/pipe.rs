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
    step: Step,
}

/// What becomes of the bytes that were pushed last.
enum Step {
    /// They have gone on.
    Idle,
    /// They stand in front of the first stage.
    Given { bytes: Bytes, end: bool },
    /// The decoder may have more pieces.
    Decoding { end: bool },
    /// The stages behind the decoder have not been told the end.
    Last,
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
        if run.positions(way.phase()).next().is_none() {
            return Ok(None);
        }
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
        Ok(Some(Pipe {
            run: run.clone(),
            way,
            decode_at: decode_at.unwrap_or(stages.len()),
            stages,
            decoder,
            step: Step::Idle,
        }))
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

    /// Takes in the next bytes. What goes on because of them, [`Pipe::next`] gives piece by piece.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.step = Step::Given { bytes, end: false };
    }

    /// There are no more bytes: [`Pipe::next`] gives the last pieces.
    pub(super) fn end(&mut self) {
        self.push_last(Bytes::new());
    }

    /// Takes in the last bytes. Each plugin meets them and the end in one call, unless they are decoded.
    pub(super) fn push_last(&mut self, bytes: Bytes) {
        self.step = Step::Given { bytes, end: true };
    }

    /// Whether bytes that are pushed may become more than one piece.
    pub(super) fn decodes(&self) -> bool {
        self.decoder.is_some()
    }

    /// The next piece that goes on. None when more must be pushed first.
    ///
    /// One at a time: a few bytes can decode to many pieces, and a plugin can make each of them longer.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Stop> {
        loop {
            let piece = match std::mem::replace(&mut self.step, Step::Idle) {
                Step::Idle => return Ok(None),
                Step::Given { bytes, end } => {
                    if let Some(bytes) = self.through(0, self.decode_at, bytes, end).await? {
                        match &mut self.decoder {
                            Some(decoder) => decoder.feed(bytes),
                            None => match self.through(self.decode_at, self.stages.len(), bytes, end).await? {
                                Some(piece) if !piece.is_empty() => return Ok(Some(piece)),
                                _ => continue,
                            },
                        }
                    }
                    self.step = Step::Decoding { end };
                    None
                }
                Step::Decoding { end } => match self.decoded()? {
                    Some(bytes) => {
                        self.step = Step::Decoding { end };
                        self.through(self.decode_at, self.stages.len(), bytes, false).await?
                    }
                    None => {
                        if end {
                            if let Some(decoder) = self.decoder.take() {
                                decoder.finish().map_err(|error| self.undecodable(&error))?;
                            }
                            self.step = Step::Last;
                        }
                        None
                    }
                },
                Step::Last => self.through(self.decode_at, self.stages.len(), Bytes::new(), true).await?,
            };
            if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
                return Ok(Some(piece));
            }
        }
    }

    /// Adds all that goes on now to `whole`: for a body that must be there before a byte of it goes on.
    pub(super) async fn gather(&mut self, whole: &mut BytesMut) -> Result<(), Stop> {
        let bytes_max = self.run.ground.limits.buffer_bytes_max;
        while let Some(piece) = self.next().await? {
            if (whole.len() + piece.len()) as u64 > bytes_max {
                // The refusal must not come to those who made the body too long.
                let by = self.stages.iter().map(|stage| stage.position).min();
                return Err(Stop { by, ..self.way.too_long(bytes_max) });
            }
            whole.extend_from_slice(&piece);
        }
        Ok(())
    }

    fn decoded(&mut self) -> Result<Option<Bytes>, Stop> {
        let decoded = self.decoder.as_mut().map_or(Ok(None), Decoder::piece);
        decoded.map_err(|error| self.undecodable(&error))
    }

    fn undecodable(&self, error: &DecodeError) -> Stop {
        match self.way {
            Way::Request => Stop::refuse(Refusal::new(error.code_for_request(), error.to_string())),
            Way::Reply => self.way.bad_coding(error.to_string()),
        }
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
                    *replaced
                }
                _ => whole,
            };
        }
        Ok(Some(bytes))
    }
}
