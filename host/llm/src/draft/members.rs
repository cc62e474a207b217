//! Finds values in a request and sets members of its objects, under whichever of their names the client uses.

use std::ops::Range;

use super::changes::Changes;
use crate::json::Value;

/// The names under which a member may stand; the first is written where none does.
pub type Names = &'static [&'static str];

/// A member and the JSON that it is to have; none takes it out.
pub type Setting = (Names, Option<String>);

/// A container on the way from the root to a value, and which of its values is next.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    pub container: &'a Value,
    pub at: usize,
}

impl<'a> Step<'a> {
    /// Of the next member; empty in an array.
    pub fn name(&self) -> &'a str {
        let members = self.container.as_object().unwrap_or_default();
        members.get(self.at).map_or("", |(name, _)| name)
    }
}

/// The way to the value at this span; none if there is no value just there.
pub fn way<'a>(root: &'a Value, span: &Range<usize>) -> Option<Vec<Step<'a>>> {
    let mut way = Vec::new();
    let mut value = root;
    while value.span != *span {
        let (at, next) = match (value.as_array(), value.as_object()) {
            (Some(items), _) => {
                let at = items.partition_point(|item| item.span.end <= span.start);
                (at, items.get(at)?)
            }
            (_, Some(members)) => {
                let at = members.partition_point(|(_, member)| member.span.end <= span.start);
                (at, &members.get(at)?.1)
            }
            _ => return None,
        };
        way.push(Step { container: value, at });
        value = next;
    }
    Some(way)
}

pub fn find<'a>(object: &'a Value, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| object.get(name)).filter(|value| !value.is_null())
}

/// Sets members of the object at the end of this path, which is made as far as it is not there.
pub fn set_at(changes: &mut Changes, object: &Value, path: &[Names], settings: &[Setting]) {
    let Some((names, rest)) = path.split_first() else { return set(changes, object, settings) };
    match find(object, names).filter(|value| value.as_object().is_some()) {
        Some(child) => set_at(changes, child, rest, settings),
        None if settings.iter().all(|(_, json)| json.is_none()) => {}
        None => set(changes, object, &[(names, Some(made(rest, settings)))]),
    }
}

/// Sets members of an object. All that is done to one object must be one call, so that the commas come out right.
pub fn set(changes: &mut Changes, object: &Value, settings: &[Setting]) {
    let members = object.as_object().unwrap_or_default();
    let mut removed = vec![false; members.len()];
    let mut inserted = Vec::new();
    for (names, json) in settings {
        let standing = |name: &&&str| members.iter().position(|(member, _)| member == **name);
        match json {
            None => {
                for at in names.iter().filter_map(|name| standing(&name)) {
                    if let Some(removed) = removed.get_mut(at) {
                        *removed = true;
                    }
                }
            }
            Some(json) => {
                // One that is null stands for nothing, and gives its place only if no other has a value.
                let mut places: Vec<_> = names.iter().filter_map(|name| standing(&name)).collect();
                places.sort_by_key(|at| members.get(*at).is_some_and(|(_, value)| value.is_null()));
                match (places.first().and_then(|at| members.get(*at)), names.first()) {
                    (Some((_, value)), _) => changes.replace(value.span.clone(), json.as_bytes()),
                    (None, Some(name)) => inserted.push(format!("{}:{json}", quoted(name))),
                    (None, None) => {}
                }
            }
        }
    }
    if !inserted.is_empty() {
        let comma = if removed.iter().all(|removed| *removed) { "" } else { "," };
        changes.insert(object.span.start + 1, format!("{}{comma}", inserted.join(",")));
    }
    changes.remove_members(object, &removed);
}

fn made(path: &[Names], settings: &[Setting]) -> String {
    let members = match path.split_first() {
        Some((names, rest)) => {
            names.first().map(|name| format!("{}:{}", quoted(name), made(rest, settings))).unwrap_or_default()
        }
        None => {
            let members = settings.iter().filter_map(|(names, json)| Some((names.first()?, json.as_ref()?)));
            members.map(|(name, json)| format!("{}:{json}", quoted(name))).collect::<Vec<_>>().join(",")
        }
    };
    format!("{{{members}}}")
}

/// What of a request in Gemini's dialect holds the conversation: to count tokens, it may be wrapped.
pub fn gemini_request(root: &Value) -> &Value {
    find(root, &["generateContentRequest", "generate_content_request"]).unwrap_or(root)
}

/// Gemini's bodies may name the model in several places, which must agree with each other and with the path.
pub fn set_gemini_model(changes: &mut Changes, root: &Value, model: &str) {
    let wrapped = Some(gemini_request(root)).filter(|request| request.span != root.span);
    let requests = root.get("requests").and_then(Value::as_array).unwrap_or_default();
    for named in [Some(root), wrapped].into_iter().flatten().chain(requests) {
        if let Some(value) = named.get("model").filter(|value| value.as_str().is_some()) {
            let prefix = if value.as_str().is_some_and(|name| name.starts_with("models/")) { "models/" } else { "" };
            changes.replace(value.span.clone(), quoted(&format!("{prefix}{model}")));
        }
    }
}

/// As a JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
