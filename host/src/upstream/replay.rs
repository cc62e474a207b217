//! What is kept of a request's head, so that it can go out once more.

use http::{Method, Request, Uri, Version};

use crate::http::field_text::FieldText;

pub(super) struct Replay {
    method: Method,
    uri: Uri,
    version: Version,
    fields: FieldText,
}

impl Replay {
    pub(super) fn of<B>(request: &Request<B>) -> Replay {
        let fields = FieldText::of(request.headers());
        Replay { method: request.method().clone(), uri: request.uri().clone(), version: request.version(), fields }
    }

    pub(super) fn with<B>(self, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.fields.fields();
        request
    }
}
