//! The operations as written and as meant.

use serde::Deserialize;
use sluicegate_plugin::fields::{is_credential, is_name, is_owned};
use sluicegate_plugin::{Pointer, Problems, Schema};

use crate::operation::{Message, Operation};
use crate::schema::Operation as OperationSchema;
use crate::template::{Template, WhenEmpty};

/// In each of the two lists.
const OPERATIONS_MAX: usize = 64;

/// Sets, appends, renames and removes header fields of request and answer. At least one operation is given.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawConfig {
    /// What is done to the fields that go upstream, in this order.
    #[serde(default)]
    #[schema(with = "Vec<OperationSchema>", max_items = OPERATIONS_MAX)]
    request: Vec<RawOperation>,
    /// What is done to the fields that go to the client, in this order.
    #[serde(default)]
    #[schema(with = "Vec<OperationSchema>", max_items = OPERATIONS_MAX)]
    reply: Vec<RawOperation>,
}

/// Exactly one of the first four is given, with what belongs to it. Read so, and not as the enum that it is, for the sake of the
/// sentences in which mistakes are told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawOperation {
    set: Option<String>,
    append: Option<String>,
    rename: Option<String>,
    remove: Option<String>,
    value: Option<String>,
    to: Option<String>,
    when_empty: Option<WhenEmpty>,
}

impl RawConfig {
    /// Those for the request and those for the answer, at least one in all.
    pub fn into_operations(self) -> Result<(Vec<Operation>, Vec<Operation>), Problems> {
        let mut problems = Vec::new();
        if self.request.is_empty() && self.reply.is_empty() {
            let message = "There is nothing to do: give `request` or `reply` a list of operations.";
            problems.push(Problems::new(&Pointer::root(), message));
        }
        let request = convert(self.request, Message::Request, &mut problems);
        let reply = convert(self.reply, Message::Reply, &mut problems);
        Problems::check(problems)?;
        Ok((request, reply))
    }
}

fn convert(list: Vec<RawOperation>, message: Message, problems: &mut Vec<Problems>) -> Vec<Operation> {
    let pointer = Pointer::root().key(match message {
        Message::Request => "request",
        Message::Reply => "reply",
    });
    if list.len() > OPERATIONS_MAX {
        problems.push(Problems::new(&pointer, format!("The list holds more than {OPERATIONS_MAX} operations.")));
    }
    let mut operations = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        match raw.into_operation(message, &pointer.index(index)) {
            Ok(operation) => operations.push(operation),
            Err(found) => problems.push(found),
        }
    }
    operations
}

impl RawOperation {
    fn into_operation(self, message: Message, pointer: &Pointer) -> Result<Operation, Problems> {
        let named = [("set", self.set), ("append", self.append), ("rename", self.rename), ("remove", self.remove)];
        let mut given: Vec<(&str, String)> = named.into_iter().filter_map(|(kind, name)| Some((kind, name?))).collect();
        let (Some((kind, name)), true) = (given.pop(), given.is_empty()) else {
            let message =
                "An operation has exactly one of `set`, `append`, `rename` and `remove`, with the name of a field.";
            return Err(Problems::new(pointer, message));
        };

        let mut problems = Vec::new();
        let name = checked_name(&name, &pointer.key(kind), &mut problems);
        let operation = match kind {
            "set" | "append" => {
                refuse_given("to", self.to.is_some(), kind, pointer, &mut problems);
                let template = match self.value {
                    Some(text) => Template::parse(&text, message, self.when_empty.unwrap_or_default())
                        .map_err(|sentence| problems.push(Problems::new(&pointer.key("value"), sentence)))
                        .ok(),
                    None => {
                        problems.push(Problems::new(pointer, format!("`{kind}` needs a `value`.")));
                        None
                    }
                };
                template.map(|value| {
                    if kind == "set" { Operation::Set { name, value } } else { Operation::Append { name, value } }
                })
            }
            _ => {
                refuse_given("value", self.value.is_some(), kind, pointer, &mut problems);
                refuse_given("when_empty", self.when_empty.is_some(), kind, pointer, &mut problems);
                match (kind, self.to) {
                    ("rename", Some(to)) => {
                        let to = checked_name(&to, &pointer.key("to"), &mut problems);
                        if to == name {
                            problems.push(Problems::new(
                                &pointer.key("to"),
                                "`to` is the name that the field has already.",
                            ));
                        }
                        Some(Operation::Rename { from: name, to })
                    }
                    ("rename", None) => {
                        problems.push(Problems::new(pointer, "`rename` needs the new name as `to`."));
                        None
                    }
                    (_, to) => {
                        refuse_given("to", to.is_some(), kind, pointer, &mut problems);
                        Some(Operation::Remove { name })
                    }
                }
            }
        };
        match operation {
            Some(operation) if problems.is_empty() => Ok(operation),
            _ => Err(Problems::join(problems)),
        }
    }
}

fn refuse_given(member: &str, given: bool, kind: &str, pointer: &Pointer, problems: &mut Vec<Problems>) {
    if given {
        problems
            .push(Problems::new(&pointer.key(member), format!("`{member}` means nothing beside `{kind}`: remove it.")));
    }
}

/// In lower case.
fn checked_name(name: &str, pointer: &Pointer, problems: &mut Vec<Problems>) -> String {
    if !is_name(name) {
        problems.push(Problems::new(pointer, format!("{name:?} is no field name.")));
    } else if is_owned(name) {
        problems.push(Problems::new(pointer, format!("The gateway itself sets `{name}`: no plugin can change it.")));
    } else if is_credential(name) {
        let message = format!(
            "`{name}` carries credentials, which this plugin does not see: use the route's or the upstream's settings."
        );
        problems.push(Problems::new(pointer, message));
    }
    name.to_ascii_lowercase()
}
