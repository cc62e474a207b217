//! An answer on its way from a provider's dialect to the client's, and what is learnt of it on the way.

use crate::answer::Event;
use crate::call::Call;
use crate::dialect::gemini::ArrayFrames;
use crate::dialect::{Dialect, ReadStream, WriteStream, read_stream, write_stream};
use crate::error::{Broken, ProviderError};
use crate::intake::{Ended, Intake};
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
    watcher: Option<Watcher>,
}

/// Whoever is told of each event as it passes.
type Watcher = Box<dyn FnMut(&Event) + Send>;

/// Takes a provider's stream apart, for who writes it down elsewhere.
pub struct Apart {
    reader: Box<dyn ReadStream>,
    seen: Seen,
    /// Where the stream's own events are told as well.
    intake: Option<Intake<sse::Decoder>>,
}

/// A step of a stream that is taken apart.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Event(Event),
    /// The bytes that the events since the last one stand in, and perhaps none did.
    Frame(sse::Frame),
}

enum Way {
    /// Frame by frame, as they came.
    Same {
        intake: Intake<sse::Decoder>,
        frames: Vec<sse::Frame>,
        drops_usage: bool,
        /// For a client that wants no events.
        array: Option<ArrayFrames>,
    },
    Other(Box<dyn WriteStream>),
}

impl Relay {
    pub fn new(call: &Call, provider: Dialect) -> Relay {
        let way = match call.dialect == provider {
            // The gateway asks for usage where the client did not.
            true => Way::Same {
                intake: Intake::default(),
                frames: Vec::new(),
                drops_usage: provider == Dialect::OpenAi && !call.usage_wanted,
                array: call.as_array.then(ArrayFrames::default),
            },
            false => Way::Other(write_stream(call)),
        };
        Relay { reader: read_stream(provider), way, seen: Seen::default(), events: Vec::new(), watcher: None }
    }

    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Tells of each event of the answer as it passes.
    pub fn watch(&mut self, watcher: impl FnMut(&Event) + Send + 'static) {
        self.watcher = Some(Box::new(watcher));
    }

    /// Adds what these bytes become for the client.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        match &mut self.way {
            Way::Same { intake, frames, .. } => {
                let pushed = intake.push(bytes, frames);
                // First what came in front of a fault; behind the end there is none that counts.
                self.pass(out)?;
                if self.seen.done { Ok(()) } else { pushed.map_err(Failure::Broken) }
            }
            Way::Other(_) => {
                let pushed = self.reader.push(bytes, &mut self.events);
                self.write(out)?;
                pushed.map_err(Failure::Broken)
            }
        }
    }

    /// The provider's bytes are over.
    pub fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        if let Way::Same { intake, frames, .. } = &mut self.way {
            match intake.end(frames) {
                Ended::Stream(ended) => {
                    self.pass(out)?;
                    if !self.seen.done {
                        ended.map_err(Failure::Broken)?;
                    }
                }
                Ended::Whole(body) => return Err(told_whole(self.reader.as_mut(), &body)),
            }
        }
        let ended = self.reader.end(&mut self.events);
        self.write(out)?;
        ended.map_err(Failure::Broken)?;
        if let Way::Same { array: Some(array), .. } = &self.way {
            array.end(out);
        }
        Ok(())
    }

    fn pass(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        let Way::Same { frames, drops_usage, array, .. } = &mut self.way else { return Ok(()) };
        for frame in std::mem::take(frames) {
            // Nobody has read what stands behind the end.
            if self.seen.done && frame.data.is_some() {
                continue;
            }
            let read = read_frame(self.reader.as_mut(), &frame, &mut self.events);
            let only_usage =
                !self.events.is_empty() && self.events.iter().all(|event| matches!(event, Event::Usage(_)));
            for event in self.events.drain(..) {
                if let Event::Error(error) = event {
                    return Err(Failure::Provider(error));
                }
                self.watcher.iter_mut().for_each(|watcher| watcher(&event));
                self.seen.take(&event);
            }
            read.map_err(Failure::Broken)?;
            match array {
                Some(array) => frame.said().into_iter().for_each(|answer| array.push(answer, out)),
                None if *drops_usage && only_usage => {}
                None => out.extend_from_slice(&frame.raw),
            }
        }
        Ok(())
    }

    fn write(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        for event in self.events.drain(..) {
            if let Event::Error(error) = event {
                return Err(Failure::Provider(error));
            }
            self.watcher.iter_mut().for_each(|watcher| watcher(&event));
            self.seen.take(&event);
            if let Way::Other(writer) = &mut self.way {
                writer.write(&event, out);
            }
        }
        Ok(())
    }
}

impl Apart {
    /// `with_frames`: the bytes are told as well, for who passes them on.
    pub fn new(provider: Dialect, with_frames: bool) -> Apart {
        let intake = with_frames.then(Intake::default);
        Apart { reader: read_stream(provider), seen: Seen::default(), intake }
    }

    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Adds the steps that these bytes complete.
    pub fn push(&mut self, bytes: &[u8], steps: &mut Vec<Step>) -> Result<(), Failure> {
        let mut frames = Vec::new();
        let Some(intake) = &mut self.intake else { return self.read(bytes, steps) };
        let pushed = intake.push(bytes, &mut frames);
        // First what came in front of a fault; behind the end there is none that counts.
        self.frames(frames, steps)?;
        if self.seen.done { Ok(()) } else { pushed.map_err(Failure::Broken) }
    }

    /// The provider's bytes are over.
    pub fn end(&mut self, steps: &mut Vec<Step>) -> Result<(), Failure> {
        if let Some(intake) = &mut self.intake {
            let mut frames = Vec::new();
            match intake.end(&mut frames) {
                Ended::Stream(ended) => {
                    self.frames(frames, steps)?;
                    if !self.seen.done {
                        ended.map_err(Failure::Broken)?;
                    }
                }
                Ended::Whole(body) => return Err(told_whole(self.reader.as_mut(), &body)),
            }
        }
        let mut events = Vec::new();
        let ended = self.reader.end(&mut events);
        self.look(events, steps)?;
        ended.map_err(Failure::Broken)
    }

    fn frames(&mut self, frames: Vec<sse::Frame>, steps: &mut Vec<Step>) -> Result<(), Failure> {
        for frame in frames {
            // Nobody has read what stands behind the end.
            if self.seen.done && frame.data.is_some() {
                continue;
            }
            let mut events = Vec::new();
            let read = read_frame(self.reader.as_mut(), &frame, &mut events);
            self.look(events, steps)?;
            read.map_err(Failure::Broken)?;
            steps.push(Step::Frame(frame));
        }
        Ok(())
    }

    fn read(&mut self, bytes: &[u8], steps: &mut Vec<Step>) -> Result<(), Failure> {
        let mut events = Vec::new();
        let read = self.reader.push(bytes, &mut events);
        self.look(events, steps)?;
        read.map_err(Failure::Broken)
    }

    /// What comes behind a provider's error is no part of the answer.
    fn look(&mut self, events: Vec<Event>, steps: &mut Vec<Step>) -> Result<(), Failure> {
        for event in events {
            if let Event::Error(error) = event {
                return Err(Failure::Provider(error));
            }
            self.seen.take(&event);
            steps.push(Step::Event(event));
        }
        Ok(())
    }
}

/// Reads all of a frame before its bytes go on. The reader knows a line's or an event's end by what follows, which is not there where
/// lines end in a lone CR or where the stream ends within the event.
fn read_frame(reader: &mut dyn ReadStream, frame: &sse::Frame, events: &mut Vec<Event>) -> Result<(), Broken> {
    reader.push(&frame.raw, events)?;
    match frame.raw.ends_with(b"\n\n") || frame.raw.ends_with(b"\r\n\r\n") {
        true => Ok(()),
        false => reader.push(b"\n\n", events),
    }
}

/// Why a JSON text in the place of events does not go on: an error of the provider's, or what is none.
fn told_whole(reader: &mut dyn ReadStream, body: &[u8]) -> Failure {
    let mut events = Vec::new();
    let read = reader.push(body, &mut events).and_then(|()| reader.end(&mut events));
    match (events.into_iter().next(), read) {
        (Some(Event::Error(error)), _) => Failure::Provider(error),
        (_, Err(broken)) => Failure::Broken(broken),
        (_, Ok(())) => Failure::Broken(Broken::found("A stream was expected", body)),
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

#[cfg(test)]
mod tests;
