//! The time that a client has for each of its heads: one timer for all heads of a connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use crate::alarm::Alarm;

/// Of one connection; hyper asks it for a new limit at each head.
#[derive(Default)]
pub(super) struct HeadTimer(Arc<Mutex<Alarm>>);

struct Limit {
    alarm: Arc<Mutex<Alarm>>,
    due: tokio::time::Instant,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Limit { alarm: self.0.clone(), due: deadline.into() })
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into()
    }
}

impl Future for Limit {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.alarm.lock().unwrap_or_else(PoisonError::into_inner).poll(self.due, context)
    }
}

impl Sleep for Limit {}
