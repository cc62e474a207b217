//! Enums, with each of serde's ways to say which variant it is.

use quote::quote;
use syn::{Fields, Variant, ext::IdentExt};

use crate::attributes::{case_for_reading, each, skip_value, text, text_for_reading, unknown};
use crate::case::Case;
use crate::container::{Container, Tagging};
use crate::docs;
use crate::fields::{Table, of_content, of_table};
use crate::node::{Node, Property};

pub fn of_enum<'a>(container: &Container, variants: impl Iterator<Item = &'a Variant>) -> syn::Result<Node> {
    let mut read = Vec::new();
    for variant in variants {
        let attributes = Attributes::read(container, variant)?;
        if !attributes.skipped {
            read.push((variant, attributes));
        }
    }
    let plain_words = matches!(container.tagging, Tagging::External)
        && read.iter().all(|(variant, attributes)| {
            matches!(variant.fields, Fields::Unit) && attributes.description.is_none() && !attributes.untagged
        });
    let node = if plain_words {
        let names = read.iter().flat_map(|(_, attributes)| &attributes.names);
        let names = names.map(|name| quote!(::sluicegate_plugin::schema::Value::Text(#name)));
        let names = quote!(::sluicegate_plugin::schema::Value::List(&[#(#names),*]));
        Node::default().text("type", "string").with("enum", names)
    } else {
        let mut nodes = Vec::new();
        for (variant, attributes) in &read {
            for name in &attributes.names {
                let node = of_variant(container, variant, attributes, name)?;
                nodes.push(node.described(attributes.description.as_deref()));
            }
        }
        let untagged = matches!(container.tagging, Tagging::Untagged) || read.iter().any(|(_, read)| read.untagged);
        // What is not told apart by a name may fit several.
        Node::default().nodes(if untagged { "anyOf" } else { "oneOf" }, &nodes)
    };
    Ok(node.described(container.description.as_deref()))
}

fn of_variant(container: &Container, variant: &Variant, read: &Attributes, name: &str) -> syn::Result<Node> {
    let table = Table { rename_all: read.rename_all, default: false, closed: container.closed };
    let fields = &variant.fields;
    if read.untagged {
        return of_untagged(table, fields);
    }
    let constant = || Node::default().text("const", name);
    let property = |name: &str, node: Node| Property { name: name.to_owned(), node, required: quote!(true) };
    let object = || Node::default().text("type", "object");
    match (&container.tagging, fields) {
        (Tagging::Untagged, _) => of_untagged(table, fields),
        (Tagging::External, Fields::Unit) => Ok(constant()),
        (Tagging::External, _) => {
            let properties = [property(name, of_content(table, fields)?)];
            Ok(object().properties(&properties).flag("additionalProperties", false))
        }
        (Tagging::Internal { tag }, Fields::Named(named)) => of_table(table, named, vec![property(tag, constant())]),
        (Tagging::Internal { tag }, Fields::Unit) => Ok(object().properties(&[property(tag, constant())])),
        (Tagging::Internal { tag }, Fields::Unnamed(_)) => {
            // The members of the table inside stand beside the tag.
            Ok(of_content(table, fields)?.properties(&[property(tag, constant())]))
        }
        (Tagging::Adjacent { tag, content }, _) => {
            let mut properties = vec![property(tag, constant())];
            if !matches!(fields, Fields::Unit) {
                properties.push(property(content, of_content(table, fields)?));
            }
            let node = object().properties(&properties);
            Ok(if container.closed { node.flag("additionalProperties", false) } else { node })
        }
    }
}

fn of_untagged(table: Table, fields: &Fields) -> syn::Result<Node> {
    match fields {
        Fields::Unit => Ok(Node::default().text("type", "null")),
        _ => of_content(table, fields),
    }
}

/// A variant's own attributes.
struct Attributes {
    /// The name and its aliases.
    names: Vec<String>,
    /// Of the variant's fields.
    rename_all: Option<Case>,
    untagged: bool,
    skipped: bool,
    description: Option<String>,
}

impl Attributes {
    fn read(container: &Container, variant: &Variant) -> syn::Result<Attributes> {
        let (mut rename, mut aliases) = (None, Vec::new());
        let mut read = Attributes {
            names: Vec::new(),
            rename_all: container.rename_all_fields,
            untagged: false,
            skipped: false,
            description: docs::description(&variant.attrs),
        };
        each(&variant.attrs, "serde", |name, part| {
            match name {
                "rename" => rename = text_for_reading(part)?.or(rename.take()),
                "alias" => aliases.push(text(part)?),
                "rename_all" => read.rename_all = case_for_reading(part)?.or(read.rename_all),
                "untagged" => read.untagged = true,
                "skip" | "skip_deserializing" => read.skipped = true,
                // What has no effect on the form that is read.
                "skip_serializing" | "serialize_with" | "borrow" | "bound" => {
                    skip_value(part)?;
                }
                _ => return Err(unknown(part, "serde", name)),
            }
            Ok(())
        })?;
        each(&variant.attrs, "schema", |name, part| Err(unknown(part, "schema", name)))?;
        let written = variant.ident.unraw().to_string();
        let usual = || container.rename_all.map_or_else(|| written.clone(), |case| case.of_variant(&written));
        read.names.push(rename.unwrap_or_else(usual));
        read.names.append(&mut aliases);
        Ok(read)
    }
}
