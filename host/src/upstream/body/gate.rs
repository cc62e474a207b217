//! Holds a request's body back until the upstream asks for it (RFC 9110, 10.1.1).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use http::{Request, StatusCode};
use tokio::time::{Sleep, sleep};

/// An upstream that does not know `expect: 100-continue` says nothing; the body goes to it after so long, as curl's does.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Gate {
    opened: Arc<Opened>,
    /// From when the head was handed to the connection.
    patience: Option<Pin<Box<Sleep>>>,
}

#[derive(Default)]
struct Opened {
    flag: AtomicBool,
    waker: AtomicWaker,
}

impl Gate {
    pub(super) fn new() -> Gate {
        Gate { opened: Arc::default(), patience: None }
    }

    pub(super) fn open(&self) {
        self.opened.open();
    }

    /// Opened by the 100 that comes for this request on HTTP/1.1. Any other answer drops it with the body.
    pub(super) fn open_by<B>(&self, request: &mut Request<B>) {
        let opened = self.opened.clone();
        hyper::ext::on_informational(request, move |answer| {
            if answer.status() == StatusCode::CONTINUE {
                opened.open();
            }
        });
    }

    pub(super) fn poll_opened(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // Before the flag is read: who sets it afterwards wakes this one.
        self.opened.waker.register(context.waker());
        if self.opened.flag.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        self.patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE))).as_mut().poll(context)
    }
}

impl Opened {
    fn open(&self) {
        self.flag.store(true, Ordering::Release);
        self.waker.wake();
    }
}
