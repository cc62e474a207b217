//! An answer ready to be sent, in one piece or as a stream.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::bedrock::frame;
use crate::answer::Event;
use crate::json;
use crate::model::draw::fingerprint;

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub content: Content,
}

pub enum Content {
    /// Sent with its length.
    Whole(Bytes),
    /// Sent as it is made, one chunk for each event.
    Stream(Stream),
}

pub struct Stream {
    pub framing: Framing,
    /// What an error in the middle looks like; the second value says whether it is the first event of all.
    pub interrupt: fn(StatusCode, bool) -> Bytes,
    pub events: Box<dyn Iterator<Item = Event> + Send>,
}

/// What holds the events of a stream apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events, as the WHATWG's HTML standard has them, with LF.
    EventStream,
    /// The same with CRLF.
    EventStreamCrLf,
    /// The elements of one JSON array.
    JsonArray,
    /// `application/vnd.amazon.eventstream`.
    AwsFrames,
    /// Nothing: the body is one piece that is long.
    Plain,
}

pub fn no_interruption(_: StatusCode, _: bool) -> Bytes {
    Bytes::new()
}

impl Reply {
    pub fn whole(status: StatusCode, body: Bytes) -> Reply {
        Reply { status, headers: HeaderMap::new(), content: Content::Whole(body) }
    }

    pub fn json(status: StatusCode, value: &(impl Serialize + ?Sized)) -> Reply {
        Reply::whole(status, json::bytes(value)).with(header::CONTENT_TYPE, "application/json")
    }

    pub fn stream(stream: Stream) -> Reply {
        let content_type = match stream.framing {
            Framing::EventStream | Framing::EventStreamCrLf => "text/event-stream; charset=utf-8",
            Framing::JsonArray | Framing::Plain => "application/json; charset=UTF-8",
            Framing::AwsFrames => "application/vnd.amazon.eventstream",
        };
        let (status, headers, content) = (StatusCode::OK, HeaderMap::new(), Content::Stream(stream));
        let reply = Reply { status, headers, content }.with(header::CONTENT_TYPE, content_type);
        if content_type.starts_with("text/") { reply.with(header::CACHE_CONTROL, "no-cache") } else { reply }
    }

    pub fn with(mut self, name: header::HeaderName, value: &'static str) -> Reply {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// Left out if the value cannot stand in a field.
    pub fn with_value(mut self, name: &'static str, value: &str) -> Reply {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// `req_` and a function of the bytes given, as everything here is one of the request.
    pub fn with_request_id(self, name: &'static str, bytes: &[u8]) -> Reply {
        self.with_value(name, &request_id(bytes))
    }
}

pub fn request_id(bytes: &[u8]) -> String {
    format!("req_{:016x}", fingerprint(bytes))
}

impl Stream {
    pub fn change(
        &mut self,
        change: impl FnOnce(Box<dyn Iterator<Item = Event> + Send>) -> Box<dyn Iterator<Item = Event> + Send>,
    ) {
        let events = std::mem::replace(&mut self.events, Box::new(std::iter::empty()));
        self.events = change(events);
    }

    /// Ends with an error in the vendor's form; a stream that is not longer ends as usual.
    pub fn interrupt_after(&mut self, events: u64, status: StatusCode) {
        let interrupt = self.interrupt;
        self.change(|mut rest| {
            let mut told = 0;
            let mut over = false;
            Box::new(std::iter::from_fn(move || {
                if over {
                    return None;
                }
                let event = rest.next()?;
                if told < events {
                    told += 1;
                    return Some(event);
                }
                over = true;
                Some(Event::end(interrupt(status, told == 0)))
            }))
        });
    }
}

impl Framing {
    pub fn has_lines(self) -> bool {
        matches!(self, Framing::EventStream | Framing::EventStreamCrLf)
    }

    /// One event; without a name where a vendor has none.
    pub fn wrap(self, name: &str, json: &[u8], first: bool) -> Bytes {
        let end: &[u8] = if self == Framing::EventStreamCrLf { b"\r\n" } else { b"\n" };
        let joined = match self {
            Framing::EventStream | Framing::EventStreamCrLf if name.is_empty() => [b"data: ", json, end, end].concat(),
            Framing::EventStream | Framing::EventStreamCrLf => {
                [b"event: ", name.as_bytes(), end, b"data: ", json, end, end].concat()
            }
            Framing::JsonArray => [if first { &b"["[..] } else { b",\r\n" }, json].concat(),
            Framing::AwsFrames => return frame::event(name, json),
            Framing::Plain => json.to_vec(),
        };
        joined.into()
    }
}
