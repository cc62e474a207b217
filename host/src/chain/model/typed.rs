//! An answer as events, before anybody has written it down: for chains with plugins of the phase `delta`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use sluicegate_llm::{Call, Event, Step};

use super::deltas::Deltas;
use crate::chain::pipe::Pipe;
use crate::chain::reply_body::Source;
use crate::chain::run::Run;
use crate::chain::shadow::Taps;
use crate::chain::stop::Stop;
use crate::chain::under::Under;
use crate::upstream::UpstreamBody;

/// Where steps wait that were read and not yet shown to the plugins. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps(Arc<Mutex<VecDeque<Step>>>);

/// An answer under way to the plugins.
#[derive(Debug, Clone)]
pub(in crate::chain) struct Typed {
    pub(super) call: Arc<Call>,
    pub(super) steps: Steps,
    pub(super) way: Way,
}

/// How it is written down behind them.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// From its events.
    Anew,
    /// As the events of the provider's own stream, which are among the steps.
    Frames,
    /// As the provider's own bytes.
    Whole(Bytes),
}

impl Steps {
    pub(super) fn push(&self, steps: impl IntoIterator<Item = Step>) {
        self.lock().extend(steps);
    }

    pub(super) fn next(&self) -> Option<Step> {
        self.lock().pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Step>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Typed {
    /// All of its events are there.
    pub(super) fn whole(call: Arc<Call>, events: Vec<Event>, way: Way) -> Typed {
        let typed = Typed { call, steps: Steps::default(), way };
        typed.steps.push(events.into_iter().map(Step::Event));
        typed
    }

    /// Its steps come while its body is read.
    pub(super) fn coming(call: Arc<Call>, way: Way) -> Typed {
        Typed { call, steps: Steps::default(), way }
    }

    /// What its body is written as.
    pub(in crate::chain) fn media_type(&self) -> &'static str {
        if self.call.streamed && !self.call.as_array { "text/event-stream" } else { "application/json" }
    }
}

impl Run {
    /// An answer that is written down behind the plugins of the phase `delta`, and goes through those of `reply-body` then.
    pub(in crate::chain) async fn typed_body(
        self: &Arc<Run>,
        typed: Typed,
        body: Option<UpstreamBody>,
        mut pipe: Option<Pipe>,
        taps: Taps,
    ) -> Result<Source, Stop> {
        let streams = typed.call.streamed;
        if streams && let Some(pipe) = &mut pipe {
            pipe.refuse_buffering()?;
        }
        let mut under = Under::typed(self.clone(), body, Deltas::new(self, typed), pipe, taps);
        if streams {
            under.begin().await.map_err(|broken| broken.into_stop(self))?;
            return Ok(under.into_source());
        }
        let mut whole = BytesMut::new();
        while let Some(piece) = under.next().await.map_err(|broken| broken.into_stop(self))? {
            whole.extend_from_slice(&piece);
        }
        Ok(Source::Whole(whole.freeze().into()))
    }
}
