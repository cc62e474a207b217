//! Chooses one of two upstreams by weight and writes the choice into a field of the request, where a route could match it.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

/// Names of upstreams, each with the sum of the weights up to it.
pub struct Weights(Vec<(String, u64)>);

impl Weights {
    /// From lines `NAME WEIGHT`, at least one with a weight above 0.
    pub fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Weights> {
        let mut sum = 0;
        let pairs = lines.filter_map(|line| line.split_once(' '));
        let weights = pairs.map(|(name, weight)| {
            sum += weight.parse::<u64>().ok()?;
            Some((name.to_owned(), sum))
        });
        weights.collect::<Option<Vec<_>>>().filter(|_| sum > 0).map(Weights)
    }

    fn choose(&self, text: &str) -> Option<&str> {
        let sum = self.0.last()?.1;
        let place = hash(text) % sum;
        self.0.iter().find(|(_, upto)| place < *upto).map(|(name, _)| name.as_str())
    }
}

/// FNV-1a, 64 bits.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

pub struct Request(pub Rc<Weights>);

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        // Envoy makes an id for every request, so that the choice spreads.
        let id = self.get_http_request_header("x-request-id").unwrap_or_default();
        self.set_http_request_header("x-upstream", self.0.choose(&id));
        Action::Continue
    }
}
