//! Structs, and what variants hold.

use quote::quote;
use syn::{Error, Field, Fields, FieldsNamed, ext::IdentExt};

use crate::case::Case;
use crate::container::{Container, Tagging};
use crate::field::Attributes;
use crate::node::{Node, Property};

pub fn of_struct(container: &Container, fields: &Fields) -> syn::Result<Node> {
    let description = container.description.as_deref();
    if container.transparent {
        return transparent(fields).map(|node| node.described(description));
    }
    match (fields, &container.tagging) {
        (Fields::Named(named), Tagging::External) => {
            let table =
                Table { rename_all: container.rename_all, default: container.default, closed: container.closed };
            Ok(of_table(table, named, Vec::new())?.described(description))
        }
        (_, Tagging::External) => Ok(of_content(Table::open(), fields)?.described(description)),
        (_, _) => Err(Error::new_spanned(fields, "`#[derive(Schema)]` knows `tag` and `untagged` for enums only.")),
    }
}

/// How a table's names are read.
#[derive(Clone, Copy)]
pub struct Table {
    pub rename_all: Option<Case>,
    pub default: bool,
    pub closed: bool,
}

impl Table {
    fn open() -> Table {
        Table { rename_all: None, default: false, closed: false }
    }
}

/// A table of named fields, with further properties in front of them.
pub fn of_table(table: Table, fields: &FieldsNamed, mut properties: Vec<Property>) -> syn::Result<Node> {
    for field in &fields.named {
        let attributes = Attributes::read(field)?;
        if attributes.skipped {
            continue;
        }
        let written = field.ident.as_ref().map(|name| name.unraw().to_string()).unwrap_or_default();
        let name = attributes
            .rename
            .clone()
            .unwrap_or_else(|| table.rename_all.map_or_else(|| written.clone(), |case| case.of_field(&written)));
        let required = if table.default { quote!(false) } else { attributes.required(field) };
        for name in std::iter::once(&name).chain(&attributes.aliases) {
            let node = attributes.node(field);
            properties.push(Property { name: name.clone(), node, required: required.clone() });
        }
    }
    let node = Node::default().text("type", "object").properties(&properties);
    Ok(if table.closed { node.flag("additionalProperties", false) } else { node })
}

/// What a struct or a variant holds: nothing, one value, a list or a table.
pub fn of_content(table: Table, fields: &Fields) -> syn::Result<Node> {
    match fields {
        Fields::Named(named) => of_table(table, named, Vec::new()),
        Fields::Unit => Ok(Node::of(&syn::parse_quote!(()))),
        Fields::Unnamed(unnamed) => {
            let mut nodes = Vec::new();
            for field in &unnamed.unnamed {
                let attributes = Attributes::read(field)?;
                if attributes.skipped || attributes.default {
                    let sentence =
                        "`#[derive(Schema)]` knows no fields without a name that may be absent: name the fields.";
                    return Err(Error::new_spanned(field, sentence));
                }
                nodes.push(attributes.node(field));
            }
            Ok(match (nodes.pop(), nodes.is_empty()) {
                (Some(only), true) => only,
                (last, _) => of_list(nodes.into_iter().chain(last).collect()),
            })
        }
    }
}

fn of_list(items: Vec<Node>) -> Node {
    let count = items.len();
    let node = Node::default().text("type", "array");
    let node = if items.is_empty() { node } else { node.nodes("prefixItems", &items) };
    node.count("minItems", count).count("maxItems", count)
}

fn transparent(fields: &Fields) -> syn::Result<Node> {
    let mut read: Vec<(&Field, Attributes)> = Vec::new();
    for field in fields {
        let attributes = Attributes::read(field)?;
        // serde wants a default for each of the others.
        if !attributes.skipped && !attributes.default {
            read.push((field, attributes));
        }
    }
    match read.as_slice() {
        [(field, attributes)] => Ok(attributes.node(field)),
        _ => Err(Error::new_spanned(fields, "A transparent type has exactly one field that is read.")),
    }
}
