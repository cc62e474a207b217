//! How `#[serde(...)]` and `#[schema(...)]` are taken apart.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, LitStr, Token, Type};

use crate::case::Case;

/// Calls `one` with each part of all attributes of this name, and with the part's name.
pub fn each(
    attributes: &[Attribute],
    name: &str,
    mut one: impl FnMut(&str, &ParseNestedMeta) -> syn::Result<()>,
) -> syn::Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        attribute.parse_nested_meta(|part| {
            let name = part.path.get_ident().map(ToString::to_string).unwrap_or_default();
            one(&name, &part)
        })?;
    }
    Ok(())
}

/// The text behind `=`.
pub fn text(part: &ParseNestedMeta) -> syn::Result<String> {
    part.value()?.parse::<LitStr>().map(|text| text.value())
}

/// The type that stands as text behind `=`.
pub fn named_type(part: &ParseNestedMeta) -> syn::Result<Type> {
    part.value()?.parse::<LitStr>()?.parse()
}

/// What stands behind `=`, or between parentheses for `deserialize`. None if only `serialize` is there.
pub fn text_for_reading(part: &ParseNestedMeta) -> syn::Result<Option<String>> {
    if part.input.peek(Token![=]) {
        return text(part).map(Some);
    }
    let mut found = None;
    part.parse_nested_meta(|inner| {
        let text = text(&inner)?;
        if inner.path.is_ident("deserialize") {
            found = Some(text);
        }
        Ok(())
    })?;
    Ok(found)
}

/// As [`text_for_reading`], a case of `rename_all`.
pub fn case_for_reading(part: &ParseNestedMeta) -> syn::Result<Option<Case>> {
    let Some(name) = text_for_reading(part)? else { return Ok(None) };
    match Case::named(&name) {
        Some(case) => Ok(Some(case)),
        None => Err(part.error(format!("serde knows no case `{name}`."))),
    }
}

/// Whether a value follows; it is thrown away.
pub fn skip_value(part: &ParseNestedMeta) -> syn::Result<bool> {
    if part.input.peek(Token![=]) {
        tokens(part)?;
        return Ok(true);
    }
    if part.input.peek(syn::token::Paren) {
        part.parse_nested_meta(|inner| skip_value(&inner).map(drop))?;
    }
    Ok(false)
}

/// Whatever stands behind `=`, up to the next comma.
pub fn tokens(part: &ParseNestedMeta) -> syn::Result<TokenStream> {
    let value = part.value()?;
    let mut tokens = TokenStream::new();
    while !value.is_empty() && !value.peek(Token![,]) {
        tokens.extend([value.parse::<proc_macro2::TokenTree>()?]);
    }
    if tokens.is_empty() { Err(part.error("A value is missing behind `=`.")) } else { Ok(tokens) }
}

/// serde may read the type otherwise than this macro thinks.
pub fn unknown(part: &ParseNestedMeta, attribute: &str, name: &str) -> syn::Error {
    part.error(format!(
        "`#[derive(Schema)]` does not know `#[{attribute}({name})]`: leave it out, or implement `Schema` by hand."
    ))
}
