//! A stream on its way through a relay, and what is noted of it.

use std::sync::{Arc, OnceLock};

use sluicegate_llm::{Apart, Call, Dialect, Failure, ProviderError, Relay, Seen};

use super::refusal;
use super::typed::{Steps, Typed, Way as Written};
use crate::chain::run::Run;
use crate::error::Refusal;
use crate::upstream::Translate;

pub(super) struct StreamTranslation {
    way: Way,
    run: Arc<Run>,
    upstream: String,
    /// Where whoever began the stream finds what the provider said, if that was an error.
    said: Arc<OnceLock<ProviderError>>,
}

enum Way {
    /// To the client's bytes.
    Bytes(Relay),
    /// To steps, which plugins look at before they are written down.
    Steps(Apart, Steps),
}

/// Stands for steps that are there, so that a body that becomes steps has something to hand on.
const SIGN: u8 = b'.';

impl StreamTranslation {
    pub(super) fn to_bytes(run: &Arc<Run>, call: &Call, provider: Dialect, upstream: &str) -> StreamTranslation {
        let mut relay = Relay::new(call, provider);
        if run.is_watched() {
            let run = run.clone();
            relay.watch(move |event| run.show_event(event));
        }
        StreamTranslation::new(run, Way::Bytes(relay), upstream)
    }

    pub(super) fn to_steps(run: &Arc<Run>, typed: &Typed, provider: Dialect, upstream: &str) -> StreamTranslation {
        let apart = Apart::new(provider, matches!(typed.way, Written::Frames));
        StreamTranslation::new(run, Way::Steps(apart, typed.steps.clone()), upstream)
    }

    fn new(run: &Arc<Run>, way: Way, upstream: &str) -> StreamTranslation {
        StreamTranslation { way, run: run.clone(), upstream: upstream.to_owned(), said: Arc::default() }
    }

    pub(super) fn said(&self) -> Arc<OnceLock<ProviderError>> {
        self.said.clone()
    }

    fn noted(&self, passed: Result<(), Failure>) -> Result<(), Refusal> {
        if let Some(model) = &self.run.model {
            let mut seen = model.seen();
            // Most pieces tell nothing new.
            if *seen != *self.way.seen() {
                seen.clone_from(self.way.seen());
            }
        }
        passed.map_err(|failure| match failure {
            Failure::Provider(mut error) => {
                // It may go to the client, which no other redactor stands before here.
                error.message = self.run.ground.redaction.redact(&error.message).into_owned();
                let refusal = refusal::of_provider(&self.upstream, &error);
                drop(self.said.set(error));
                refusal
            }
            Failure::Broken(broken) => {
                let upstream = &self.upstream;
                tracing::warn!(
                    request_id = self.run.exchange.facts.id,
                    "the stream of provider `{upstream}` cannot be used: {broken}"
                );
                refusal::broken(upstream)
            }
        })
    }
}

impl Way {
    fn seen(&self) -> &Seen {
        match self {
            Way::Bytes(relay) => relay.seen(),
            Way::Steps(apart, _) => apart.seen(),
        }
    }

    /// `bytes`: none at the end.
    fn take(&mut self, bytes: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), Failure> {
        match (self, bytes) {
            (Way::Bytes(relay), Some(bytes)) => relay.push(bytes, out),
            (Way::Bytes(relay), None) => relay.end(out),
            (Way::Steps(apart, steps), bytes) => {
                let mut new = Vec::new();
                let taken = match bytes {
                    Some(bytes) => apart.push(bytes, &mut new),
                    None => apart.end(&mut new),
                };
                if !new.is_empty() {
                    steps.push(new);
                    out.push(SIGN);
                }
                taken
            }
        }
    }
}

impl Translate for StreamTranslation {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let passed = self.way.take(Some(bytes), out);
        self.noted(passed)
    }

    fn is_whole(&self) -> bool {
        self.way.seen().done
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let ended = self.way.take(None, out);
        self.noted(ended)
    }
}
