//! Looks the bearer key up among those configured, takes it away, and says whose it is. Keys are compared as they are, not by hash.

use std::collections::HashMap;
use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::CONSUMER;

/// Consumer by key.
pub struct Keys(HashMap<String, String>);

impl Keys {
    /// From lines `KEY CONSUMER`.
    pub fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Keys {
        let pairs = lines.filter_map(|line| line.split_once(' '));
        Keys(pairs.map(|(key, consumer)| (key.to_owned(), consumer.to_owned())).collect())
    }
}

pub struct Request(pub Rc<Keys>);

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        let presented = self.get_http_request_header("authorization");
        let key = presented.as_deref().and_then(|value| value.strip_prefix("Bearer "));
        match key.and_then(|key| self.0.0.get(key)) {
            Some(consumer) => {
                self.set_http_request_header("authorization", None);
                self.set_http_request_header(CONSUMER, Some(consumer));
                Action::Continue
            }
            None => {
                self.send_http_response(401, vec![("www-authenticate", "Bearer")], Some(b"no such key\n"));
                Action::Pause
            }
        }
    }
}
