//! What the call would cost at each upstream, as far as that is known before it is answered.

use sluicegate_plugin::{model_call, targets};

/// Bytes of text for one token: about what English text has.
const TOKEN_BYTES: u64 = 4;
/// Tokens of an answer that the call does not limit.
const OUTPUT_TOKENS: f64 = 256.0;
/// More than any model has: keeps a client's number from making all prices the same.
const OUTPUT_TOKENS_MAX: f64 = 1e9;

/// A key for each of the route's upstreams, by number: the lowest is the cheapest, and those without prices are behind all others.
pub struct Prices {
    input_tokens: f64,
    /// None where nothing is written that costs anything.
    output_tokens: Option<f64>,
    input: Vec<Option<u64>>,
    output: Vec<Option<u64>>,
}

impl Prices {
    pub fn of_the_call() -> Prices {
        let is_chat = model_call::operation() == "chat";
        let limit = || model_call::number("max-output-tokens").unwrap_or(OUTPUT_TOKENS);
        Prices {
            input_tokens: model_call::text_bytes().div_ceil(TOKEN_BYTES) as f64,
            output_tokens: is_chat.then(|| limit().clamp(0.0, OUTPUT_TOKENS_MAX)),
            input: targets::figures("price-input"),
            output: targets::figures("price-output"),
        }
    }

    pub fn key(&self, target: u32) -> u64 {
        // What is not negative has the order of its bits.
        self.price(target as usize).map_or(u64::MAX, f64::to_bits)
    }

    fn price(&self, target: usize) -> Option<f64> {
        let of = |prices: &[Option<u64>]| prices.get(target).copied().flatten().map(|price| price as f64);
        let written = match self.output_tokens {
            Some(tokens) => tokens * of(&self.output)?,
            None => 0.0,
        };
        Some(self.input_tokens * of(&self.input)? + written)
    }
}
