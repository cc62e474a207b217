//! As many requests as a proxy can take: each of so many connections sends its next one when it has its answer.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::ground::Ground;
use crate::question::Question;
use crate::tools::Tool;

/// Open at once, all kept alive.
pub const CONNECTIONS: usize = 32;
/// A proxy that takes so long for one answer has failed.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What came of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flood {
    pub requests: u64,
    pub requests_a_second: f64,
}

/// An error unless every answer was as it should be.
pub fn flood(ground: &Ground, question: &Question, time: Duration) -> Result<Flood> {
    let mut wrk = ground.cores.load.command(ground.tools.find(Tool::Wrk)?);
    wrk.args(["--threads", "1", "--connections", &CONNECTIONS.to_string()]);
    wrk.args(["--timeout", &format!("{}s", ANSWER_TIMEOUT.as_secs())]);
    wrk.args(["--duration", &format!("{}s", time.as_secs())]);
    if let Some(key) = &question.key {
        wrk.args(["--header", &format!("authorization: Bearer {key}")]);
    }
    for (name, value) in &question.fields {
        wrk.args(["--header", &format!("{name}: {value}")]);
    }
    if let Some(body) = &question.body {
        let script = ground.folder()?.join("post.lua");
        fs::write(&script, posting(body))?;
        wrk.arg("--script").arg(script);
    }
    let output = wrk.arg(format!("http://{}{}", question.address, question.path)).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk: {said}{}", String::from_utf8_lossy(&output.stderr));
    read(&said)
}

/// A script in Lua that sends this JSON.
fn posting(body: &str) -> String {
    format!(
        "wrk.method = \"POST\"\nwrk.headers[\"content-type\"] = \"application/json\"\nwrk.body = [===[{body}]===]\n"
    )
}

fn read(said: &str) -> Result<Flood> {
    if let Some(line) = said.lines().find(|line| line.contains("Non-2xx") || line.contains("Socket errors")) {
        bail!("not every answer was good: {}", line.trim());
    }
    let requests = said.lines().find_map(|line| line.trim().split_once(" requests in ")?.0.parse().ok());
    let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    let unknown = || format!("wrk says what we do not understand:\n{said}");
    Ok(Flood { requests: requests.with_context(unknown)?, requests_a_second: rate.with_context(unknown)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "Running 2s test @ http://127.0.0.1:18080/\n  1 threads and 32 connections\n  59206 requests in \
                        2.00s, 7.34MB read\nRequests/sec:  29603.12\nTransfer/sec:      3.67MB\n";

    #[test]
    fn what_wrk_says_is_read() {
        let flood = read(SAID).unwrap();
        assert_eq!(flood, Flood { requests: 59206, requests_a_second: 29603.12 });
    }

    #[test]
    fn a_run_with_bad_answers_is_no_figure() {
        let said = format!("{SAID}  Non-2xx or 3xx responses: 12\n");
        assert!(read(&said).unwrap_err().to_string().contains("responses: 12"));
        assert!(read("").is_err());
    }
}
