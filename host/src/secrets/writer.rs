//! A writer that every log line passes, so that no live secret is written.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use super::Redaction;

/// A longer line is written in parts, cut where no secret stands.
pub const LINE_BYTES_MAX: usize = 256 * 1024;

/// Holds a line back until it is whole, because a secret may come in two writes.
pub struct RedactingWriter<W: Write> {
    redaction: Redaction,
    line: Vec<u8>,
    inner: W,
}

impl<W: Write> RedactingWriter<W> {
    pub fn new(inner: W, redaction: Redaction) -> RedactingWriter<W> {
        RedactingWriter { redaction, line: Vec::new(), inner }
    }

    /// Writes the first `length` bytes that are held back, redacted.
    fn write_out(&mut self, length: usize) -> io::Result<()> {
        let redactor = self.redaction.current();
        let held = self.line.get(..length).unwrap_or_default();
        let result = self.inner.write_all(&redactor.redact_bytes(held));
        self.line.drain(..length);
        result
    }
}

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            self.write_out(end + 1)?;
        }
        if self.line.len() > LINE_BYTES_MAX {
            let settled = self.redaction.current().settled_bytes(&self.line);
            self.write_out(settled)?;
        }
        Ok(bytes.len())
    }

    /// Writes what is held back, too: after this, a secret that goes on would not be seen.
    fn flush(&mut self) -> io::Result<()> {
        self.write_out(self.line.len())?;
        self.inner.flush()
    }
}

impl<W: Write> Drop for RedactingWriter<W> {
    fn drop(&mut self) {
        // Nobody is left to be told of an error.
        let _ = self.flush();
    }
}

/// For `tracing_subscriber::fmt`: each event gets a writer of its own.
#[derive(Clone)]
pub struct RedactingMakeWriter<M> {
    inner: M,
    redaction: Redaction,
}

impl<M> RedactingMakeWriter<M> {
    pub fn new(inner: M, redaction: Redaction) -> RedactingMakeWriter<M> {
        RedactingMakeWriter { inner, redaction }
    }
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for RedactingMakeWriter<M> {
    type Writer = RedactingWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter::new(self.inner.make_writer(), self.redaction.clone())
    }

    fn make_writer_for(&'a self, metadata: &tracing::Metadata<'_>) -> Self::Writer {
        RedactingWriter::new(self.inner.make_writer_for(metadata), self.redaction.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::secrets::{Registered, Secret};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn knowing(secret: &str) -> (Redaction, Registered) {
        let redaction = Redaction::new();
        let secret = Secret::new(secret.as_bytes().to_vec(), "test").unwrap();
        let registered = redaction.register(vec![secret]).unwrap();
        (redaction, registered)
    }

    #[test]
    fn a_secret_in_a_log_line_is_not_written() {
        let (redaction, _registered) = knowing("sk-\"live\"");
        let log = Log::default();
        let make = {
            let log = log.clone();
            move || log.clone()
        };
        let subscriber =
            tracing_subscriber::fmt().with_writer(RedactingMakeWriter::new(make, redaction)).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(key = "sk-\"live\"", "sent sk-\"live\" upstream");
        });
        let text = log.text();
        assert!(text.contains("sent [redacted] upstream"), "{text}");
        assert!(text.contains(r#"key="[redacted]""#), "{text}");
        assert!(!text.contains("live"), "{text}");
    }

    #[test]
    fn a_secret_in_two_writes_is_found_at_every_split() {
        let (redaction, _registered) = knowing("sk-live-value");
        let line = b"key sk-live-value sent\nnext";
        for at in 0..=line.len() {
            let log = Log::default();
            let mut writer = RedactingWriter::new(log.clone(), redaction.clone());
            writer.write_all(&line[..at]).unwrap();
            writer.write_all(&line[at..]).unwrap();
            assert_eq!(log.text(), "key [redacted] sent\n", "split at {at}");
            drop(writer);
            assert_eq!(log.text(), "key [redacted] sent\nnext", "split at {at}");
        }
    }

    #[test]
    fn a_line_without_end_is_held_to_a_limit_and_still_redacted() {
        let (redaction, _registered) = knowing("sk-live-value");
        let log = Log::default();
        let mut writer = RedactingWriter::new(log.clone(), redaction);
        for distance in 0..40 {
            // The secret stands at, before and behind the point where the line becomes too long.
            writer.write_all(&vec![b'.'; LINE_BYTES_MAX - distance]).unwrap();
            for byte in b"sk-live-value...................................." {
                writer.write_all(&[*byte]).unwrap();
            }
            assert!(writer.line.len() <= LINE_BYTES_MAX);
            writer.write_all(b"\n").unwrap();
        }
        drop(writer);
        assert_eq!(log.text().matches("[redacted]").count(), 40);
        assert!(!log.text().contains("value"), "a part of the secret was written");
    }

    #[test]
    fn a_secret_registered_later_is_known_to_an_open_writer() {
        let redaction = Redaction::new();
        let log = Log::default();
        let mut writer = RedactingWriter::new(log.clone(), redaction.clone());
        let _registered = redaction.register(vec![Secret::new(b"rotated-in".to_vec(), "test").unwrap()]).unwrap();
        writer.write_all(b"rotated-in\n").unwrap();
        assert_eq!(log.text(), "[redacted]\n");
    }
}
