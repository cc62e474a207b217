//! Earlier answers, so that a request can go on from one without sending everything again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::json::Json;
use crate::question::{Part, Turn};

/// The oldest answer is forgotten first.
pub const RESPONSES_KEPT_MAX: usize = 256;

/// Of all kept answers and their conversations together.
pub const RESPONSES_KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

pub struct Response {
    /// As the vendor shows it.
    pub body: Json,
    pub input_items: Json,
    /// The conversation up to this answer, without the instructions, which each request gives anew.
    pub turns: Vec<Turn>,
}

/// Each key has its own.
#[derive(Default)]
pub struct Kept(Mutex<Memory>);

type Name = (String, String);

#[derive(Default)]
struct Memory {
    responses: HashMap<Name, Arc<Response>>,
    order: VecDeque<Name>,
    bytes: usize,
}

impl Kept {
    pub fn get(&self, key: &str, id: &str) -> Option<Arc<Response>> {
        self.with(|memory| memory.responses.get(&(key.to_owned(), id.to_owned())).cloned())
    }

    /// In place of an earlier one of the same id, which is an answer to the same question.
    pub fn insert(&self, key: &str, id: String, response: Response) {
        let name = (key.to_owned(), id);
        self.with(|memory| {
            memory.remove(&name);
            memory.bytes += response.bytes();
            memory.responses.insert(name.clone(), Arc::new(response));
            memory.order.push_back(name);
            while memory.order.len() > RESPONSES_KEPT_MAX
                || (memory.bytes > RESPONSES_KEPT_BYTES_MAX && memory.order.len() > 1)
            {
                let Some(oldest) = memory.order.front().cloned() else { break };
                memory.remove(&oldest);
            }
        });
    }

    pub fn remove(&self, key: &str, id: &str) {
        self.with(|memory| memory.remove(&(key.to_owned(), id.to_owned())));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Memory {
    fn remove(&mut self, name: &Name) {
        if let Some(response) = self.responses.remove(name) {
            self.bytes -= response.bytes();
            self.order.retain(|other| other != name);
        }
    }
}

impl Response {
    fn bytes(&self) -> usize {
        let part = |part: &Part| match part {
            Part::Text(text) | Part::Name(text) => text.len(),
            Part::Call { id, name, arguments } => id.len() + name.len() + arguments.len(),
            Part::Result { id, text, .. } => id.len() + text.len(),
            Part::Attachment(_) | Part::Reasoning | Part::CacheMark => size_of::<Part>(),
        };
        let turns: usize = self.turns.iter().flat_map(|turn| &turn.parts).map(part).sum();
        self.body.get().len() + self.input_items.get().len() + turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::Role;

    fn response(text: &str) -> Response {
        Response { body: Json::default(), input_items: Json::default(), turns: vec![Turn::text(Role::User, text)] }
    }

    #[test]
    fn the_oldest_are_forgotten_by_number() {
        let kept = Kept::default();
        for number in 0..=RESPONSES_KEPT_MAX {
            kept.insert("key", number.to_string(), response("x"));
        }
        assert!(kept.get("key", "0").is_none() && kept.get("key", "1").is_some());
        assert!(kept.get("other", "1").is_none(), "another key's");
        kept.insert("key", "1".into(), response("y"));
        kept.insert("key", "new".into(), response("z"));
        assert!(kept.get("key", "2").is_none() && kept.get("key", "1").is_some());
        kept.remove("key", "1");
        assert!(kept.get("key", "1").is_none());
    }

    #[test]
    fn the_oldest_are_forgotten_by_size() {
        let kept = Kept::default();
        let large = "x".repeat(RESPONSES_KEPT_BYTES_MAX / 2);
        for id in ["a", "b", "c"] {
            kept.insert("key", id.into(), response(&large));
        }
        assert!(kept.get("key", "b").is_none() && kept.get("key", "c").is_some());
    }
}
