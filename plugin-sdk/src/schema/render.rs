//! Writes a schema as JSON while the compiler runs: first its length, then its bytes.

use super::{Member, Node, Property, Value};

/// Bytes of the schema's text.
pub const fn length(node: &Node) -> usize {
    write(node, &mut [])
}

/// The schema's text, of as many bytes as [`length`] says.
pub const fn render<const LENGTH: usize>(node: &Node) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    write(node, &mut bytes);
    bytes
}

/// Writes as much as there is room for, and says how much there is in all.
pub(crate) const fn write(node: &Node, room: &mut [u8]) -> usize {
    let mut sink = Sink { room, length: 0 };
    sink.ascii("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\"");
    sink.members(node, false);
    sink.ascii("}");
    sink.length
}

struct Sink<'a> {
    room: &'a mut [u8],
    length: usize,
}

// Loops count, since constants are computed without traits and so without iterators.
impl Sink<'_> {
    const fn byte(&mut self, byte: u8) {
        if self.length < self.room.len() {
            self.room[self.length] = byte;
        }
        self.length += 1;
    }

    const fn ascii(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            self.byte(bytes[index]);
            index += 1;
        }
    }

    const fn text(&mut self, text: &str) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let bytes = text.as_bytes();
        let mut index = 0;
        self.byte(b'"');
        while index < bytes.len() {
            match bytes[index] {
                b'"' => self.ascii("\\\""),
                b'\\' => self.ascii("\\\\"),
                b'\n' => self.ascii("\\n"),
                byte @ 0..=0x1f => {
                    self.ascii("\\u00");
                    self.byte(DIGITS[(byte >> 4) as usize]);
                    self.byte(DIGITS[(byte & 15) as usize]);
                }
                byte => self.byte(byte),
            }
            index += 1;
        }
        self.byte(b'"');
    }

    const fn integer(&mut self, number: i128) {
        if number < 0 {
            self.byte(b'-');
        }
        let mut divisor = 1;
        while number.unsigned_abs() / divisor >= 10 {
            divisor *= 10;
        }
        while divisor > 0 {
            self.byte(b'0' + (number.unsigned_abs() / divisor % 10) as u8);
            divisor /= 10;
        }
    }

    const fn node(&mut self, node: &Node) {
        self.byte(b'{');
        self.members(node, true);
        self.byte(b'}');
    }

    /// `first` if nothing stands in front of them.
    const fn members(&mut self, node: &Node, mut first: bool) {
        let count = count(node);
        let mut index = 0;
        while index < count {
            let member = nth(node, index);
            if !named_before(node, index, member.name) && !is_empty(node, &member.value) {
                if !first {
                    self.byte(b',');
                }
                first = false;
                self.text(member.name);
                self.byte(b':');
                self.value(node, &member.value);
            }
            index += 1;
        }
    }

    /// A value among the members of `owner`.
    const fn value(&mut self, owner: &Node, value: &Value) {
        match value {
            Value::Text(text) => self.text(text),
            Value::Flag(true) => self.ascii("true"),
            Value::Flag(false) => self.ascii("false"),
            Value::Integer(number) => self.integer(*number),
            Value::Number(text) => self.ascii(text),
            Value::Node(node) => self.node(node),
            Value::List(values) => {
                self.byte(b'[');
                let mut index = 0;
                while index < values.len() {
                    if index > 0 {
                        self.byte(b',');
                    }
                    self.value(&Node::ANYTHING, &values[index]);
                    index += 1;
                }
                self.byte(b']');
            }
            Value::Nodes(nodes) => {
                self.byte(b'[');
                let mut index = 0;
                while index < nodes.len() {
                    if index > 0 {
                        self.byte(b',');
                    }
                    self.node(&nodes[index]);
                    index += 1;
                }
                self.byte(b']');
            }
            Value::Properties(_) => {
                self.byte(b'{');
                self.properties(owner, false);
                self.byte(b'}');
            }
            Value::Required(_) => {
                self.byte(b'[');
                self.properties(owner, true);
                self.byte(b']');
            }
        }
    }

    /// Those of a node and of all its bases, each name once; of the required ones the names alone.
    const fn properties(&mut self, owner: &Node, required: bool) {
        let count = count(owner);
        let mut first = true;
        let mut index = 0;
        while index < count {
            if let Value::Properties(properties) = nth(owner, index).value {
                let mut at = 0;
                while at < properties.len() {
                    let property: &Property = &properties[at];
                    if (property.required || !required) && !defined_before(owner, index, property.name) {
                        if !first {
                            self.byte(b',');
                        }
                        first = false;
                        self.text(property.name);
                        if !required {
                            self.byte(b':');
                            self.node(property.node);
                        }
                    }
                    at += 1;
                }
            }
            index += 1;
        }
    }
}

/// Members of a node and all its bases.
const fn count(node: &Node) -> usize {
    match node.base {
        Some(base) => node.members.len() + count(base),
        None => node.members.len(),
    }
}

/// The node's own come first.
const fn nth(node: &Node, index: usize) -> Member {
    match node.base {
        Some(base) if index >= node.members.len() => nth(base, index - node.members.len()),
        _ => node.members[index],
    }
}

const fn named_before(node: &Node, end: usize, name: &str) -> bool {
    let mut index = 0;
    while index < end {
        if equal(nth(node, index).name, name) {
            return true;
        }
        index += 1;
    }
    false
}

/// Whether one of the first `end` members has a property of this name.
const fn defined_before(node: &Node, end: usize, name: &str) -> bool {
    let mut index = 0;
    while index < end {
        if let Value::Properties(properties) = nth(node, index).value {
            let mut at = 0;
            while at < properties.len() {
                if equal(properties[at].name, name) {
                    return true;
                }
                at += 1;
            }
        }
        index += 1;
    }
    false
}

/// A list of required names must not be empty in older drafts, and says nothing then.
const fn is_empty(owner: &Node, value: &Value) -> bool {
    if let Value::Required(_) = value {
        let mut sink = Sink { room: &mut [], length: 0 };
        sink.properties(owner, true);
        return sink.length == 0;
    }
    false
}

const fn equal(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}
