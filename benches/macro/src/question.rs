//! What is asked of every proxy: one request, which all that is measured repeats.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Short against the quickest start.
const RETRY: Duration = Duration::from_millis(1);

#[derive(Debug, Clone)]
pub struct Question {
    pub address: SocketAddr,
    pub path: String,
    /// Presented as a bearer.
    pub key: Option<String>,
    /// JSON; with it the method is POST, without it GET.
    pub body: Option<String>,
    /// Fields of the head besides those that key and body bring.
    pub fields: Vec<Field>,
}

/// `("x-name", "value")`.
pub type Field = (&'static str, String);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Head and body as they came.
    pub text: String,
}

impl Question {
    /// GET `/`, without a key.
    pub fn to(address: SocketAddr) -> Question {
        Question { address, path: "/".to_owned(), key: None, body: None, fields: Vec::new() }
    }

    /// On a connection of its own.
    pub fn ask(&self) -> Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.write_all(self.text().as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        Ok(Answer { status: status.context("no answer of HTTP/1.1 came")?, text })
    }

    /// Asks until the answer is 200. `goes_on` says why nothing more is to be hoped for.
    pub fn ask_until_answered(&self, patience: Duration, mut goes_on: impl FnMut() -> Result<()>) -> Result<Answer> {
        let began = Instant::now();
        loop {
            match self.ask() {
                Ok(answer) if answer.status == 200 => return Ok(answer),
                Ok(answer) if began.elapsed() > patience => bail!("it answers, but not well:\n{}", answer.text),
                Err(error) if began.elapsed() > patience => return Err(error),
                _ => {
                    goes_on()?;
                    std::thread::sleep(RETRY);
                }
            }
        }
    }

    /// The work was done: who presents no key is refused, and nobody's address is in the answer.
    pub fn check_policies(&self, masks: bool) -> Result<()> {
        let refused = Question { key: None, ..self.clone() }.ask()?;
        ensure!(refused.status == 401, "a request without a key was answered with {}", refused.status);
        let answer = self.ask()?;
        ensure!(answer.status == 200, "{} instead of 200:\n{}", answer.status, answer.text);
        ensure!(!masks || !answer.text.contains('@'), "an e-mail address was not masked:\n{}", answer.text);
        Ok(())
    }

    fn text(&self) -> String {
        let Question { address, path, key, body, fields } = self;
        let method = if body.is_some() { "POST" } else { "GET" };
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        if let Some(key) = key {
            text += &format!("authorization: Bearer {key}\r\n");
        }
        for (name, value) in fields {
            text += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            text += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        text + "\r\n" + body.as_deref().unwrap_or_default()
    }
}
