//! Where the fields lie, and what must hold so that no byte of a message stands for nothing.

use crate::message::Member;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned;

/// Returns the bytes that these fields, the first of a message, take in its head.
pub(crate) fn bytes_before(members: &[Member<'_>]) -> TokenStream {
    let types = members.iter().map(|member| member.ty);
    quote!(0usize #(+ <#types as ::horus_core::FieldType>::HEAD_BYTES)*)
}

/// Asserts that no byte of the head is padding, and that the message keeps to the limits of schemas.
///
/// Of a plain message this is the struct itself, as the compiler lays it out; of another the head that is written.
pub(crate) fn checks(ident: &Ident, members: &[Member<'_>], is_plain: bool) -> TokenStream {
    let mut asserts = TokenStream::new();
    for (index, Member { ident: field, ty, name, .. }) in members.iter().enumerate() {
        let message = format!(
            "padding before field `{name}` of message `{ident}`: put larger fields first, or fill the gap with a field `_filling: [u8; N]`"
        );
        let before = bytes_before(&members[..index]);
        let varies = format!(
            "field `{name}` makes message `{ident}` vary in length: write #[message(variable)] above the struct"
        );
        asserts.extend(match is_plain {
            true => quote_spanned! { field.span() =>
                ::core::assert!(!<#ty as ::horus_core::FieldType>::IS_VARIABLE, #varies);
                ::core::assert!(::core::mem::offset_of!(#ident, #field) == #before, #message);
            },
            false => quote_spanned! { field.span() =>
                ::core::assert!((#before).is_multiple_of(<#ty as ::horus_core::FieldType>::ALIGN), #message);
            },
        });
    }
    let last = members.last().map(|member| member.name.as_str()).unwrap_or_default();
    let after = format!(
        "padding after field `{last}`, the last of message `{ident}`: fill up to a multiple of its largest field with a field `_filling: [u8; N]`"
    );
    let deep = format!("message `{ident}` is nested too deeply");
    let large = format!("message `{ident}` is larger than a message may be");
    let this = quote!(<#ident as ::horus_core::FieldType>);
    let ends = match is_plain {
        true => quote!(::core::mem::size_of::<#ident>() == #this::HEAD_BYTES),
        false => quote!(#this::HEAD_BYTES.is_multiple_of(#this::ALIGN)),
    };
    quote! {
        const _: () = {
            #asserts
            ::core::assert!(#ends, #after);
            ::core::assert!(#this::DEPTH <= ::horus_core::SCHEMA_DEPTH_MAX as usize, #deep);
            ::core::assert!(#this::HEAD_BYTES <= ::horus_core::TYPE_BYTES_MAX as usize, #large);
        };
    }
}

/// Says that the type is plain data; stands behind [`checks`].
pub(crate) fn plain_data(ident: &Ident, members: &[Member<'_>]) -> TokenStream {
    let has_filling = members.iter().map(|member| match member.is_filling() {
        true => quote!(true),
        false => {
            let ty = member.ty;
            quote_spanned!(ty.span() => <#ty as ::horus_core::PlainField>::HAS_FILLING)
        }
    });
    let ranges = members.iter().enumerate().map(|(index, member)| {
        let (at, ty) = (bytes_before(&members[..index]), member.ty);
        match member.is_filling() {
            true => quote!(visit(at + #at..at + #at + <#ty as ::horus_core::FieldType>::HEAD_BYTES)),
            false => quote!(<#ty as ::horus_core::PlainField>::each_filling(at + #at, visit)),
        }
    });
    quote! {
        // SAFETY: every field implements PlainField (named for each below), which only plain data can, so all zeros
        // is a valid value.
        unsafe impl ::horus_core::bytemuck::Zeroable for #ident {}
        // SAFETY: repr(C), all fields plain data, and the assertions above leave no padding byte.
        unsafe impl ::horus_core::bytemuck::Pod for #ident {}

        #[automatically_derived]
        impl ::horus_core::PlainField for #ident {
            const HAS_FILLING: bool = #(#has_filling)||*;

            fn each_filling(at: usize, visit: &mut impl FnMut(::core::ops::Range<usize>)) {
                #(#ranges;)*
            }
        }
    }
}
