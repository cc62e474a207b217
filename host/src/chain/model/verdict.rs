//! What a provider's answer says of the provider: a good status is not yet a good answer.

use std::sync::Arc;

use sluicegate_llm::{ProviderError, ProviderErrorKind};

use crate::chain::targets::Target;
use crate::upstream::{Health, UnderWay, UpstreamBody};

/// Counts an attempt as under way until the answer is read and judged.
pub(super) struct Verdict {
    /// None where the answer had no body.
    under_way: Option<UnderWay>,
    health: Arc<Health>,
}

impl Verdict {
    pub(super) fn of(target: &Target, body: &mut UpstreamBody) -> Verdict {
        Verdict { under_way: body.take_under_way(), health: target.upstream.health().clone() }
    }

    /// What came is no answer.
    pub(super) fn failed(&mut self) {
        match &mut self.under_way {
            Some(under_way) => under_way.failed(),
            None => self.health.begin().failed(),
        }
    }

    /// The provider reported this. What is wrong with the call, with a credential or with how often it is sent says nothing of it.
    pub(super) fn error(&mut self, error: &ProviderError) {
        if matches!(error.kind, ProviderErrorKind::Server | ProviderErrorKind::Overloaded | ProviderErrorKind::Timeout)
        {
            self.failed();
        }
    }
}
