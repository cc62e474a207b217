//! Six filters for Envoy that do the work of our six policies. One module, so that six filters can also share one virtual machine.
//!
//! The configuration of a filter is lines of text: its name, then what it needs. Where a choice was open, the cheaper way was taken.

mod api_key;
mod headers;
mod meter;
mod rate_limit;
mod redact;
mod router;

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};

/// Where `api-key` tells the filters behind it who calls.
const CONSUMER: &str = "x-bench-consumer";

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_root_context(|_| Box::new(Root(None)));
}}

/// What a filter keeps between requests.
#[derive(Clone)]
enum Filter {
    ApiKey(Rc<api_key::Keys>),
    RateLimit(Rc<rate_limit::Limit>),
    Headers,
    Router(Rc<router::Weights>),
    Redact,
    Meter(meter::Metrics),
}

struct Root(Option<Filter>);

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let bytes = self.get_plugin_configuration().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines();
        self.0 = match lines.next() {
            Some("api-key") => Some(Filter::ApiKey(Rc::new(api_key::Keys::read(lines)))),
            Some("rate-limit") => rate_limit::Limit::read(lines).map(|limit| Filter::RateLimit(Rc::new(limit))),
            Some("headers") => Some(Filter::Headers),
            Some("router") => router::Weights::read(lines).map(|weights| Filter::Router(Rc::new(weights))),
            Some("redact") => Some(Filter::Redact),
            Some("meter") => meter::Metrics::define().map(Filter::Meter),
            _ => None,
        };
        self.0.is_some()
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match self.0.clone()? {
            Filter::ApiKey(keys) => Box::new(api_key::Request(keys)),
            Filter::RateLimit(limit) => Box::new(rate_limit::Request::new(limit)),
            Filter::Headers => Box::new(headers::Request::default()),
            Filter::Router(weights) => Box::new(router::Request(weights)),
            Filter::Redact => Box::new(redact::Request::default()),
            Filter::Meter(metrics) => Box::new(meter::Request::new(metrics)),
        })
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
