//! A stream on its way through a relay, and what is noted of it.

use std::sync::{Arc, OnceLock};

use sluicegate_llm::{Call, Dialect, Failure, ProviderError, Relay};

use super::refusal;
use crate::chain::run::Run;
use crate::error::Refusal;
use crate::upstream::Translate;

pub(super) struct StreamTranslation {
    relay: Relay,
    run: Arc<Run>,
    upstream: String,
    /// Where whoever began the stream finds what the provider said, if that was an error.
    said: Arc<OnceLock<ProviderError>>,
}

impl StreamTranslation {
    pub(super) fn new(run: &Arc<Run>, call: &Call, provider: Dialect, upstream: &str) -> StreamTranslation {
        let said = Arc::new(OnceLock::new());
        StreamTranslation { relay: Relay::new(call, provider), run: run.clone(), upstream: upstream.to_owned(), said }
    }

    pub(super) fn said(&self) -> Arc<OnceLock<ProviderError>> {
        self.said.clone()
    }

    fn noted(&self, passed: Result<(), Failure>) -> Result<(), Refusal> {
        if let Some(model) = &self.run.model {
            let mut seen = model.seen();
            // Most pieces tell nothing new.
            if *seen != *self.relay.seen() {
                seen.clone_from(self.relay.seen());
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

impl Translate for StreamTranslation {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let passed = self.relay.push(bytes, out);
        self.noted(passed)
    }

    fn is_whole(&self) -> bool {
        self.relay.seen().done
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let ended = self.relay.end(out);
        self.noted(ended)
    }
}
