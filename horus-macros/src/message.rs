//! From the struct to its `Message` implementation.

use crate::attributes::{FieldAttributes, StructAttributes, check_repr, doc, plain};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, Result, Type};

/// Longest name of a type or field, in bytes; a length in the encoded schema is one byte.
const NAME_BYTES_MAX: usize = 255;

/// One field, read and checked.
struct Member<'a> {
    ident: &'a Ident,
    ty: &'a Type,
    name: String,
    doc: String,
    attributes: FieldAttributes,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let ident = &input.ident;
    let members = members(input)?;
    check_repr(ident, &input.attrs)?;
    let attributes = StructAttributes::read(&input.attrs)?;
    let name = attributes.name.map_or_else(|| plain(ident), |name| name.value());
    check_name("type", &name, ident)?;
    let topic = match attributes.topic {
        Some(topic) => quote!(::core::option::Option::Some(#topic)),
        None => quote!(::core::option::Option::None),
    };
    let doc = doc(&input.attrs);
    let layout = layout(ident, &members);
    let described = members.iter().map(description);
    let fields = members.iter().map(|member| field(ident, member));
    let defaults = members.iter().map(default);
    let types = members.iter().map(|member| member.ty);
    Ok(quote! {
        #layout

        #[automatically_derived]
        impl ::core::default::Default for #ident {
            fn default() -> Self {
                Self { #(#defaults),* }
            }
        }

        #[automatically_derived]
        impl ::horus_core::Message for #ident {
            const NAME: &'static str = #name;
            const TOPIC: ::core::option::Option<&'static str> = #topic;
            const DOC: &'static str = #doc;
            const FIELDS: &'static [::horus_core::FieldInfo] = &[#(#described),*];

            fn schema() -> &'static ::horus_core::Schema {
                static SCHEMA: ::std::sync::OnceLock<::horus_core::Schema> = ::std::sync::OnceLock::new();
                SCHEMA.get_or_init(|| {
                    ::horus_core::derived::schema(#name, ::std::vec![#(#fields),*])
                })
            }
        }

        #[automatically_derived]
        impl ::horus_core::FieldType for #ident {
            const DEPTH: u32 = 1 + ::horus_core::derived::deepest(&[
                #(<#types as ::horus_core::FieldType>::DEPTH),*
            ]);

            fn kind() -> ::horus_core::FieldKind {
                ::horus_core::FieldKind::Nested(
                    ::std::clone::Clone::clone(<Self as ::horus_core::Message>::schema()),
                )
            }

            fn initial() -> Self {
                ::core::default::Default::default()
            }
        }
    })
}

/// Reads the fields of a struct that can be a message.
fn members(input: &DeriveInput) -> Result<Vec<Member<'_>>> {
    let ident = &input.ident;
    let Data::Struct(data) = &input.data else {
        let what =
            "a message is a struct; for an enumeration, give a u8 field #[message(one_of(name = 0, …))]";
        return Err(Error::new(ident.span(), what));
    };
    if !input.generics.params.is_empty() {
        let what = format!("message `{ident}` can't be generic: its name stands for one layout");
        return Err(Error::new(input.generics.span(), what));
    }
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new(ident.span(), format!("message `{ident}` needs named fields")));
    };
    if fields.named.is_empty() {
        return Err(Error::new(ident.span(), format!("message `{ident}` needs at least one field")));
    }
    fields.named.iter().map(member).collect()
}

fn member(field: &Field) -> Result<Member<'_>> {
    let ident = field.ident.as_ref().expect("named fields have a name");
    let name = plain(ident);
    check_name("field", &name, ident)?;
    check_type(&name, &field.ty)?;
    let attributes = FieldAttributes::read(&field.attrs)?;
    if attributes.one_of.is_some() && last_name(&field.ty).as_deref() != Some("u8") {
        return Err(Error::new(field.ty.span(), format!("field `{name}`: one_of stands on a u8 only")));
    }
    Ok(Member { ident, ty: &field.ty, name, doc: doc(&field.attrs), attributes })
}

fn check_name(what: &str, name: &str, ident: &Ident) -> Result<()> {
    match name.len() {
        0 => Err(Error::new(ident.span(), format!("the {what}'s name is empty"))),
        1..=NAME_BYTES_MAX => Ok(()),
        n => Err(Error::new(
            ident.span(),
            format!("the {what}'s name has {n} bytes, the limit is {NAME_BYTES_MAX}"),
        )),
    }
}

/// Refuses in words the types that people reach for first; the trait bound on `FieldType` catches all others.
fn check_type(field: &str, ty: &Type) -> Result<()> {
    let instead = match ty {
        Type::Array(array) => return check_type(field, &array.elem),
        Type::Reference(_) | Type::Ptr(_) => {
            "a reference means nothing in another process; hold the value itself"
        }
        Type::Tuple(_) => "the layout of a tuple isn't fixed; use a struct that derives Message",
        _ => match last_name(ty).as_deref() {
            Some("bool") => {
                "a bool read from shared memory may be neither true nor false; use horus_core::Bool"
            }
            Some("usize" | "isize") => "its size depends on the machine; use u32, u64, i32 or i64",
            Some("char") => "not every u32 is a char; use u32 or horus_core::FixedStr<4>",
            Some("String" | "str") => {
                "text of any length lives in this process alone; use horus_core::FixedStr<N>"
            }
            Some("Vec" | "Box" | "Rc" | "Arc" | "HashMap" | "BTreeMap" | "VecDeque") => {
                "it points into this process alone; use a fixed array `[T; N]`, or send a dict"
            }
            Some("Option") => "the layout of an Option isn't fixed; use a horus_core::Bool beside the value",
            Some("u128" | "i128") => "no other language reads 128 bits; use two u64",
            _ => return Ok(()),
        },
    };
    Err(Error::new(ty.span(), format!("field `{field}`: {instead}")))
}

fn last_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// Asserts that no byte is padding, and only then says that the type is plain data.
fn layout(ident: &Ident, members: &[Member<'_>]) -> TokenStream {
    let mut before = TokenStream::new();
    let mut asserts = TokenStream::new();
    for Member { ident: field, ty, name, .. } in members {
        let message = format!(
            "padding before field `{name}` of message `{ident}`: put larger fields first, or fill the gap with a field of your own"
        );
        asserts.extend(quote_spanned! { field.span() =>
            ::core::assert!(::core::mem::offset_of!(#ident, #field) == 0 #before, #message);
        });
        before.extend(quote!(+ ::core::mem::size_of::<#ty>()));
    }
    let last = members.last().map(|member| member.name.as_str()).unwrap_or_default();
    let after = format!(
        "padding after field `{last}`, the last of message `{ident}`: fill up to a multiple of its largest field with a field of your own"
    );
    let deep = format!("message `{ident}` is nested too deeply");
    let large = format!("message `{ident}` is larger than a message may be");
    quote! {
        const _: () = {
            #asserts
            ::core::assert!(::core::mem::size_of::<#ident>() == 0 #before, #after);
            ::core::assert!(<#ident as ::horus_core::FieldType>::DEPTH <= ::horus_core::SCHEMA_DEPTH_MAX, #deep);
            ::core::assert!(::core::mem::size_of::<#ident>() <= ::horus_core::TYPE_BYTES_MAX as usize, #large);
        };

        // SAFETY: every field implements FieldType (`schema` below calls it for each), which only plain data can, so
        // all zeros is a valid value.
        unsafe impl ::horus_core::bytemuck::Zeroable for #ident {}
        // SAFETY: repr(C), all fields plain data, and the assertions above leave no padding byte.
        unsafe impl ::horus_core::bytemuck::Pod for #ident {}
    }
}

fn description(member: &Member<'_>) -> TokenStream {
    let Member { name, doc, .. } = member;
    quote!(::horus_core::FieldInfo { name: #name, doc: #doc })
}

fn field(ident: &Ident, member: &Member<'_>) -> TokenStream {
    let Member { ident: field, ty, name, attributes, .. } = member;
    let kind = match &attributes.one_of {
        Some(listed) => {
            let names = listed.iter().map(|(name, _)| name);
            let numbers = listed.iter().map(|(_, number)| number);
            quote!(::horus_core::FieldKind::Enum(
                ::std::vec![#((::std::string::String::from(#names), #numbers)),*]
            ))
        }
        None => quote_spanned!(ty.span() => <#ty as ::horus_core::FieldType>::kind()),
    };
    quote! {
        ::horus_core::Field {
            name: ::std::string::String::from(#name),
            offset: ::core::mem::offset_of!(#ident, #field) as u32,
            kind: #kind,
        }
    }
}

fn default(member: &Member<'_>) -> TokenStream {
    let Member { ident, ty, attributes, .. } = member;
    match &attributes.default {
        Some(value) => quote!(#ident: #value),
        None => quote_spanned!(ty.span() => #ident: <#ty as ::horus_core::FieldType>::initial()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(source: &str) -> Result<TokenStream> {
        expand(&syn::parse_str(source)?)
    }

    fn refused(source: &str) -> String {
        expanded(source).expect_err(source).to_string()
    }

    #[test]
    fn the_layout_must_be_the_same_in_every_language() {
        let needs = "message `A` needs #[repr(C)], so that every language sees one layout";
        assert_eq!(refused("struct A { x: f64 }"), needs);
        for repr in ["Rust", "packed", "C, packed", "C, align(16)", "transparent"] {
            assert_eq!(
                refused(&format!("#[repr({repr})] struct A {{ x: f64 }}")),
                format!("{needs}, and no other repr")
            );
        }
        assert!(expanded("#[repr(C)] struct A { x: f64 }").is_ok());
    }

    #[test]
    fn only_a_struct_with_named_fields_is_a_message() {
        assert!(refused("#[repr(u8)] enum A { B }").starts_with("a message is a struct"));
        assert!(refused("#[repr(C)] union A { x: u8 }").starts_with("a message is a struct"));
        assert_eq!(refused("#[repr(C)] struct A(f64);"), "message `A` needs named fields");
        assert_eq!(refused("#[repr(C)] struct A {}"), "message `A` needs at least one field");
        assert!(refused("#[repr(C)] struct A<T> { x: T }").contains("can't be generic"));
    }

    #[test]
    fn types_that_mean_nothing_elsewhere_are_refused_with_what_to_use() {
        for (ty, instead) in [
            ("bool", "horus_core::Bool"),
            ("[bool; 4]", "horus_core::Bool"),
            ("usize", "use u32"),
            ("char", "FixedStr<4>"),
            ("String", "horus_core::FixedStr<N>"),
            ("std::string::String", "horus_core::FixedStr<N>"),
            ("Vec<f64>", "fixed array"),
            ("Option<f64>", "horus_core::Bool"),
            ("(f32, f32)", "derives Message"),
            ("&'static f64", "hold the value itself"),
            ("i128", "two u64"),
        ] {
            let words = refused(&format!("#[repr(C)] struct A {{ x: {ty} }}"));
            assert!(words.starts_with("field `x`: ") && words.contains(instead), "{ty}: {words}");
        }
    }

    #[test]
    fn attributes_are_checked() {
        let field =
            |attribute: &str| refused(&format!("#[repr(C)] struct A {{ #[message({attribute})] x: u8 }}"));
        assert_eq!(field("defualt = 1"), "a field takes `default = …` and `one_of(name = number, …)`");
        assert_eq!(field("one_of()"), "one_of needs at least one `name = number`");
        assert_eq!(field("one_of(a = 1, b = 1)"), "`b = 1` repeats the name or number of `a`");
        assert_eq!(field("one_of(a = 1, a = 2)"), "`a = 2` repeats the name or number of `a`");
        assert!(field("one_of(a = 256)").contains("too large"));
        let wide = refused("#[repr(C)] struct A { #[message(one_of(a = 1))] x: u16 }");
        assert_eq!(wide, "field `x`: one_of stands on a u8 only");
        assert_eq!(
            refused("#[repr(C)] #[message(topics = \"a\")] struct A { x: u8 }"),
            "a message takes `topic = \"…\"` and `name = \"…\"`"
        );
        assert_eq!(
            refused("#[repr(C)] #[message(name = \"\")] struct A { x: u8 }"),
            "the type's name is empty"
        );
    }

    #[test]
    fn padding_is_asserted_by_name_before_the_type_counts_as_plain_data() {
        let tokens = expanded("#[repr(C)] struct A { x: u8, y: f64 }").unwrap().to_string();
        let place = |text: &str| tokens.find(text).unwrap_or_else(|| panic!("{text} in {tokens}"));
        assert!(
            place("padding before field `y` of message `A`")
                < place("padding after field `y`, the last of message `A`")
        );
        assert!(place("padding after field `y`") < place("Pod for A"));
    }
}
