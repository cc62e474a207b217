//! What an answer has used, and what that costs, as plugins are told of it.

use sluicegate_llm::Usage;
use sluicegate_runtime::model::ModelUsage;

use crate::chain::run::Run;
use crate::config::ModelTarget;

/// Prices are for so many tokens.
const PRICED_TOKENS: u128 = 1_000_000;

impl Run {
    /// Tells plugins what the answer of the last attempt has used so far.
    pub(in crate::chain) fn publish_usage(&self, usage: &Usage) {
        let mut state = self.exchange.lock();
        let Some(model) = &mut state.model else { return };
        let Some(attempt) = model.attempts.last_mut() else { return };
        let target = self.targets().get(attempt.target).and_then(|target| target.model.as_ref());
        attempt.usage = ModelUsage {
            input_tokens: Some(usage.input_tokens),
            cache_read_tokens: Some(usage.cache_read_tokens),
            cache_write_tokens: Some(usage.cache_write_tokens),
            output_tokens: Some(usage.output_tokens),
            reasoning_tokens: usage.reasoning_tokens,
            cost_nano_usd: target.and_then(|side| cost(usage, &side.config)),
            raw: usage.raw.as_deref().map(Into::into),
        };
        model.usage = attempt.usage.clone();
    }

    /// The same of all that was seen, before the last phase.
    pub(in crate::chain) fn publish_usage_seen(&self) {
        let usage = self.model.as_ref().and_then(|model| model.seen().usage.clone());
        usage.iter().for_each(|usage| self.publish_usage(usage));
    }
}

/// In nano-USD. None unless both prices are known.
fn cost(usage: &Usage, target: &ModelTarget) -> Option<u64> {
    let of = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
    let whole = of(usage.input_tokens, target.input_price?) + of(usage.output_tokens, target.output_price?);
    u64::try_from(whole.div_ceil(PRICED_TOKENS)).ok()
}
