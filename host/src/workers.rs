//! The threads that serve requests. Each has an event loop of its own, so that a request stays on the core where its connection
//! is: no lock, no queue and no cache line passes between two cores on its way.
//!
//! A connection is given to the worker that has the fewest, and stays there. Chosen over a listening socket for each worker
//! (`SO_REUSEPORT`), which hashes addresses: with few connections, as model clients keep them, a hash leaves workers idle beside
//! busy ones; and two processes could listen on one port without either noticing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use sluicegate_runtime::lane;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Ends its threads when dropped, with whatever still runs on them.
#[derive(Default)]
pub struct Workers(Box<[Worker]>);

struct Worker {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
    /// Dropped, it ends the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A place on one worker, for one connection.
pub struct Seat {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
}

impl Workers {
    /// Errors: the system gives no thread, or no descriptors for its event loop.
    pub fn start(count: usize) -> io::Result<Workers> {
        (0..count).map(Worker::start).collect::<io::Result<Box<[Worker]>>>().map(Workers)
    }

    pub fn event_loops(&self) -> impl Iterator<Item = &Handle> {
        self.0.iter().map(|worker| &worker.runtime)
    }

    /// On the worker with the fewest connections; on the event loop of the caller where there are no workers.
    pub fn seat(&self) -> Seat {
        let quietest = self.0.iter().min_by_key(|worker| worker.connections.load(Ordering::Relaxed));
        let (runtime, connections) = match quietest {
            Some(worker) => (worker.runtime.clone(), worker.connections.clone()),
            None => (Handle::current(), Arc::default()),
        };
        connections.fetch_add(1, Ordering::Relaxed);
        Seat { runtime, connections }
    }
}

impl Worker {
    fn start(number: usize) -> io::Result<Worker> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            lane::enter(number);
            // Nothing is ever sent: the other side is dropped.
            drop(runtime.block_on(stopped));
        })?;
        Ok(Worker { runtime: handle, connections: Arc::default(), stop: Some(stop), thread: Some(thread) })
    }
}

impl Seat {
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a worker had panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn where_it_runs(seat: &Seat) -> String {
        seat.runtime().spawn(async { thread::current().name().unwrap_or_default().to_owned() }).await.unwrap()
    }

    #[tokio::test]
    async fn each_connection_goes_to_the_worker_with_the_fewest_and_stays_there() {
        let workers = Workers::start(3).unwrap();
        let mut seats: Vec<Seat> = (0..6).map(|_| workers.seat()).collect();
        let mut names = Vec::new();
        for seat in &seats {
            names.push(where_it_runs(seat).await);
            assert_eq!(where_it_runs(seat).await, names[names.len() - 1]);
        }
        assert_eq!(names[..3], ["worker-0", "worker-1", "worker-2"]);
        assert_eq!(names[3..], names[..3]);
        // Both connections of the second end: the next two are its.
        seats.retain({
            let mut number = 0;
            move |_| {
                number += 1;
                number != 2 && number != 5
            }
        });
        for _ in 0..2 {
            seats.push(workers.seat());
            assert_eq!(where_it_runs(&seats[seats.len() - 1]).await, "worker-1");
        }
    }

    #[tokio::test]
    async fn without_workers_everything_runs_where_it_is_asked_for() {
        let seat = Workers::default().seat();
        assert_eq!(where_it_runs(&seat).await, thread::current().name().unwrap());
    }

    #[test]
    fn the_threads_end_with_whatever_still_runs_on_them() {
        let workers = Workers::start(2).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        workers.seat().runtime().spawn(async move {
            std::future::pending::<()>().await;
            drop(sender);
        });
        drop(workers);
        assert_eq!(receiver.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
    }
}
