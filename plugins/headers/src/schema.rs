//! What an operation may hold, for whoever writes one. Nothing is read into these types.

use sluicegate_plugin::Schema;
use sluicegate_plugin::schema::{Member, Node, Value};

use crate::template::{BYTES_MAX, WhenEmpty};

/// One change of a header field.
#[derive(Schema)]
#[serde(untagged, deny_unknown_fields)]
#[expect(dead_code, reason = "only the schema is used")]
pub enum Operation {
    /// Replaces all values of the field.
    Set {
        /// The field's name.
        set: FieldName,
        /// Text with placeholders: `${identity.PART}`, `${identity.claim.NAME}`, `${request.header.NAME}`, `${request.method}`,
        /// `${request.path}`, `${request.authority}`, `${exchange.id}`, `${exchange.route}`, `${client.address}` and, for an
        /// answer, `${reply.status}`. `$$` stands for a dollar sign.
        #[schema(max_length = BYTES_MAX, example = "${identity.consumer}")]
        value: String,
        /// What becomes of the value if something in it is absent.
        #[schema(default = "skip")]
        when_empty: Option<WhenEmpty>,
    },
    /// Adds a value beside those that are there.
    Append {
        /// The field's name.
        append: FieldName,
        /// Text with placeholders, as for `set`.
        #[schema(max_length = BYTES_MAX, example = "${identity.consumer}")]
        value: String,
        /// What becomes of the value if something in it is absent.
        #[schema(default = "skip")]
        when_empty: Option<WhenEmpty>,
    },
    /// Moves all values. Without a value to move nothing changes.
    Rename {
        /// The field's name.
        rename: FieldName,
        /// The new name, whose values are replaced.
        to: FieldName,
    },
    /// Removes all values.
    Remove {
        /// The field's name.
        remove: FieldName,
    },
}

/// RFC 9110, 5.1.
pub struct FieldName;

impl Schema for FieldName {
    const SCHEMA: Node = Node {
        members: &[
            Member { name: "type", value: Value::Text("string") },
            Member { name: "pattern", value: Value::Text("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") },
        ],
        ..Node::ANYTHING
    };
}
