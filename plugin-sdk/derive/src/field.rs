//! What stands above a field.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Field, Type};

use crate::attributes::{each, named_type, skip_value, text, text_for_reading, tokens, unknown};
use crate::node::Node;
use crate::{docs, value};

/// A field's own attributes.
pub struct Attributes {
    /// As serde reads it.
    pub rename: Option<String>,
    pub aliases: Vec<String>,
    pub default: bool,
    /// It is never read.
    pub skipped: bool,
    /// What serde reads with a function of the author's own, which cannot read what is absent.
    read_by_function: bool,
    with: Option<Type>,
    description: Option<String>,
    /// Members of the schema by name.
    rules: Vec<(&'static str, TokenStream)>,
    examples: Vec<TokenStream>,
}

impl Attributes {
    pub fn read(field: &Field) -> syn::Result<Attributes> {
        let mut read = Attributes {
            rename: None,
            aliases: Vec::new(),
            default: false,
            skipped: false,
            read_by_function: false,
            with: None,
            description: docs::description(&field.attrs),
            rules: Vec::new(),
            examples: Vec::new(),
        };
        let mut plain_default = false;
        each(&field.attrs, "serde", |name, part| {
            match name {
                "rename" => read.rename = text_for_reading(part)?.or(read.rename.take()),
                "alias" => read.aliases.push(text(part)?),
                "default" => {
                    read.default = true;
                    plain_default = !skip_value(part)?;
                }
                "skip" | "skip_deserializing" => read.skipped = true,
                "with" | "deserialize_with" => {
                    skip_value(part)?;
                    read.read_by_function = true;
                }
                // What has no effect on the form that is read.
                "skip_serializing" | "skip_serializing_if" | "serialize_with" | "borrow" | "bound" | "getter" => {
                    skip_value(part)?;
                }
                "flatten" => {
                    return Err(part.error(
                        "`#[derive(Schema)]` does not know `flatten`, beside which serde finds no misspelt name: write the \
                         fields out here, or give them a table of their own.",
                    ));
                }
                _ => return Err(unknown(part, "serde", name)),
            }
            Ok(())
        })?;
        each(&field.attrs, "schema", |name, part| read.rule(name, part))?;
        if read.read_by_function && read.with.is_none() && !read.skipped {
            return Err(syn::Error::new_spanned(
                field,
                "Only the author knows what this function reads: say it with `#[schema(with = \"Type\")]`, a type that is read \
                 from the same form.",
            ));
        }
        if plain_default && !read.rules.iter().any(|(name, _)| *name == "default") {
            read.rules.extend(usual_default(&field.ty).map(|value| ("default", value)));
        }
        Ok(read)
    }

    fn rule(&mut self, name: &str, part: &syn::meta::ParseNestedMeta) -> syn::Result<()> {
        let (member, value) = match name {
            "with" => {
                self.with = Some(named_type(part)?);
                return Ok(());
            }
            "example" => {
                self.examples.push(value::expression(tokens(part)?)?);
                return Ok(());
            }
            "minimum" => ("minimum", value::expression(tokens(part)?)?),
            "maximum" => ("maximum", value::expression(tokens(part)?)?),
            "min_length" => ("minLength", value::integer(&tokens(part)?)?),
            "max_length" => ("maxLength", value::integer(&tokens(part)?)?),
            "min_items" => ("minItems", value::integer(&tokens(part)?)?),
            "max_items" => ("maxItems", value::integer(&tokens(part)?)?),
            "pattern" => ("pattern", value::text(&tokens(part)?)),
            "format" => ("format", value::text(&tokens(part)?)),
            "default" => ("default", value::expression(tokens(part)?)?),
            _ => return Err(unknown(part, "schema", name)),
        };
        self.rules.push((member, value));
        Ok(())
    }

    /// The schema of what is read for this field.
    pub fn node(&self, field: &Field) -> Node {
        let mut node = Node::of(self.with.as_ref().unwrap_or(&field.ty)).described(self.description.as_deref());
        for (name, value) in &self.rules {
            node = node.with(name, value.clone());
        }
        if !self.examples.is_empty() {
            let examples = &self.examples;
            node = node.with("examples", quote!(::sluicegate_plugin::schema::Value::List(&[#(#examples),*])));
        }
        node
    }

    /// Whether the field must be there: an expression of type `bool`.
    pub fn required(&self, field: &Field) -> TokenStream {
        // Which of several names stands there is no matter of a list of names.
        if self.default || !self.aliases.is_empty() {
            return quote!(false);
        }
        if self.read_by_function {
            return quote!(true);
        }
        if self.with.is_some() {
            let required = !is_option(&field.ty);
            return quote!(#required);
        }
        let optional = Node::of(&field.ty).optional();
        quote!(!#optional)
    }
}

/// By its name, for a type that need not have a schema.
fn is_option(of: &Type) -> bool {
    matches!(of, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
}

/// `Default` of the types whose default is a plain word.
fn usual_default(of: &Type) -> Option<TokenStream> {
    let Type::Path(path) = of else { return None };
    let name = path.path.get_ident()?.to_string();
    match name.as_str() {
        "bool" => Some(quote!(::sluicegate_plugin::schema::Value::Flag(false))),
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => {
            Some(quote!(::sluicegate_plugin::schema::Value::Integer(0)))
        }
        _ => None,
    }
}
