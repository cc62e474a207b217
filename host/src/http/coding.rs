//! Undoes content codings piece by piece, so that neither a long body nor a bomb ever needs much memory.

mod gzip;
mod stage;
#[cfg(test)]
mod tests;

use bytes::{Buf, Bytes};
use http::HeaderValue;
use thiserror::Error;

use crate::config::Limits;
use crate::error::Code;
use stage::Stage;

/// The longest piece that [`Decoder::piece`] returns, in bytes.
pub const PIECE_BYTES_MAX: usize = 64 * 1024;

/// Codings stacked on one body; more has no use but to multiply a bomb.
pub const CODINGS_MAX: usize = 3;

/// The ratio is not looked at before so many bytes are decoded: short texts compress well without ill intent.
const RATIO_FREE_BYTES: u64 = 1024 * 1024;

/// What can be undone, in the order in which it is offered for `*`.
const KNOWN: [(&str, Coding); 5] = [
    ("gzip", Coding::Gzip),
    ("br", Coding::Brotli),
    ("zstd", Coding::Zstd),
    ("deflate", Coding::Deflate),
    ("x-gzip", Coding::Gzip),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    /// In the zlib format, as registered, or raw, as some servers send it.
    Deflate,
    Brotli,
    Zstd,
}

#[derive(Debug, Clone, Copy)]
pub struct DecodeLimits {
    /// Decoded bytes per encoded byte, once a mebibyte is decoded.
    pub ratio_max: u64,
    /// Decoded bytes in all.
    pub decoded_bytes_max: u64,
}

impl From<&Limits> for DecodeLimits {
    fn from(limits: &Limits) -> DecodeLimits {
        DecodeLimits { ratio_max: limits.decode_ratio_max, decoded_bytes_max: limits.decoded_bytes_max }
    }
}

/// A content coding that cannot be undone, or more of them than [`CODINGS_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnknownCoding {
    #[error("the content coding `{0}` is unknown; gzip, deflate, br and zstd can be read")]
    Name(String),
    #[error("{count} content codings are stacked; at most {CODINGS_MAX} can be undone")]
    TooMany { count: usize },
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    #[error("the body is longer than {max} bytes once its coding is undone")]
    TooLarge { max: u64 },
    #[error("the body grows by more than {max} times when its coding is undone")]
    Ratio { max: u64 },
    #[error("the body is not valid {coding}")]
    Corrupt { coding: Coding },
    #[error("the body ends in the middle of its {coding} coding")]
    Truncated { coding: Coding },
}

impl DecodeError {
    /// The refusal when a client's body is at fault; an upstream's is always [`Code::UpstreamCoding`].
    pub fn code_for_request(&self) -> Code {
        match self {
            DecodeError::TooLarge { .. } | DecodeError::Ratio { .. } => Code::BodyTooLarge,
            DecodeError::Corrupt { .. } | DecodeError::Truncated { .. } => Code::BadCoding,
        }
    }
}

impl std::fmt::Display for Coding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        })
    }
}

/// Undoes the codings of one body.
///
/// [`feed`](Decoder::feed) it a piece of the body, take pieces with [`piece`](Decoder::piece) until there is none,
/// and so on; at the end call [`finish`](Decoder::finish).
/// After an error it is of no further use.
pub struct Decoder {
    limits: DecodeLimits,
    input: Bytes,
    fed_bytes: u64,
    /// In the order in which they are undone: the coding named last comes first.
    links: Vec<Link>,
    /// Where the last stage writes.
    output: Vec<u8>,
}

/// A stage and what it has produced for the next one.
struct Link {
    stage: Stage,
    decoded_bytes: u64,
    /// Empty for the last link, which writes into [`Decoder::output`].
    buffer: Vec<u8>,
    filled: std::ops::Range<usize>,
}

impl Decoder {
    /// From the values of `content-encoding`; none when there is nothing to undo.
    pub fn new<'a>(
        values: impl IntoIterator<Item = &'a HeaderValue>,
        limits: DecodeLimits,
    ) -> Result<Option<Decoder>, UnknownCoding> {
        let mut codings = Vec::new();
        for name in values.into_iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
            let name = name.trim_ascii();
            if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
                continue;
            }
            codings.push(known(name).ok_or_else(|| UnknownCoding::Name(shown(name)))?);
        }
        if codings.len() > CODINGS_MAX {
            return Err(UnknownCoding::TooMany { count: codings.len() });
        }
        let links: Vec<Link> = codings.iter().rev().map(|coding| Link::new(*coding)).collect();
        let decoder = Decoder { limits, input: Bytes::new(), fed_bytes: 0, links, output: Vec::new() };
        Ok((!decoder.links.is_empty()).then_some(decoder))
    }

    /// Takes the next encoded bytes. What was fed before should have been taken out by [`piece`](Decoder::piece).
    pub fn feed(&mut self, encoded: Bytes) {
        self.fed_bytes += encoded.len() as u64;
        self.input =
            if self.input.is_empty() { encoded } else { Bytes::from([self.input.as_ref(), encoded.as_ref()].concat()) };
    }

    /// The next decoded bytes, at most [`PIECE_BYTES_MAX`]; none when it must be fed.
    pub fn piece(&mut self) -> Result<Option<Bytes>, DecodeError> {
        let Some(last) = self.links.len().checked_sub(1) else { return Ok(None) };
        let mut output = std::mem::take(&mut self.output);
        output.resize(PIECE_BYTES_MAX, 0);
        let produced = self.run(last, &mut output);
        let piece =
            produced.map(|length| output.get(..length).filter(|piece| !piece.is_empty()).map(Bytes::copy_from_slice));
        self.output = output;
        piece
    }

    /// Whether the body ended where its codings end. A body without a single byte passes: answers without content
    /// often keep the name of a coding.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.fed_bytes == 0 {
            return Ok(());
        }
        match self.links.iter().find(|link| !link.stage.is_at_end()) {
            Some(link) => Err(DecodeError::Truncated { coding: link.stage.coding() }),
            None => Ok(()),
        }
    }

    /// Lets the stage at `position` write into `output`, and refills its input from the stages before.
    /// Returns how much was written: nothing only when all input is used up.
    fn run(&mut self, position: usize, output: &mut [u8]) -> Result<usize, DecodeError> {
        loop {
            let (before, from) = self.links.split_at_mut(position);
            let Some(link) = from.first_mut() else { return Ok(0) };
            let input = match before.last() {
                Some(previous) => previous.buffer.get(previous.filled.clone()).unwrap_or_default(),
                None => self.input.as_ref(),
            };
            let exhausted = input.is_empty();
            let step =
                link.stage.step(input, output).map_err(|_| DecodeError::Corrupt { coding: link.stage.coding() })?;
            match before.last_mut() {
                Some(previous) => previous.filled.start += step.consumed,
                None => self.input.advance(step.consumed),
            }
            if step.produced > 0 {
                link.decoded_bytes += step.produced as u64;
                let decoded_bytes = link.decoded_bytes;
                self.check(decoded_bytes)?;
                return Ok(step.produced);
            }
            if step.consumed == 0 && (!exhausted || !self.refill(position)?) {
                return Ok(0);
            }
        }
    }

    /// Asks the stage before `position` for more; false when there is none to be had.
    fn refill(&mut self, position: usize) -> Result<bool, DecodeError> {
        let Some(previous) = position.checked_sub(1) else { return Ok(false) };
        let Some(link) = self.links.get_mut(previous) else { return Ok(false) };
        let mut buffer = std::mem::take(&mut link.buffer);
        buffer.resize(PIECE_BYTES_MAX, 0);
        let produced = self.run(previous, &mut buffer);
        if let Some(link) = self.links.get_mut(previous) {
            link.buffer = buffer;
            link.filled = 0..*produced.as_ref().unwrap_or(&0);
        }
        Ok(produced? > 0)
    }

    /// Every stage is held to the limits, not only the last: a long run of bytes between two codings costs time too.
    fn check(&self, decoded_bytes: u64) -> Result<(), DecodeError> {
        if decoded_bytes > self.limits.decoded_bytes_max {
            return Err(DecodeError::TooLarge { max: self.limits.decoded_bytes_max });
        }
        if decoded_bytes > RATIO_FREE_BYTES && decoded_bytes > self.fed_bytes.saturating_mul(self.limits.ratio_max) {
            return Err(DecodeError::Ratio { max: self.limits.ratio_max });
        }
        Ok(())
    }
}

impl Link {
    fn new(coding: Coding) -> Link {
        Link { stage: Stage::new(coding), decoded_bytes: 0, buffer: Vec::new(), filled: 0..0 }
    }
}

/// What to ask an upstream for when a policy reads the answer: of what the client accepts, that which can be undone.
///
/// A client that says nothing gets `identity`, because an answer that is not decoded need not be encoded either.
pub fn acceptable(accept_encoding: Option<&HeaderValue>) -> HeaderValue {
    let identity = HeaderValue::from_static("identity");
    let Some(accepted) = accept_encoding.and_then(|value| value.to_str().ok()) else { return identity };
    let members: Vec<(String, &str)> = accepted
        .split(',')
        .filter_map(|member| {
            let (name, weight) = member.split_once(';').unwrap_or((member, ""));
            let name = name.trim().to_ascii_lowercase();
            (!name.is_empty()).then_some((name, weight.trim()))
        })
        .collect();
    let mut kept: Vec<String> = Vec::new();
    for (name, weight) in members.iter().filter(|(_, weight)| !is_refused(weight)) {
        if name == "*" {
            let unnamed =
                KNOWN.iter().filter(|(known, _)| *known != "x-gzip" && members.iter().all(|(name, _)| name != known));
            kept.extend(unnamed.map(|(known, _)| with_weight(known, weight)));
        } else if known(name.as_bytes()).is_some() || name == "identity" {
            kept.push(with_weight(name, weight));
        }
    }
    if kept.is_empty() { identity } else { HeaderValue::try_from(kept.join(", ")).unwrap_or(identity) }
}

fn known(name: &[u8]) -> Option<Coding> {
    KNOWN.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(_, coding)| *coding)
}

/// A client's text in a sentence of ours: short, and visible characters only.
fn shown(name: &[u8]) -> String {
    name.iter().take(32).map(|byte| if byte.is_ascii_graphic() { *byte as char } else { '?' }).collect()
}

fn with_weight(name: &str, weight: &str) -> String {
    if weight.is_empty() { name.to_owned() } else { format!("{name};{weight}") }
}

/// `q=0`, `q=0.0` and so on.
fn is_refused(weight: &str) -> bool {
    let value = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="));
    value.is_some_and(|value| value.trim().parse::<f32>().is_ok_and(|value| value <= 0.0))
}
