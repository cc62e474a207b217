//! An answer on its way from a provider's dialect to the client's, and what is learnt of it on the way.

use crate::answer::Event;
use crate::call::Call;
use crate::dialect::{Dialect, ReadStream, WriteStream, read_stream, write_stream};
use crate::error::{Broken, ProviderError};
use crate::sse;
use crate::usage::Usage;

/// What an answer has told so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// The model that the provider says it is.
    pub model: Option<String>,
    pub usage: Option<Usage>,
    pub done: bool,
}

/// Why an answer does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The provider said so.
    Provider(ProviderError),
    /// It sent what is no answer.
    Broken(Broken),
}

/// Takes a provider's stream to the client. Towards a client of the same dialect, the provider's own bytes go on.
pub struct Relay {
    reader: Box<dyn ReadStream>,
    way: Way,
    seen: Seen,
    events: Vec<Event>,
}

enum Way {
    /// Frame by frame, as they came.
    Same {
        decoder: sse::Decoder,
        frames: Vec<sse::Frame>,
        drops_usage: bool,
    },
    Other(Box<dyn WriteStream>),
}

impl Relay {
    pub fn new(call: &Call, provider: Dialect) -> Relay {
        let way = match call.dialect == provider {
            // The gateway asks for usage where the client did not.
            true => Way::Same {
                decoder: sse::Decoder::default(),
                frames: Vec::new(),
                drops_usage: provider == Dialect::OpenAi && !call.usage_wanted,
            },
            false => Way::Other(write_stream(call)),
        };
        Relay { reader: read_stream(provider), way, seen: Seen::default(), events: Vec::new() }
    }

    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Adds what these bytes become for the client.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        match &mut self.way {
            Way::Same { decoder, frames, .. } => {
                decoder.push(bytes, frames).map_err(Failure::Broken)?;
                self.pass(out)
            }
            Way::Other(_) => {
                self.reader.push(bytes, &mut self.events).map_err(Failure::Broken)?;
                self.write(out)
            }
        }
    }

    /// The provider's bytes are over.
    pub fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        if let Way::Same { decoder, frames, .. } = &mut self.way {
            decoder.end(frames).map_err(Failure::Broken)?;
            self.pass(out)?;
        }
        let ended = self.reader.end(&mut self.events);
        self.write(out)?;
        ended.map_err(Failure::Broken)
    }

    fn pass(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let Way::Same { frames, drops_usage, .. } = &mut self.way else { return Ok(()) };
        for frame in std::mem::take(frames) {
            let before = self.events.len();
            self.reader.push(&frame.raw, &mut self.events).map_err(Failure::Broken)?;
            let new = self.events.get(before..).unwrap_or_default();
            let only_usage = !new.is_empty() && new.iter().all(|event| matches!(event, Event::Usage(_)));
            if let Some(Event::Error(error)) = new.iter().find(|event| matches!(event, Event::Error(_))) {
                return Err(Failure::Provider(error.clone()));
            }
            if !(*drops_usage && only_usage) {
                out.extend_from_slice(&frame.raw);
            }
        }
        for event in self.events.drain(..) {
            self.seen.take(&event);
        }
        Ok(())
    }

    fn write(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        for event in self.events.drain(..) {
            if let Event::Error(error) = event {
                return Err(Failure::Provider(error));
            }
            self.seen.take(&event);
            if let Way::Other(writer) = &mut self.way {
                writer.write(&event, out);
            }
        }
        Ok(())
    }
}

impl Seen {
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Begin { model, .. } if !model.is_empty() => self.model = Some(model.clone()),
            Event::Usage(usage) => self.usage = Some(usage.clone()),
            Event::Done => self.done = true,
            _ => {}
        }
    }
}
