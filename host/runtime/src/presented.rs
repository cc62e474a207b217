//! What the client presents: taken out of the request, so that it does not exist for plugins.
use http::HeaderMap;

#[derive(Clone, Default)]
pub struct Presented { pub headers: HeaderMap, pub query: Vec<(String, String)> }
impl Presented {
    pub fn authorization(&self, _scheme: &str) -> Option<&[u8]> { None }
    pub fn header(&self, _name: &str) -> Option<&[u8]> { None }
    pub fn query(&self, _name: &str) -> Option<&str> { None }
    pub fn cookie(&self, _name: &str) -> Option<&[u8]> { None }
}
