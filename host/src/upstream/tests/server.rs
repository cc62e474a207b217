//! A server whose every word is scripted by the test.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(super) struct Server {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

/// One connection, seen from the server.
pub(super) struct Conversation {
    stream: TcpStream,
    /// 1 for the first connection.
    pub(super) number: usize,
    read: Vec<u8>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Calls `script` for each connection.
    pub(super) async fn start<F, T>(script: F) -> Server
    where
        F: Fn(Conversation) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (counter, log) = (Arc::clone(&connections), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::spawn(script(Conversation { stream, number, read: Vec::new(), requests: Arc::clone(&log) }));
            }
        });
        Server { port, connections, requests, task }
    }

    /// Answers every request with its own first line.
    pub(super) async fn echo() -> Server {
        Server::start(|mut conversation| async move {
            while let Some(request) = conversation.request().await {
                let line = request.lines().next().unwrap().to_owned();
                conversation.say(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{line}", line.len())).await;
            }
        })
        .await
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Every whole request so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Conversation {
    /// The next whole request, head and body by `content-length`; none when the client has gone.
    pub(super) async fn request(&mut self) -> Option<String> {
        loop {
            let text = String::from_utf8_lossy(&self.read).into_owned();
            if let Some((head, behind)) = text.split_once("\r\n\r\n") {
                let length: usize = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |n| n.parse().unwrap());
                let chunked = head.contains("transfer-encoding: chunked");
                let whole = if chunked { behind.ends_with("0\r\n\r\n") } else { behind.len() >= length };
                if whole {
                    self.read.clear();
                    self.requests.lock().unwrap().push(text.clone());
                    return Some(text);
                }
            }
            if !self.hear().await {
                return None;
            }
        }
    }

    /// Reads what comes next; false when the client has gone.
    pub(super) async fn hear(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.read).await, Ok(1..))
    }

    /// False when the client has gone, which it may have done on purpose.
    pub(super) async fn say(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).await.is_ok()
    }

    /// Waits until the client closes the connection.
    pub(super) async fn closed(&mut self) {
        while self.hear().await {}
    }
}
