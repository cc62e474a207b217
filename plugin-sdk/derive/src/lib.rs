//! `#[derive(Schema)]`: what a type looks like in a config, as serde reads it, written down at compile time.
//!
//! Part of `sluicegate_plugin`, which explains it.

mod attributes;
mod case;
mod container;
mod docs;
mod field;
mod fields;
mod node;
#[cfg(test)]
mod tests;
mod value;
mod variant;

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, parse_macro_input, parse_quote};

use container::Container;

/// Implements `sluicegate_plugin::Schema`. The crate `sluicegate_plugin` documents it.
#[proc_macro_derive(Schema, attributes(schema, serde))]
pub fn derive_schema(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(input).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(mut input: DeriveInput) -> syn::Result<proc_macro2::TokenStream> {
    let container = Container::read(&input)?;
    let node = match (&container.read_as, &input.data) {
        (Some(other), _) => node::Node::of(other).described(container.description.as_deref()),
        (None, Data::Struct(data)) => fields::of_struct(&container, &data.fields)?,
        (None, Data::Enum(data)) => variant::of_enum(&container, data.variants.iter())?,
        (None, Data::Union(_)) => {
            return Err(Error::new_spanned(&input.ident, "A union has no form in a config: use a struct or an enum."));
        }
    };
    for parameter in input.generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::sluicegate_plugin::Schema));
    }
    let name = &input.ident;
    let (parameters, arguments, conditions) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::sluicegate_plugin::Schema for #name #arguments #conditions {
            const SCHEMA: ::sluicegate_plugin::schema::Node = #node;
        }
    })
}
