//! What stands above a type.

use syn::{DeriveInput, Type};

use crate::attributes::{case_for_reading, each, named_type, skip_value, text, unknown};
use crate::case::Case;
use crate::docs;

/// A type's own attributes.
pub struct Container {
    pub description: Option<String>,
    /// The type is read as this other one.
    pub read_as: Option<Type>,
    pub rename_all: Option<Case>,
    /// For the fields of variants.
    pub rename_all_fields: Option<Case>,
    /// All fields have defaults.
    pub default: bool,
    pub closed: bool,
    pub transparent: bool,
    pub tagging: Tagging,
}

/// How an enum says which variant it is.
pub enum Tagging {
    External,
    Internal { tag: String },
    Adjacent { tag: String, content: String },
    Untagged,
}

impl Container {
    pub fn read(input: &DeriveInput) -> syn::Result<Container> {
        let mut container = Container {
            description: docs::description(&input.attrs),
            read_as: None,
            rename_all: None,
            rename_all_fields: None,
            default: false,
            closed: false,
            transparent: false,
            tagging: Tagging::External,
        };
        let (mut tag, mut content, mut untagged) = (None, None, false);
        each(&input.attrs, "serde", |name, part| {
            match name {
                "rename_all" => container.rename_all = case_for_reading(part)?,
                "rename_all_fields" => container.rename_all_fields = case_for_reading(part)?,
                "default" => {
                    skip_value(part)?;
                    container.default = true;
                }
                "deny_unknown_fields" => container.closed = true,
                "transparent" => container.transparent = true,
                "from" | "try_from" => container.read_as = Some(named_type(part)?),
                "tag" => tag = Some(text(part)?),
                "content" => content = Some(text(part)?),
                "untagged" => untagged = true,
                // What has no effect on the form that is read.
                "rename" | "bound" | "into" | "crate" | "expecting" => {
                    skip_value(part)?;
                }
                _ => return Err(unknown(part, "serde", name)),
            }
            Ok(())
        })?;
        each(&input.attrs, "schema", |name, part| match name {
            "with" => {
                container.read_as = Some(named_type(part)?);
                Ok(())
            }
            _ => Err(unknown(part, "schema", name)),
        })?;
        container.tagging = match (tag, content) {
            _ if untagged => Tagging::Untagged,
            (Some(tag), Some(content)) => Tagging::Adjacent { tag, content },
            (Some(tag), None) => Tagging::Internal { tag },
            (None, _) => Tagging::External,
        };
        Ok(container)
    }
}
