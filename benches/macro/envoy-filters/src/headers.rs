//! Sets and removes some fields of the request and of the answer.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::CONSUMER;

#[derive(Default)]
pub struct Request {
    consumer: Option<String>,
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        self.consumer = self.get_http_request_header(CONSUMER);
        self.set_http_request_header("x-served-for", self.consumer.as_deref());
        self.set_http_request_header("x-debug", None);
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, _end: bool) -> Action {
        self.set_http_response_header("x-served-for", self.consumer.as_deref());
        self.set_http_response_header("server", None);
        Action::Continue
    }
}
