//! Values in `#[schema(...)]`: literals, constants and lists of them.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote;

/// An expression of type `sluicegate_plugin::schema::Value`.
pub fn expression(tokens: TokenStream) -> TokenStream {
    let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    match trees.as_slice() {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::Bracket => list(group.stream()),
        [TokenTree::Ident(word)] if *word == "true" || *word == "false" => {
            quote!(::sluicegate_plugin::schema::Value::Flag(#word))
        }
        [TokenTree::Literal(literal)] if literal.to_string().starts_with(['"', 'r']) => text(&tokens),
        [.., TokenTree::Literal(literal)] if literal.to_string().contains('.') => {
            let number: String = trees.iter().map(ToString::to_string).collect();
            quote!(::sluicegate_plugin::schema::Value::Number(#number))
        }
        _ => integer(&tokens),
    }
}

/// Of a constant expression of any integer type.
pub fn integer(tokens: &TokenStream) -> TokenStream {
    quote!(::sluicegate_plugin::schema::Value::Integer((#tokens) as i128))
}

/// Of a constant expression of type `&'static str`.
pub fn text(tokens: &TokenStream) -> TokenStream {
    quote!(::sluicegate_plugin::schema::Value::Text(#tokens))
}

fn list(tokens: TokenStream) -> TokenStream {
    let mut items = vec![TokenStream::new()];
    for tree in tokens {
        match (&tree, items.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => items.push(TokenStream::new()),
            (_, Some(last)) => last.extend([tree]),
            (_, None) => {}
        }
    }
    items.retain(|item| !item.is_empty());
    let items = items.into_iter().map(expression);
    quote!(::sluicegate_plugin::schema::Value::List(&[#(#items),*]))
}
