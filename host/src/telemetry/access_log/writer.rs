//! The thread that turns records into lines and writes them.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};

use super::{AccessLogError, Record, Redact, Shared};
use crate::config::AccessLog;

/// Lines name clients, so others of the machine do not read them.
const FILE_MODE: u32 = 0o640;

pub(super) enum Message {
    Line(Box<Record>),
    /// There is something to look at besides lines.
    Wake,
}

/// Where lines go.
pub(super) struct Output {
    sink: BufWriter<Box<dyn Write + Send>>,
    /// What can be opened anew.
    path: Option<PathBuf>,
}

pub(super) struct Writer {
    output: Output,
    redact: Redact,
    shared: Arc<Shared>,
    /// Each spell of failures is reported once.
    failing: bool,
}

impl Output {
    /// None when the log is off.
    pub(super) fn open(target: &AccessLog) -> Result<Option<Output>, AccessLogError> {
        Ok(match target {
            AccessLog::Off => None,
            AccessLog::Stdout => Some(Output::to(io::stdout())),
            AccessLog::Stderr => Some(Output::to(io::stderr())),
            AccessLog::File(path) => {
                let file = append(path).map_err(|source| AccessLogError::Open { path: path.clone(), source })?;
                Some(Output { path: Some(path.clone()), ..Output::to(file) })
            }
        })
    }

    pub(super) fn to(sink: impl Write + Send + 'static) -> Output {
        Output { sink: BufWriter::new(Box::new(sink)), path: None }
    }
}

impl Writer {
    pub(super) fn new(output: Output, redact: Redact, shared: Arc<Shared>) -> Writer {
        Writer { output, redact, shared, failing: false }
    }

    /// Until the queue has no more senders and is empty. Flushes whenever it is about to wait.
    pub(super) fn run(&mut self, messages: &Receiver<Message>) {
        loop {
            let message = match messages.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Empty) => {
                    self.flush();
                    match messages.recv() {
                        Ok(message) => message,
                        Err(_) => break,
                    }
                }
                Err(TryRecvError::Disconnected) => break,
            };
            if self.shared.reopen.swap(false, Ordering::Acquire) {
                self.reopen();
            }
            if let Message::Line(record) = message {
                self.write(&record);
            }
        }
        self.flush();
    }

    fn write(&mut self, record: &Record) {
        let written = record.to_line().map_err(io::Error::other).and_then(|line| {
            let line = (self.redact)(&line);
            // One write for line and end: where several processes append to one file, lines stay whole.
            let mut bytes = Vec::with_capacity(line.len() + 1);
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
            self.output.sink.write_all(&bytes)
        });
        if written.is_err() {
            self.shared.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.report(written);
    }

    fn flush(&mut self) {
        let flushed = self.output.sink.flush();
        self.report(flushed);
    }

    fn reopen(&mut self) {
        let Some(path) = self.output.path.clone() else { return };
        self.flush();
        match append(&path) {
            Ok(file) => self.output = Output { path: Some(path), ..Output::to(file) },
            Err(error) => {
                tracing::error!(
                    "the access log {} cannot be opened anew, the old file is written on: {error}",
                    path.display()
                );
            }
        }
    }

    fn report(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => self.failing = false,
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::error!("the access log cannot be written, lines are lost until that ends: {error}");
            }
            Err(_) => {}
        }
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)
}
