//! One coding, undone step by step from a borrowed input into a borrowed output.

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, Operation};

use super::Coding;
use super::gzip::Gzip;

/// The largest window that RFC 9659 lets a sender of `zstd` use, as a power of two: 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

pub(super) enum Stage {
    Gzip(Gzip),
    Deflate(Deflate),
    Brotli(Box<Brotli>),
    Zstd(Zstd),
    /// The decoder could not be set up; its body is refused.
    Unavailable(Coding),
}

/// How far one step came. Neither: more input is needed, or the coding has ended.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
}

/// Bytes that the coding does not allow; also anything behind its end.
pub(super) struct Corrupt;

impl Stage {
    pub(super) fn new(coding: Coding) -> Stage {
        match coding {
            Coding::Gzip => Stage::Gzip(Gzip::new()),
            Coding::Deflate => Stage::Deflate(Deflate::Undecided { first: None }),
            Coding::Brotli => Stage::Brotli(Box::new(Brotli::new())),
            Coding::Zstd => Zstd::new().map_or(Stage::Unavailable(Coding::Zstd), Stage::Zstd),
        }
    }

    pub(super) fn coding(&self) -> Coding {
        match self {
            Stage::Gzip(_) => Coding::Gzip,
            Stage::Deflate(_) => Coding::Deflate,
            Stage::Brotli(_) => Coding::Brotli,
            Stage::Zstd(_) => Coding::Zstd,
            Stage::Unavailable(coding) => *coding,
        }
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Corrupt> {
        match self {
            Stage::Gzip(gzip) => gzip.step(input, output),
            Stage::Deflate(deflate) => deflate.step(input, output),
            Stage::Brotli(brotli) => brotli.step(input, output),
            Stage::Zstd(zstd) => zstd.step(input, output),
            Stage::Unavailable(_) => Err(Corrupt),
        }
    }

    /// Whether the body may end here.
    pub(super) fn is_at_end(&self) -> bool {
        match self {
            Stage::Gzip(gzip) => gzip.is_at_end(),
            Stage::Deflate(deflate) => matches!(deflate, Deflate::Ended),
            Stage::Brotli(brotli) => brotli.ended,
            Stage::Zstd(zstd) => zstd.at_frame_end,
            Stage::Unavailable(_) => false,
        }
    }
}

/// `deflate` is registered as the zlib format, but servers send the raw one too; the first two bytes tell them apart.
pub(super) enum Deflate {
    Undecided { first: Option<u8> },
    Running(Decompress),
    Ended,
}

impl Deflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Corrupt> {
        match self {
            Deflate::Undecided { first } => {
                let Some((&byte, _)) = input.split_first() else { return Ok(Step::default()) };
                match *first {
                    None => *first = Some(byte),
                    Some(first) => {
                        let mut inflate = Decompress::new(is_zlib(first, byte));
                        // Two bytes yield no output: at most a header, or the begin of a block.
                        // An empty raw body is the exception, and it ends right here.
                        let (step, ended) = inflate_step(&mut inflate, &[first, byte], output)?;
                        if step.consumed != 2 {
                            return Err(Corrupt);
                        }
                        *self = if ended { Deflate::Ended } else { Deflate::Running(inflate) };
                        return Ok(Step { consumed: 1, produced: step.produced });
                    }
                }
                Ok(Step { consumed: 1, produced: 0 })
            }
            Deflate::Running(inflate) => {
                let (step, ended) = inflate_step(inflate, input, output)?;
                if ended {
                    *self = Deflate::Ended;
                }
                Ok(step)
            }
            Deflate::Ended => nothing_behind(input),
        }
    }
}

/// RFC 1950, 2.2: compression method 8 and a check over both bytes.
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31)
}

/// One step of the inflate algorithm; true when its last block has ended.
pub(super) fn inflate_step(inflate: &mut Decompress, input: &[u8], output: &mut [u8]) -> Result<(Step, bool), Corrupt> {
    let (read, written) = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, output, FlushDecompress::None).map_err(|_| Corrupt)?;
    let step = Step {
        consumed: usize::try_from(inflate.total_in() - read).map_err(|_| Corrupt)?,
        produced: usize::try_from(inflate.total_out() - written).map_err(|_| Corrupt)?,
    };
    Ok((step, status == Status::StreamEnd))
}

pub(super) fn nothing_behind(input: &[u8]) -> Result<Step, Corrupt> {
    if input.is_empty() { Ok(Step::default()) } else { Err(Corrupt) }
}

pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    ended: bool,
}

impl Brotli {
    fn new() -> Brotli {
        let state = BrotliState::new(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default());
        Brotli { state, ended: false }
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Corrupt> {
        if self.ended {
            return nothing_behind(input);
        }
        let (mut available_in, mut consumed) = (input.len(), 0);
        let (mut available_out, mut produced, mut total) = (output.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut consumed,
            input,
            &mut available_out,
            &mut produced,
            output,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => return Err(Corrupt),
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        Ok(Step { consumed, produced })
    }
}

pub(super) struct Zstd {
    decoder: ZstdDecoder<'static>,
    at_frame_end: bool,
}

impl Zstd {
    fn new() -> Option<Zstd> {
        let mut decoder = ZstdDecoder::new().ok()?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX)).ok()?;
        Some(Zstd { decoder, at_frame_end: false })
    }

    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Corrupt> {
        // Run without input at the end of a frame, the decoder would begin another one.
        if input.is_empty() && self.at_frame_end {
            return Ok(Step::default());
        }
        let status = self.decoder.run_on_buffers(input, output).map_err(|_| Corrupt)?;
        self.at_frame_end = status.remaining == 0;
        Ok(Step { consumed: status.bytes_read, produced: status.bytes_written })
    }
}
