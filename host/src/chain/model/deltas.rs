//! The phase `delta`: an answer's text goes through the plugins, in reverse order of the chain, and is then written for the client.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sluicegate_llm::{Broken, Call, EndReason, Event, Piece, Step};
use sluicegate_runtime::{Call as PluginCall, Delta, Phase, Verdict};

use super::refusal;
use super::typed::{Steps, Typed};
use super::writer::{Kind, Writer};
use crate::chain::run::Run;
use crate::chain::stop::Stop;
use crate::error::{Code, Refusal};

pub(in crate::chain) struct Deltas {
    run: Arc<Run>,
    call: Arc<Call>,
    steps: Steps,
    stages: Vec<Stage>,
    writer: Writer,
    /// Choices that have begun and not ended, and of what kind their last text was.
    open: BTreeMap<u32, Kind>,
    /// Of a whole answer, which is kept until it is written.
    bytes_left: u64,
    /// A plugin has ended it, so that the rest of what the provider says is not wanted.
    is_stopped: bool,
}

/// A plugin on the way.
struct Stage {
    position: usize,
    /// It has changed or withheld text: from here on its failure ends the answer.
    changed: bool,
}

/// What became of a text on its way.
enum Passed {
    /// Empty where it is held back.
    Text(String),
    /// The stage with this index has ended the answer.
    Stopped(usize, EndReason),
}

impl Deltas {
    pub(in crate::chain) fn new(run: &Arc<Run>, typed: Typed) -> Deltas {
        let Typed { call, steps, way } = typed;
        let writer = Writer::new(&call, way);
        let stages = run.positions(Phase::Delta).map(|position| Stage { position, changed: false }).collect();
        let bytes_left = if call.streamed { u64::MAX } else { run.ground.limits.buffer_bytes_max };
        Deltas { run: run.clone(), call, steps, stages, writer, open: BTreeMap::new(), bytes_left, is_stopped: false }
    }

    pub(in crate::chain) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// The next bytes for the client. None until more of the answer is read.
    pub(in crate::chain) async fn next(&mut self) -> Result<Option<Bytes>, Stop> {
        let mut out = Vec::new();
        while out.is_empty() && !self.is_stopped {
            match self.steps.next() {
                None => break,
                Some(Step::Event(event)) => self.take(event, &mut out).await?,
                Some(Step::Frame(frame)) => {
                    let written = self.writer.frame(frame, &mut out);
                    self.written(written)?;
                }
            }
        }
        Ok((!out.is_empty()).then(|| Bytes::from(out)))
    }

    /// Tells the plugins that the answer broke off. What they say to that changes nothing any more.
    pub(in crate::chain) async fn broke(&mut self, reason: &'static str) {
        for choice in std::mem::take(&mut self.open).into_keys() {
            for index in 0..self.stages.len() {
                drop(self.ask(index, Delta::End { choice, reason }).await);
            }
        }
    }

    async fn take(&mut self, event: Event, out: &mut Vec<u8>) -> Result<(), Stop> {
        match event {
            Event::Piece { choice, piece: Piece::Text(text) } => self.text(choice, Kind::Text, text, out).await,
            Event::Piece { choice, piece: Piece::Refusal(text) } => self.text(choice, Kind::Refusal, text, out).await,
            Event::Piece { choice, piece: Piece::ToolArguments { tool, text } } => {
                self.text(choice, Kind::ToolArguments(tool), text, out).await
            }
            Event::End { choice, reason } => self.end(choice, reason, out).await,
            Event::Usage(usage) => {
                self.run.publish_usage(&usage);
                for index in 0..self.stages.len() {
                    self.ask(index, Delta::Usage).await?;
                }
                self.writer.event(Event::Usage(usage), out);
                Ok(())
            }
            Event::Done => {
                let written = self.writer.done(&self.call, out);
                self.written(written)
            }
            other => {
                if let Event::Piece { choice, .. } = &other {
                    self.open.entry(*choice).or_insert(Kind::Text);
                }
                self.writer.event(other, out);
                Ok(())
            }
        }
    }

    async fn text(&mut self, choice: u32, kind: Kind, text: String, out: &mut Vec<u8>) -> Result<(), Stop> {
        let last = self.open.entry(choice).or_insert(kind);
        if !matches!(kind, Kind::ToolArguments(_)) {
            *last = kind;
        }
        match self.through(choice, kind, text.clone(), 0).await? {
            Passed::Text(after) => {
                self.count(&after)?;
                self.writer.text(choice, kind, text, after, out);
                Ok(())
            }
            Passed::Stopped(by, reason) => self.stop(by, reason, out).await,
        }
    }

    /// Takes a text through the stages from this one on.
    async fn through(&mut self, choice: u32, kind: Kind, text: String, from: usize) -> Result<Passed, Stop> {
        let mut text: Arc<str> = text.into();
        for index in from..self.stages.len() {
            if text.is_empty() {
                break;
            }
            let delta = match kind {
                Kind::Text | Kind::Refusal => Delta::Text { choice, text: text.clone() },
                Kind::ToolArguments(tool) => Delta::ToolArguments { choice, tool, text: text.clone() },
            };
            match self.ask(index, delta).await? {
                Verdict::ReplaceText(replaced) => text = (*replaced).into(),
                Verdict::Stop(reason) => return Ok(Passed::Stopped(index, end_reason(reason))),
                _ => {}
            }
        }
        Ok(Passed::Text(text.as_ref().to_owned()))
    }

    async fn end(&mut self, choice: u32, reason: EndReason, out: &mut Vec<u8>) -> Result<(), Stop> {
        self.open.entry(choice).or_insert(Kind::Text);
        match self.tell_end(choice, reason, 0, out).await? {
            None => {
                self.open.remove(&choice);
                self.writer.event(Event::End { choice, reason }, out);
                Ok(())
            }
            Some(other) => {
                self.open.remove(&choice);
                let mut ends = vec![(choice, other)];
                for open in self.open.keys().copied().collect::<Vec<_>>() {
                    let own = self.tell_end(open, other, 0, out).await?;
                    ends.push((open, own.unwrap_or(other)));
                }
                self.finish(&ends, out)
            }
        }
    }

    /// Tells the stages from this one on that a choice ends. Text that they held back goes in front of the end; another reason is given
    /// back.
    async fn tell_end(
        &mut self,
        choice: u32,
        reason: EndReason,
        from: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<EndReason>, Stop> {
        let (mut other, mut from) = (None, from);
        while from < self.stages.len() {
            let index = from;
            from += 1;
            let reason = other.unwrap_or(reason).as_str();
            match self.ask(index, Delta::End { choice, reason }).await? {
                Verdict::ReplaceText(held) => match self.through(choice, Kind::Text, *held, index + 1).await? {
                    Passed::Text(text) => {
                        self.count(&text)?;
                        let kind = match self.open.get(&choice) {
                            Some(Kind::Refusal) => Kind::Refusal,
                            _ => Kind::Text,
                        };
                        self.writer.held(choice, kind, text, out);
                    }
                    // Those up to the one that ended it know.
                    Passed::Stopped(by, reason) => (other, from) = (Some(reason), by + 1),
                },
                Verdict::Stop(word) => other = Some(end_reason(word)),
                _ => {}
            }
        }
        Ok(other)
    }

    /// A plugin ends the answer: those between it and the client are told, and the rest of what the provider says is not read.
    async fn stop(&mut self, by: usize, reason: EndReason, out: &mut Vec<u8>) -> Result<(), Stop> {
        let mut ends = Vec::new();
        for choice in self.open.keys().copied().collect::<Vec<_>>() {
            let other = self.tell_end(choice, reason, by + 1, out).await?;
            ends.push((choice, other.unwrap_or(reason)));
        }
        self.finish(&ends, out)
    }

    fn finish(&mut self, ends: &[(u32, EndReason)], out: &mut Vec<u8>) -> Result<(), Stop> {
        self.is_stopped = true;
        let written = self.writer.stop(&self.call, ends, out);
        self.written(written)
    }

    async fn ask(&mut self, index: usize, delta: Delta) -> Result<Verdict, Stop> {
        let Some(stage) = self.stages.get_mut(index) else { return Ok(Verdict::Proceed) };
        let verdict = self.run.call(stage.position, PluginCall::Delta(delta), stage.changed).await?;
        stage.changed |= matches!(verdict, Verdict::ReplaceText(_));
        Ok(verdict)
    }

    /// Bounds what plugins make of a whole answer.
    fn count(&mut self, text: &str) -> Result<(), Stop> {
        match self.bytes_left.checked_sub(text.len() as u64) {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => {
                let message = "What policies made of the answer is longer than `limits.buffer_bytes_max`.";
                Err(Stop::refuse(Refusal::new(Code::CannotBuffer, message)))
            }
        }
    }

    fn written(&self, written: Result<(), Broken>) -> Result<(), Stop> {
        written.map_err(|broken| {
            let upstream = self.run.upstream_name();
            tracing::warn!(
                request_id = self.run.exchange.facts.id,
                "the answer of provider `{upstream}` cannot be changed: {broken}"
            );
            Stop::refuse(refusal::broken(&upstream))
        })
    }
}

fn end_reason(word: &str) -> EndReason {
    EndReason::from_name(word).unwrap_or(EndReason::Stop)
}
