//! Makes a good answer a bad one.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use super::{Behaviour, Fault, LineEnd};
use crate::answer::Event;
use crate::dialect::{Content, Dialect, Framing, Reply, Stream, no_interruption};
use crate::refusal::Refusal;

/// Arrays within each other in a deep answer: far more than any parser goes down.
pub const NESTED_LEVELS: usize = 10_000;

/// An endless line ends after all; by then a client that reads it to its end has noticed.
pub const ENDLESS_BYTES_MAX: usize = 64 * 1024 * 1024;

const ENDLESS_CHUNK_BYTES: usize = 64 * 1024;

const PAGE: &str = "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
                    <hr><center>proxy</center>\r\n</body>\r\n</html>\r\n";

pub fn spoil(reply: Reply, behaviour: &Behaviour, dialect: Dialect) -> Reply {
    if reply.status != StatusCode::OK {
        return reply;
    }
    let mut reply = match behaviour.error_after {
        Some(events) => interrupted(reply, behaviour, dialect, events),
        None => reply,
    };
    if let Some(fault) = behaviour.fault {
        reply = faulty(reply, behaviour, dialect, fault);
    }
    if let (Some(line_end), Content::Stream(stream)) = (behaviour.line_end, &mut reply.content)
        && stream.framing.has_lines()
    {
        let ended = move |event: Event| Event { bytes: with_line_end(&event.bytes, line_end), ..event };
        stream.change(|events| Box::new(events.map(ended)));
    }
    reply
}

/// A page in place of whatever would have been answered.
pub fn page(behaviour: &Behaviour) -> Reply {
    let status = behaviour.status_or(StatusCode::BAD_GATEWAY);
    let mut reply = Reply::whole(status, Bytes::from(PAGE.replace("{status}", &status.to_string())));
    reply.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    reply
}

fn interrupted(reply: Reply, behaviour: &Behaviour, dialect: Dialect, events: u64) -> Reply {
    let Reply { status, headers, content } = reply;
    match content {
        Content::Whole(_) => {
            let failure = Refusal::Failure {
                status: behaviour.status_or(dialect.overloaded()),
                retry_after: behaviour.failure.and_then(|failure| failure.retry_after),
            };
            dialect.refuse(&failure)
        }
        Content::Stream(mut stream) => {
            let status_told = behaviour.status_or(dialect.overloaded());
            stream.interrupt_after(events, status_told);
            Reply { status, headers, content: Content::Stream(stream) }
        }
    }
}

fn faulty(mut reply: Reply, behaviour: &Behaviour, dialect: Dialect, fault: Fault) -> Reply {
    match (fault, &mut reply.content) {
        (Fault::Html, _) => return page(behaviour),
        (Fault::ErrorIn200, Content::Whole(_)) => {
            let status = behaviour.status_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut refused = dialect.refuse(&Refusal::Failure { status, retry_after: None });
            refused.status = StatusCode::OK;
            return refused;
        }
        (Fault::ErrorIn200, Content::Stream(stream)) => {
            stream.interrupt_after(0, behaviour.status_or(StatusCode::INTERNAL_SERVER_ERROR));
        }
        (Fault::NoEnd, Content::Whole(body)) => body.truncate(body.len() / 2),
        (Fault::NoEnd, Content::Stream(stream)) => stream.change(|events| Box::new(events.filter(|event| !event.ends))),
        (Fault::NoNewline, Content::Stream(stream)) if stream.framing.has_lines() => {
            stream.change(|events| Box::new(WithoutLastLineEnd { events, held: None }));
        }
        (Fault::NoNewline, _) => {}
        (Fault::EndlessLine, Content::Whole(_)) => {
            let start = std::iter::once(Event::new("{\"endless\":\""));
            let events = Box::new(start.chain(endless()));
            reply.content = Content::Stream(Stream { framing: Framing::Plain, interrupt: no_interruption, events });
        }
        (Fault::EndlessLine, Content::Stream(stream)) => {
            stream.change(|mut events| {
                let first = events.next();
                Box::new(first.into_iter().chain(std::iter::once(Event::new("data: "))).chain(endless()))
            });
        }
        (Fault::Deep, Content::Whole(body)) => {
            let rest = body.strip_prefix(b"{").unwrap_or(body);
            *body = [b"{\"nested\":", &nested()[..], b",", rest].concat().into();
        }
        (Fault::Deep, Content::Stream(stream)) => {
            let framing = stream.framing;
            let deep = [b"{\"nested\":", &nested()[..], b"}"].concat();
            stream.change(|mut events| {
                let first = events.next();
                let wrapped = Event::new(framing.wrap("", &deep, first.is_none()));
                Box::new(first.into_iter().chain(std::iter::once(wrapped)).chain(events))
            });
        }
    }
    reply
}

fn nested() -> Vec<u8> {
    [vec![b'['; NESTED_LEVELS], vec![b']'; NESTED_LEVELS]].concat()
}

fn endless() -> impl Iterator<Item = Event> + Send {
    let chunk = Bytes::from(vec![b'x'; ENDLESS_CHUNK_BYTES]);
    std::iter::repeat_n(Event::new(chunk), ENDLESS_BYTES_MAX / ENDLESS_CHUNK_BYTES)
}

/// Lines of JSON hold no line end, so that each one is the stream's own.
fn with_line_end(bytes: &[u8], line_end: LineEnd) -> Bytes {
    let end: &[u8] = match line_end {
        LineEnd::LineFeed => b"\n",
        LineEnd::CarriageReturnLineFeed => b"\r\n",
        LineEnd::CarriageReturn => b"\r",
    };
    let mut changed = Vec::with_capacity(bytes.len() + 4);
    for byte in bytes.iter().filter(|byte| **byte != b'\r') {
        if *byte == b'\n' { changed.extend_from_slice(end) } else { changed.push(*byte) }
    }
    changed.into()
}

struct WithoutLastLineEnd {
    events: Box<dyn Iterator<Item = Event> + Send>,
    held: Option<Event>,
}

impl Iterator for WithoutLastLineEnd {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let mut event = self.held.take().or_else(|| self.events.next())?;
        self.held = self.events.next();
        if self.held.is_none() {
            let kept = event.bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
            event.bytes.truncate(kept);
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(framing: Framing) -> Reply {
        let events = ["data: 1\n\n", "data: 2\n\n"].into_iter().map(Event::new);
        let events = Box::new(events.chain(std::iter::once(Event::end("data: end\n\n"))));
        Reply::stream(Stream { framing, interrupt: no_interruption, events })
    }

    fn sent(reply: Reply, change: impl FnOnce(&mut Behaviour)) -> String {
        let mut behaviour = Behaviour::default();
        change(&mut behaviour);
        match spoil(reply, &behaviour, Dialect::OpenAi).content {
            Content::Whole(body) => String::from_utf8(body.to_vec()).unwrap(),
            Content::Stream(stream) => {
                stream.events.map(|event| String::from_utf8(event.bytes.to_vec()).unwrap()).collect()
            }
        }
    }

    fn streamed(fault: Fault) -> String {
        sent(stream(Framing::EventStream), |behaviour| behaviour.fault = Some(fault))
    }

    fn whole(fault: Fault) -> String {
        sent(Reply::whole(StatusCode::OK, "{\"a\":1}".into()), |behaviour| behaviour.fault = Some(fault))
    }

    #[test]
    fn each_fault_spoils_a_stream_in_its_own_way() {
        assert_eq!(streamed(Fault::NoEnd), "data: 1\n\ndata: 2\n\n");
        assert_eq!(streamed(Fault::NoNewline), "data: 1\n\ndata: 2\n\ndata: end");
        let endless = streamed(Fault::EndlessLine);
        assert!(endless.starts_with("data: 1\n\ndata: xxx") && endless.len() > ENDLESS_BYTES_MAX);
        let deep = streamed(Fault::Deep);
        assert!(
            deep.starts_with("data: 1\n\ndata: {\"nested\":[[[") && deep.ends_with("]]]}\n\ndata: 2\n\ndata: end\n\n")
        );
        assert!(streamed(Fault::Html).starts_with("<html>"));
    }

    #[test]
    fn each_fault_spoils_an_answer_in_one_piece_in_its_own_way() {
        assert_eq!(whole(Fault::NoEnd), "{\"a");
        assert!(whole(Fault::EndlessLine).starts_with("{\"endless\":\"xxx"));
        let deep = whole(Fault::Deep);
        assert!(deep.starts_with("{\"nested\":[[") && deep.ends_with("]],\"a\":1}"));
        assert_eq!(deep.matches('[').count(), NESTED_LEVELS);
        assert!(whole(Fault::ErrorIn200).starts_with("{\"error\":"));
    }

    #[test]
    fn lines_end_as_asked_for() {
        let ending = |line_end| sent(stream(Framing::EventStream), |behaviour| behaviour.line_end = Some(line_end));
        assert!(ending(LineEnd::CarriageReturnLineFeed).starts_with("data: 1\r\n\r\ndata: 2"));
        assert!(ending(LineEnd::CarriageReturn).starts_with("data: 1\r\rdata: 2"));
        let plain = sent(stream(Framing::Plain), |behaviour| behaviour.line_end = Some(LineEnd::CarriageReturn));
        assert!(!plain.contains('\r'));
    }
}
