//! Both ends of a connection byte by byte, for what a proper client or server would never do.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::gateway::PATIENCE;

/// One end of a connection, with what was read and not yet asked for.
pub struct Raw {
    stream: TcpStream,
    read: Vec<u8>,
}

/// What came until the other side closed.
#[derive(Debug)]
pub struct Rest {
    pub bytes: Vec<u8>,
    /// Closed by a reset.
    pub reset: bool,
}

impl Rest {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Raw {
        Raw::new(TcpStream::connect(address).await.expect("the gateway accepts"))
    }

    pub fn new(stream: TcpStream) -> Raw {
        Raw { stream, read: Vec::new() }
    }

    /// Closes it with a reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("the connection is open");
    }

    /// Says that it will write nothing more.
    pub async fn end_writing(&mut self) {
        self.stream.shutdown().await.expect("the connection is open");
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await.expect("the other side reads");
        written.expect("the connection is open");
    }

    /// False when the other side has closed.
    pub async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await.expect("the other side reads").is_ok()
    }

    /// Reads up to `end` and returns it with all before it.
    pub async fn read_until(&mut self, end: &str) -> String {
        let read = self.try_read_until(end).await;
        read.unwrap_or_else(|| panic!("closed before {end:?}, after {:?}", String::from_utf8_lossy(&self.read)))
    }

    /// None when the other side closes first.
    pub async fn try_read_until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some(at) = find(&self.read, end.as_bytes()) {
                let rest = self.read.split_off(at + end.len());
                return Some(String::from_utf8_lossy(&std::mem::replace(&mut self.read, rest)).into_owned());
            }
            if self.read_some().await == 0 {
                return None;
            }
        }
    }

    /// A head, with its empty line.
    pub async fn read_head(&mut self) -> String {
        self.read_until("\r\n\r\n").await
    }

    /// Nothing has come that was not asked for yet.
    pub fn has_read_nothing(&self) -> bool {
        let waits = self.stream.try_read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        self.read.is_empty() && waits
    }

    /// Reads so many bytes.
    pub async fn read_exact(&mut self, count: usize) -> Vec<u8> {
        let read = self.try_read_exact(count).await;
        read.unwrap_or_else(|| panic!("closed after {} bytes of {count}", self.read.len()))
    }

    /// None when the other side closes first.
    pub async fn try_read_exact(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.read.len() < count {
            if self.read_some().await == 0 {
                return None;
            }
        }
        let rest = self.read.split_off(count);
        Some(std::mem::replace(&mut self.read, rest))
    }

    /// Everything until the other side closes.
    pub async fn read_to_end(mut self) -> Rest {
        let mut reset = false;
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut self.read)).await.expect("the other side closes");
        if read.is_err() {
            reset = true;
        }
        Rest { bytes: self.read, reset }
    }

    /// Returns when the other side has closed; what it sends before that is thrown away.
    pub async fn closed(&mut self) {
        let mut buffer = [0; 4096];
        let waiting = async { while !matches!(self.stream.read(&mut buffer).await, Ok(0) | Err(_)) {} };
        timeout(PATIENCE, waiting).await.expect("the other side closes");
    }

    async fn read_some(&mut self) -> usize {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        read.expect("the other side writes").unwrap_or(0)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// What a script saw, for the test to wait for.
#[derive(Clone, Default)]
pub struct Notes(Arc<(Mutex<Vec<String>>, Notify)>);

impl Notes {
    pub fn add(&self, note: impl Into<String>) {
        self.0.0.lock().expect("no panic here").push(note.into());
        self.0.1.notify_waiters();
    }

    pub fn all(&self) -> Vec<String> {
        self.0.0.lock().expect("no panic here").clone()
    }

    pub async fn wait_for(&self, note: &str) {
        self.wait_for_some(|one| one == note).await;
    }

    pub async fn wait_for_some(&self, is_it: impl Fn(&str) -> bool) {
        self.wait_until(|notes| notes.iter().any(|one| is_it(one))).await;
    }

    /// Until it stands there so many times.
    pub async fn wait_for_count(&self, note: &str, count: usize) {
        self.wait_until(|notes| notes.iter().filter(|one| *one == note).count() >= count).await;
    }

    async fn wait_until(&self, is_it: impl Fn(&[String]) -> bool) {
        let waiting = async {
            loop {
                let added = self.0.1.notified();
                tokio::pin!(added);
                added.as_mut().enable();
                if is_it(&self.all()) {
                    return;
                }
                added.await;
            }
        };
        if timeout(PATIENCE, waiting).await.is_err() {
            panic!("what was waited for is not in {:?}", self.all());
        }
    }
}

/// An upstream whose every connection is served by a script. Ends when dropped.
pub struct RawUpstream {
    address: SocketAddr,
    pub notes: Notes,
    accepting: JoinHandle<()>,
}

impl RawUpstream {
    pub async fn start<F: Future<Output = ()> + Send + 'static>(
        script: impl Fn(Raw, Notes) -> F + Send + Sync + 'static,
    ) -> RawUpstream {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        let notes = Notes::default();
        let for_scripts = notes.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                for_scripts.add("connection");
                tokio::spawn(script(Raw::new(stream), for_scripts.clone()));
            }
        });
        RawUpstream { address, notes, accepting }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn connections(&self) -> usize {
        self.notes.all().iter().filter(|note| *note == "connection").count()
    }
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
