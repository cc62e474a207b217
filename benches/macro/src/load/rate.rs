//! What a proxy serves when it is flooded, and what one request costs it.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::wrk;
use crate::ground::Ground;
use crate::peer::Running;
use crate::question::Question;

/// Of one round.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub requests_a_second: f64,
    /// Of the proxy with all its processes, user and system; 0 where there is none.
    pub cpu_microseconds: f64,
    /// Of one processor. Well below 1, the load or the upstream was the limit.
    pub busy: f64,
}

pub fn measure(ground: &Ground, running: &Running, question: &Question, seconds: u32) -> Result<Rate> {
    let time = Duration::from_secs(u64::from(seconds));
    let cpu_time = || running.server.as_ref().map_or(Ok(Duration::ZERO), |server| server.cpu_time());
    let (before, began) = (cpu_time()?, Instant::now());
    let flood = wrk::flood(ground, question, time)?;
    let (used, took) = (cpu_time()?.saturating_sub(before).as_secs_f64(), began.elapsed());
    Ok(Rate {
        requests_a_second: flood.requests_a_second,
        cpu_microseconds: used * 1e6 / flood.requests as f64,
        busy: used / took.as_secs_f64(),
    })
}
