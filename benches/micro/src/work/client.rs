//! A client with one connection, on a thread of its own: nothing of it is counted.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;

use anyhow::{Context, Result, ensure};
use tokio::sync::oneshot;

use super::message;

type Order = (usize, oneshot::Sender<Result<()>>);

pub struct Client(Sender<Order>);

impl Client {
    /// It asks with each of `requests` in turn. `seen`: told of each piece of an answer with more than one.
    pub fn start(address: SocketAddr, requests: Vec<Vec<u8>>, seen: Sender<()>, streams: bool) -> Client {
        let (orders, receiver) = mpsc::channel::<Order>();
        thread::spawn(move || {
            let mut requests = requests.iter().cycle();
            let mut connection = TcpStream::connect(address).context("the gateway takes no connection");
            let mut buffer = Vec::new();
            for (times, done) in receiver {
                let mut ask = || {
                    let stream = connection.as_mut().map_err(|error| anyhow::anyhow!("{error:#}"))?;
                    stream.set_nodelay(true)?;
                    for request in requests.by_ref().take(times) {
                        stream.write_all(request)?;
                        message::read(stream, &mut buffer, |_| {
                            if streams {
                                let _ = seen.send(());
                            }
                        })?;
                        let answer = String::from_utf8_lossy(&buffer);
                        ensure!(answer.starts_with("HTTP/1.1 200 "), "the gateway answers {answer}");
                    }
                    Ok(())
                };
                drop(done.send(ask()));
            }
        });
        Client(orders)
    }

    /// Ends when so many answers have come.
    pub async fn ask(&self, times: usize) -> Result<()> {
        let (done, answered) = oneshot::channel();
        self.0.send((times, done)).ok().context("the client has ended")?;
        answered.await.context("the client has ended")?
    }
}
