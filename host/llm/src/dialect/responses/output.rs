//! Grows the items of an answer from its pieces, and says what each piece did: a stream tells it, a whole answer does not.

use serde_json::value::RawValue;

use crate::answer::Piece;
use crate::dialect::Family;

#[derive(Debug)]
pub struct Output {
    /// What all items' ids have in common.
    base: String,
    /// Names of the client's custom tools.
    custom: Vec<String>,
    items: Vec<Item>,
    /// Places of those that are open, in order.
    open: Vec<usize>,
}

#[derive(Debug)]
pub struct Item {
    pub id: String,
    pub kind: ItemKind,
    pub open: bool,
    /// Cut off by the answer's end.
    pub cut: bool,
}

#[derive(Debug)]
pub enum ItemKind {
    /// `raw` is the whole item as this vendor wrote it.
    Reasoning {
        summary: String,
        raw: Option<Box<RawValue>>,
    },
    Message {
        parts: Vec<Part>,
    },
    Call {
        tool: u32,
        /// Of a custom tool: the arguments are a text of any form.
        custom: bool,
        call_id: String,
        name: String,
        arguments: String,
    },
    /// What else this vendor wrote, as a whole.
    Own {
        raw: Box<RawValue>,
    },
}

/// Of a message.
#[derive(Debug)]
pub struct Part {
    pub refused: bool,
    pub text: String,
}

/// What happened to an item, by its place in the output, and to a part of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    ItemAdded(usize),
    PartAdded(usize, usize),
    Delta(usize, usize, String),
    PartDone(usize, usize),
    ItemDone(usize),
}

impl Output {
    /// `custom`: names of the client's custom tools.
    pub fn new(base: &str, custom: Vec<String>) -> Output {
        Output { base: base.to_owned(), custom, items: Vec::new(), open: Vec::new() }
    }

    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether the model said that it would not answer.
    pub fn refused(&self) -> bool {
        self.items.iter().any(|item| match &item.kind {
            ItemKind::Message { parts } => parts.iter().any(|part| part.refused),
            _ => false,
        })
    }

    pub fn take(&mut self, piece: &Piece, steps: &mut Vec<Step>) {
        match piece {
            Piece::Text(text) => self.say(false, text, steps),
            Piece::Refusal(text) => self.say(true, text, steps),
            Piece::Thought(text) => self.think(text, steps),
            Piece::ThoughtSealed { family, raw } => self.seal(*family, raw, steps),
            Piece::ToolBegin { tool, id, name } => {
                let (tool, call_id, name) = (*tool, id.clone(), name.clone());
                let custom = self.custom.contains(&name);
                let prefix = if custom { "ctc" } else { "fc" };
                self.add(prefix, ItemKind::Call { tool, custom, call_id, name, arguments: String::new() }, steps);
            }
            Piece::ToolArguments { tool, text } => self.argue(*tool, text, steps),
        }
    }

    /// Closes what is open. `cut`: the answer broke off in its last item.
    pub fn finish(&mut self, cut: bool, steps: &mut Vec<Step>) {
        if let Some(last) = self.items.last_mut().filter(|last| last.open) {
            last.cut = cut;
        }
        for number in std::mem::take(&mut self.open) {
            self.close(number, steps);
        }
    }

    fn say(&mut self, refused: bool, text: &str, steps: &mut Vec<Step>) {
        if text.is_empty() {
            return;
        }
        let number = match self.last_open() {
            Some((number, Item { kind: ItemKind::Message { .. }, .. })) => number,
            _ => self.add("msg", ItemKind::Message { parts: Vec::new() }, steps),
        };
        let Some(Item { kind: ItemKind::Message { parts }, .. }) = self.items.get_mut(number) else { return };
        if parts.last().is_none_or(|part| part.refused != refused) {
            if let Some(before) = parts.len().checked_sub(1) {
                steps.push(Step::PartDone(number, before));
            }
            parts.push(Part { refused, text: String::new() });
            steps.push(Step::PartAdded(number, parts.len() - 1));
        }
        let place = parts.len().saturating_sub(1);
        if let Some(part) = parts.last_mut() {
            part.text.push_str(text);
            steps.push(Step::Delta(number, place, text.to_owned()));
        }
    }

    fn think(&mut self, text: &str, steps: &mut Vec<Step>) {
        if text.is_empty() {
            return;
        }
        let number = match self.last_open() {
            Some((number, Item { kind: ItemKind::Reasoning { .. }, .. })) => number,
            _ => {
                let kind = ItemKind::Reasoning { summary: String::new(), raw: None };
                let number = self.add("rs", kind, steps);
                steps.push(Step::PartAdded(number, 0));
                number
            }
        };
        if let Some(Item { kind: ItemKind::Reasoning { summary, .. }, .. }) = self.items.get_mut(number) {
            summary.push_str(text);
            steps.push(Step::Delta(number, 0, text.to_owned()));
        }
    }

    /// Another vendor's seal has no place here: it only ends the thought.
    fn seal(&mut self, family: Family, raw: &str, steps: &mut Vec<Step>) {
        let own = family == Family::OpenAi;
        if let Some((id, raw)) = own.then(|| own_item(raw)).flatten() {
            let number = self.add_named(id, ItemKind::Own { raw }, steps);
            return self.close(number, steps);
        }
        let item = own.then(|| reasoning_item(raw)).flatten();
        let shown = match self.last_open() {
            Some((number, Item { kind: ItemKind::Reasoning { .. }, .. })) => Some(number),
            _ => None,
        };
        let (number, item) = match (shown, item) {
            (Some(number), item) => (number, item.map(|(_, raw)| raw)),
            // Nothing of it was shown, but it must come back.
            (None, Some((id, raw))) => {
                let kind = ItemKind::Reasoning { summary: String::new(), raw: None };
                (self.add_named(id, kind, steps), Some(raw))
            }
            (None, None) => return,
        };
        if let Some(Item { kind: ItemKind::Reasoning { raw, .. }, .. }) = self.items.get_mut(number) {
            *raw = item;
        }
        self.close(number, steps);
    }

    fn argue(&mut self, wanted: u32, text: &str, steps: &mut Vec<Step>) {
        for number in self.open.iter().copied().filter(|_| !text.is_empty()) {
            let Some(Item { kind: ItemKind::Call { tool, arguments, .. }, .. }) = self.items.get_mut(number) else {
                continue;
            };
            if *tool == wanted {
                arguments.push_str(text);
                steps.push(Step::Delta(number, 0, text.to_owned()));
                return;
            }
        }
    }

    fn last_open(&self) -> Option<(usize, &Item)> {
        let number = self.items.len().checked_sub(1)?;
        self.items.get(number).filter(|item| item.open).map(|item| (number, item))
    }

    fn add(&mut self, prefix: &str, kind: ItemKind, steps: &mut Vec<Step>) -> usize {
        let id = format!("{prefix}_{}_{}", self.base, self.items.len());
        self.add_named(id, kind, steps)
    }

    /// The items before are over, but for calls whose arguments may still come between another's.
    fn add_named(&mut self, id: String, kind: ItemKind, steps: &mut Vec<Step>) -> usize {
        for number in std::mem::take(&mut self.open) {
            let waits = self.items.get(number).is_some_and(|item| match &item.kind {
                ItemKind::Call { arguments, .. } => !is_whole(arguments),
                _ => false,
            });
            match waits {
                true => self.open.push(number),
                false => self.close(number, steps),
            }
        }
        let number = self.items.len();
        self.open.push(number);
        self.items.push(Item { id, kind, open: true, cut: false });
        steps.push(Step::ItemAdded(number));
        number
    }

    fn close(&mut self, number: usize, steps: &mut Vec<Step>) {
        let Some(item) = self.items.get_mut(number).filter(|item| item.open) else { return };
        item.open = false;
        self.open.retain(|open| *open != number);
        match &mut item.kind {
            ItemKind::Reasoning { summary, .. } if summary.is_empty() => {}
            ItemKind::Reasoning { .. } => steps.push(Step::PartDone(number, 0)),
            ItemKind::Message { parts } => {
                if let Some(last) = parts.len().checked_sub(1) {
                    steps.push(Step::PartDone(number, last));
                }
            }
            ItemKind::Own { .. } => {}
            ItemKind::Call { custom, arguments, .. } => {
                // A tool that takes nothing: clients read the arguments as JSON.
                if arguments.is_empty() && !*custom && !item.cut {
                    arguments.push_str("{}");
                    steps.push(Step::Delta(number, 0, arguments.clone()));
                }
                steps.push(Step::PartDone(number, 0));
            }
        }
        steps.push(Step::ItemDone(number));
    }
}

/// Nothing can follow a whole JSON object.
fn is_whole(arguments: &str) -> bool {
    arguments.ends_with('}') && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok()
}

/// The item's own id, and the item, if it is one of this dialect.
fn reasoning_item(raw: &str) -> Option<(String, Box<RawValue>)> {
    #[derive(serde::Deserialize)]
    struct Reasoning {
        id: String,
        r#type: String,
        /// Clients demand it.
        #[serde(rename = "summary")]
        _summary: Vec<serde::de::IgnoredAny>,
    }
    let item: Reasoning = serde_json::from_str(raw).ok()?;
    let raw = RawValue::from_string(raw.to_owned()).ok()?;
    (item.r#type == "reasoning").then_some((item.id, raw))
}

/// The id, and the item, of what is neither a thought nor read as something else.
fn own_item(raw: &str) -> Option<(String, Box<RawValue>)> {
    #[derive(serde::Deserialize)]
    struct Own {
        #[serde(default)]
        id: String,
        r#type: String,
    }
    let item: Own = serde_json::from_str(raw).ok().filter(|item: &Own| item.r#type != "reasoning")?;
    Some((item.id, RawValue::from_string(raw.to_owned()).ok()?))
}
