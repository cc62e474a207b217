//! Room for the futures that answer requests, used again and again.
//!
//! They are large: to allocate one anew for each request, and to free it, cost more than all else that a plain request needs.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use sluicegate_runtime::lane;

/// Empty rooms that a worker keeps; those that come back beyond them are freed.
const KEPT_MAX: usize = 64;

type Room<F> = Pin<Box<Option<F>>>;

/// The empty rooms, by lane: none passes between two cores.
pub(super) struct Rooms<F>(Box<[Mutex<Vec<Room<F>>>]>);

/// A future in its room. Dropped, it leaves that to the next.
pub(super) struct Lodged<F> {
    /// None only while it is dropped.
    room: Option<Room<F>>,
    rooms: Arc<Rooms<F>>,
}

impl<F> Rooms<F> {
    pub(super) fn new() -> Rooms<F> {
        Rooms((0..lane::count()).map(|_| Mutex::default()).collect())
    }

    /// `make` is called here, so that the future is copied once at most.
    pub(super) fn lodge(self: &Arc<Rooms<F>>, make: impl FnOnce() -> F) -> Lodged<F> {
        let mut room = self.take().unwrap_or_else(|| Box::pin(None));
        room.set(Some(make()));
        Lodged { room: Some(room), rooms: self.clone() }
    }

    fn take(&self) -> Option<Room<F>> {
        self.of_lane()?.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn put(&self, room: Room<F>) {
        let Some(of_lane) = self.of_lane() else { return };
        let mut empty = of_lane.lock().unwrap_or_else(PoisonError::into_inner);
        if empty.len() < KEPT_MAX {
            empty.push(room);
        }
    }

    fn of_lane(&self) -> Option<&Mutex<Vec<Room<F>>>> {
        self.0.get(lane::current())
    }
}

impl<F: Future> Future for Lodged<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.room.as_mut().and_then(|room| room.as_mut().as_pin_mut()) {
            Some(future) => future.poll(context),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for Lodged<F> {
    fn drop(&mut self) {
        if let Some(mut room) = self.room.take() {
            room.set(None);
            self.rooms.put(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use super::*;

    fn empty<F>(rooms: &Rooms<F>) -> usize {
        rooms.of_lane().unwrap().lock().unwrap().len()
    }

    #[tokio::test]
    async fn a_room_serves_one_future_after_another_and_several_at_once_have_one_each() {
        let rooms: Arc<Rooms<Ready<u32>>> = Arc::new(Rooms::new());
        for number in 0..3 {
            assert_eq!(rooms.lodge(|| ready(number)).await, number);
            assert_eq!(empty(&rooms), 1);
        }
        let (first, second) = (rooms.lodge(|| ready(1)), rooms.lodge(|| ready(2)));
        assert_eq!(empty(&rooms), 0);
        assert_eq!((second.await, first.await), (2, 1));
        assert_eq!(empty(&rooms), 2);
    }

    #[test]
    fn what_is_dropped_unfinished_is_dropped_at_once_and_rooms_beyond_the_limit_are_freed() {
        let rooms = Arc::new(Rooms::new());
        let held = Arc::new(());
        let future = |held: Arc<()>| async move {
            std::future::pending::<()>().await;
            drop(held);
        };
        let lodged: Vec<_> = (0..KEPT_MAX + 2).map(|_| rooms.lodge(|| future(held.clone()))).collect();
        drop(lodged);
        assert_eq!((Arc::strong_count(&held), empty(&rooms)), (1, KEPT_MAX));
    }
}
