//! Waits for something beside the work of a connection at no cost to that work.
//!
//! A connection is polled several times a request, and what could interrupt it happens once in its life: that is polled only when
//! it has woken somebody, and not each time.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// What came first.
pub(super) enum First<W, A> {
    Work(W),
    Aside(A),
}

/// A future that is polled when it asks for it.
pub(super) struct Aside<F> {
    future: Pin<Box<F>>,
    asked: Arc<Asked>,
    /// Made once, from `asked`.
    waker: Waker,
}

struct Asked {
    /// It wants to be polled.
    flag: AtomicBool,
    /// Of whoever waits for it.
    waker: AtomicWaker,
}

impl Wake for Asked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.flag.store(true, Ordering::Release);
        self.waker.wake();
    }
}

impl<F: Future> Aside<F> {
    pub(super) fn new(future: F) -> Aside<F> {
        let asked = Arc::new(Asked { flag: AtomicBool::new(true), waker: AtomicWaker::new() });
        Aside { future: Box::pin(future), waker: asked.clone().into(), asked }
    }

    /// The work goes first where both are ready.
    pub(super) async fn beside<W: Future + Unpin>(&mut self, work: &mut W) -> First<W::Output, F::Output> {
        poll_fn(|context| {
            if let Poll::Ready(output) = Pin::new(&mut *work).poll(context) {
                return Poll::Ready(First::Work(output));
            }
            self.poll(context).map(First::Aside)
        })
        .await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<F::Output> {
        // Before the flag is read: who sets it afterwards wakes this one.
        self.asked.waker.register(context.waker());
        match self.asked.flag.swap(false, Ordering::AcqRel) {
            true => self.future.as_mut().poll(&mut Context::from_waker(&self.waker)),
            false => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::{Notify, oneshot};

    use super::*;

    #[tokio::test]
    async fn what_happens_aside_is_heard_and_polled_only_when_it_has_something_to_say() {
        let (notify, polls) = (Notify::new(), AtomicUsize::new(0));
        let mut notified = Box::pin(notify.notified());
        let mut aside = Aside::new(poll_fn(|context| {
            polls.fetch_add(1, Ordering::Relaxed);
            notified.as_mut().poll(context)
        }));
        for number in 0..10 {
            let (sender, receiver) = oneshot::channel();
            let sending = tokio::spawn(async move { sender.send(number) });
            let mut work = receiver;
            assert!(matches!(aside.beside(&mut work).await, First::Work(Ok(got)) if got == number));
            sending.await.unwrap().unwrap();
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        notify.notify_waiters();
        let mut never = Box::pin(std::future::pending::<()>());
        assert!(matches!(aside.beside(&mut never).await, First::Aside(())));
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    }
}
