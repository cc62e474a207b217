//! What an upstream has said on a connection since it was given a request.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use super::error::TooMuchAhead;

/// Written by the connection's task, read by whoever waits for an answer.
#[derive(Debug)]
pub(super) struct Heard {
    bytes: AtomicUsize,
    /// How many there may be.
    bytes_max: AtomicUsize,
    /// It takes nothing more.
    is_broken: AtomicBool,
    /// No answer of HTTP is to be read on it any more.
    is_switched: AtomicBool,
    /// An [`Asked`] of which nobody has taken note yet.
    asked: AtomicU8,
}

/// What a request says about its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// It has no body, whatever it says (HEAD).
    Head = 1,
    Other = 2,
}

impl Default for Heard {
    fn default() -> Heard {
        Heard {
            bytes: AtomicUsize::new(0),
            bytes_max: AtomicUsize::new(usize::MAX),
            is_broken: false.into(),
            is_switched: false.into(),
            asked: 0.into(),
        }
    }
}

impl Heard {
    /// A request is handed over, and so many bytes are taken until the head of its answer is there.
    pub(super) fn begin(&self, bytes_max: usize, asked: Asked) {
        self.asked.store(asked as u8, Ordering::Release);
        self.bytes.store(0, Ordering::Release);
        self.bytes_max.store(bytes_max, Ordering::Release);
    }

    /// Of a request, once.
    pub(super) fn take_asked(&self) -> Option<Asked> {
        if self.asked.load(Ordering::Relaxed) == 0 {
            return None;
        }
        match self.asked.swap(0, Ordering::AcqRel) == Asked::Head as u8 {
            true => Some(Asked::Head),
            false => Some(Asked::Other),
        }
    }

    /// The head of the answer is there.
    pub(super) fn answered(&self) {
        self.bytes_max.store(usize::MAX, Ordering::Release);
    }

    pub(super) fn add(&self, bytes: usize) -> Result<(), TooMuchAhead> {
        let all = self.bytes.load(Ordering::Acquire).saturating_add(bytes);
        self.bytes.store(all, Ordering::Release);
        (all <= self.bytes_max.load(Ordering::Acquire)).then_some(()).ok_or(TooMuchAhead)
    }

    /// Another protocol is spoken from here on.
    pub(super) fn switched(&self) {
        self.is_switched.store(true, Ordering::Release);
    }

    /// It takes nothing more. False where that is an end of everything.
    pub(super) fn breaks(&self) -> bool {
        let may_answer = !self.is_switched.load(Ordering::Acquire);
        self.is_broken.store(may_answer, Ordering::Release);
        may_answer
    }

    /// What is left of it can be read, and leads nowhere.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Acquire)
    }

    /// For whoever looks how many there are more than before; they begin anew now and then.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    pub(super) fn anything(&self) -> bool {
        self.bytes.load(Ordering::Acquire) > 0
    }

    /// Whether there was anything since this was asked last.
    pub(super) fn anything_new(&self) -> bool {
        self.bytes.swap(0, Ordering::AcqRel) > 0
    }
}
