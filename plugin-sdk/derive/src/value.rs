//! Values in `#[schema(...)]`: literals, constants and lists of them.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote;
use syn::{Error, Lit, LitInt};

/// Types that a literal can name behind its digits.
const SUFFIXES: [&str; 15] =
    ["", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64"];

/// An expression of type `sluicegate_plugin::schema::Value`.
pub fn expression(tokens: TokenStream) -> syn::Result<TokenStream> {
    if let [TokenTree::Group(group)] = tokens.clone().into_iter().collect::<Vec<_>>().as_slice()
        && group.delimiter() == Delimiter::Bracket
    {
        return list(group.stream());
    }
    match syn::parse2(tokens.clone()) {
        Ok(Lit::Str(_)) => Ok(text(&tokens)),
        Ok(Lit::Bool(flag)) => Ok(quote!(::sluicegate_plugin::schema::Value::Flag(#flag))),
        Ok(Lit::Int(number)) => self::number(&tokens, number.base10_digits(), number.suffix()),
        Ok(Lit::Float(number)) => self::number(&tokens, number.base10_digits(), number.suffix()),
        Ok(_) => Err(Error::new_spanned(
            tokens,
            "A config has no such value: write a number, a text in double quotes, `true`, `false`, or a list of them in brackets.",
        )),
        Err(_) => Ok(constant(&tokens)),
    }
}

/// Of a whole number, or a constant expression of any integer type.
pub fn integer(tokens: &TokenStream) -> syn::Result<TokenStream> {
    match syn::parse2::<LitInt>(tokens.clone()) {
        Ok(number) => self::number(tokens, number.base10_digits(), number.suffix()),
        Err(_) => Ok(constant(tokens)),
    }
}

/// Of a constant expression of type `&'static str`.
pub fn text(tokens: &TokenStream) -> TokenStream {
    quote!(::sluicegate_plugin::schema::Value::Text(#tokens))
}

/// A cast alone would take the whole part of a fraction, and a flag for a number: neither of them has this operator.
fn constant(tokens: &TokenStream) -> TokenStream {
    quote!(::sluicegate_plugin::schema::Value::Integer(((#tokens) & !0) as i128))
}

/// A literal as JSON writes it; `digits` have neither underscores nor the suffix.
fn number(tokens: &TokenStream, digits: &str, suffix: &str) -> syn::Result<TokenStream> {
    if !SUFFIXES.contains(&suffix) {
        return Err(Error::new_spanned(tokens, format!("`{suffix}` is no type of a number: leave it out.")));
    }
    if digits.ends_with('.') {
        return Err(Error::new_spanned(tokens, format!("JSON has a digit behind each dot: write `{digits}0`.")));
    }
    if digits.parse::<f64>().is_ok_and(f64::is_infinite) {
        return Err(Error::new_spanned(tokens, "The number is too large: write one that an `f64` can hold."));
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let significant = digits.trim_start_matches('0');
    let zero = if significant.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "0" };
    let number = format!("{sign}{zero}{significant}");
    Ok(quote!(::sluicegate_plugin::schema::Value::Number(#number)))
}

fn list(tokens: TokenStream) -> syn::Result<TokenStream> {
    let mut items = vec![TokenStream::new()];
    for tree in tokens {
        match (&tree, items.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => items.push(TokenStream::new()),
            (_, Some(last)) => last.extend([tree]),
            (_, None) => {}
        }
    }
    items.retain(|item| !item.is_empty());
    let items = items.into_iter().map(expression).collect::<syn::Result<Vec<_>>>()?;
    Ok(quote!(::sluicegate_plugin::schema::Value::List(&[#(#items),*])))
}
