//! A schema as tokens: an expression of type `sluicegate_plugin::schema::Node`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::Type;

/// Members, and a schema whose own members stand behind them.
#[derive(Default)]
pub struct Node {
    members: Vec<TokenStream>,
    base: Option<TokenStream>,
    optional: TokenStream,
}

impl Node {
    /// The schema of another type.
    pub fn of(other: &Type) -> Node {
        let other = quote!(<#other as ::sluicegate_plugin::Schema>::SCHEMA);
        Node { members: Vec::new(), optional: quote!(#other.optional), base: Some(other) }
    }

    /// `value` is an expression of type `sluicegate_plugin::schema::Value`.
    pub fn with(mut self, name: &str, value: TokenStream) -> Node {
        self.members.push(quote!(::sluicegate_plugin::schema::Member { name: #name, value: #value }));
        self
    }

    pub fn text(self, name: &str, text: &str) -> Node {
        self.with(name, quote!(::sluicegate_plugin::schema::Value::Text(#text)))
    }

    pub fn flag(self, name: &str, flag: bool) -> Node {
        self.with(name, quote!(::sluicegate_plugin::schema::Value::Flag(#flag)))
    }

    pub fn count(self, name: &str, count: usize) -> Node {
        self.with(name, quote!(::sluicegate_plugin::schema::Value::Integer(#count as i128)))
    }

    /// A list of schemas, such as `oneOf`.
    pub fn nodes(self, name: &str, nodes: &[Node]) -> Node {
        self.with(name, quote!(::sluicegate_plugin::schema::Value::Nodes(&[#(#nodes),*])))
    }

    pub fn described(self, description: Option<&str>) -> Node {
        match description {
            Some(description) => self.text("description", description),
            None => self,
        }
    }

    /// The members of a table, of which `required` is an expression of type `bool`.
    pub fn properties(self, properties: &[Property]) -> Node {
        let all = properties.iter().map(|Property { name, node, required }| {
            quote!(::sluicegate_plugin::schema::Property { name: #name, node: &#node, required: #required })
        });
        let all = quote!(&[#(#all),*]);
        self.with("properties", quote!(::sluicegate_plugin::schema::Value::Properties(#all)))
            .with("required", quote!(::sluicegate_plugin::schema::Value::Required(#all)))
    }

    /// Whether the type reads what is absent, as `Option` does: an expression of type `bool`.
    pub fn optional(&self) -> TokenStream {
        if self.optional.is_empty() { quote!(false) } else { self.optional.clone() }
    }
}

impl ToTokens for Node {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let members = &self.members;
        let optional = self.optional();
        let base = match &self.base {
            Some(base) => quote!(::core::option::Option::Some(&#base)),
            None => quote!(::core::option::Option::None),
        };
        tokens.extend(quote! {
            ::sluicegate_plugin::schema::Node { members: &[#(#members),*], base: #base, optional: #optional }
        });
    }
}

/// One member of a table.
pub struct Property {
    pub name: String,
    pub node: Node,
    pub required: TokenStream,
}
