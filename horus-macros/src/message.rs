//! From the struct to its `Message` implementation.

use crate::attributes::{FieldAttributes, StructAttributes, check_repr, doc, plain};
use crate::layout;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, GenericArgument, Ident, PathArguments, Result, Type};

/// Longest name of a type or field, in bytes; a length in the encoded schema is one byte.
const NAME_BYTES_MAX: usize = 255;

/// One field, read and checked.
pub(crate) struct Member<'a> {
    pub(crate) ident: &'a Ident,
    pub(crate) ty: &'a Type,
    pub(crate) name: String,
    doc: String,
    attributes: FieldAttributes,
}

impl Member<'_> {
    /// Whether it only fills a gap.
    pub(crate) fn is_filling(&self) -> bool {
        self.name.starts_with('_')
    }
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let ident = &input.ident;
    let members = members(input)?;
    let attributes = StructAttributes::read(&input.attrs)?;
    let is_variable = attributes.is_variable || members.iter().any(|member| is_variable(member.ty));
    if !is_variable {
        check_repr(ident, &input.attrs)?;
    }
    let name = attributes.name.map_or_else(|| plain(ident), |name| name.value());
    check_name("type", &name, ident)?;
    let topic = match attributes.topic {
        Some(topic) => quote!(::core::option::Option::Some(#topic)),
        None => quote!(::core::option::Option::None),
    };
    let doc = doc(&input.attrs);
    let checks = layout::checks(ident, &members, !is_variable);
    let field_type = field_type(ident, &members, is_variable);
    let plain_data = if is_variable { TokenStream::new() } else { layout::plain_data(ident, &members) };
    // In one step each, for these are what a control loop does.
    let in_one_step = (!is_variable).then(|| {
        quote! {
            #[inline]
            fn as_plain_bytes(&self) -> ::core::option::Option<&[u8]> {
                ::horus_core::derived::plain_bytes(self)
            }

            #[inline]
            fn decode(bytes: &[u8]) -> ::core::result::Result<Self, ::horus_core::PayloadError> {
                ::horus_core::derived::decode_plain(bytes)
            }
        }
    });
    let described = members.iter().filter(|member| !member.is_filling()).map(description);
    let fields = members.iter().enumerate().map(|(i, member)| field(&members[..i], member));
    let defaults = members.iter().map(default);
    let choices = choices(input, &members);
    Ok(quote! {
        #checks
        #plain_data
        #choices

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

            #in_one_step
        }

        #field_type
    })
}

/// Gives the numbers of each enumeration their names: `FIELD_NAME`.
fn choices(input: &DeriveInput, members: &[Member<'_>]) -> TokenStream {
    let (ident, vis) = (&input.ident, &input.vis);
    let constants = members.iter().flat_map(|member| {
        let field = &member.name;
        member.attributes.one_of.iter().flatten().map(move |(name, number)| {
            let constant = format_ident!("{}_{}", field.to_uppercase(), name.to_uppercase());
            let doc = format!("The `{field}` that is called `{name}`.");
            quote! {
                #[doc = #doc]
                #vis const #constant: u8 = #number;
            }
        })
    });
    let constants: Vec<_> = constants.collect();
    if constants.is_empty() {
        return TokenStream::new();
    }
    quote! {
        #[allow(dead_code)]
        impl #ident {
            #(#constants)*
        }
    }
}

/// Makes the message a possible field of others.
fn field_type(ident: &Ident, members: &[Member<'_>], is_variable: bool) -> TokenStream {
    let head_bytes = layout::bytes_before(members);
    let types = members.iter().map(|member| member.ty);
    let aligns = members.iter().map(|member| member.ty);
    let access = if is_variable { field_by_field(members) } else { whole() };
    quote! {
        #[automatically_derived]
        impl ::horus_core::FieldType for #ident {
            const DEPTH: usize = 1 + ::horus_core::derived::largest(&[
                #(<#types as ::horus_core::FieldType>::DEPTH),*
            ]);
            const HEAD_BYTES: usize = #head_bytes;
            const ALIGN: usize = ::horus_core::derived::largest(&[
                #(<#aligns as ::horus_core::FieldType>::ALIGN),*
            ]);
            const IS_VARIABLE: bool = #is_variable;

            fn kind() -> ::horus_core::FieldKind {
                ::horus_core::FieldKind::Nested(
                    ::std::clone::Clone::clone(<Self as ::horus_core::Message>::schema()),
                )
            }

            fn initial() -> Self {
                ::core::default::Default::default()
            }

            #access
        }
    }
}

/// Reading and writing of plain data.
fn whole() -> TokenStream {
    quote! {
        fn write(&self, part: &mut [u8], _tails: &mut ::horus_core::TailWriter<'_>) {
            ::horus_core::derived::write_plain(self, part);
        }

        fn read(
            part: &[u8],
            _tails: &mut ::horus_core::TailReader<'_>,
        ) -> ::core::result::Result<Self, ::horus_core::ValueError> {
            ::core::result::Result::Ok(::horus_core::derived::read_plain(part))
        }
    }
}

/// Reading and writing of a message with tails.
fn field_by_field(members: &[Member<'_>]) -> TokenStream {
    let shown = members.iter().filter(|member| !member.is_filling()).map(|member| member.ident);
    let writes = members.iter().map(|member| {
        let (field, ty) = (member.ident, member.ty);
        match member.is_filling() {
            true => quote_spanned!(ty.span() => ::horus_core::derived::write_filling::<#ty>(&mut head)),
            false => quote!(::horus_core::derived::write(&self.#field, &mut head, tails)),
        }
    });
    let reads = members.iter().map(|member| {
        let (field, ty, name) = (member.ident, member.ty, &member.name);
        match member.is_filling() {
            true => quote!(#field: ::horus_core::derived::read_filling::<#ty>(&mut head)),
            false => quote!(#field: ::horus_core::derived::read::<#ty>(#name, &mut head, tails)?),
        }
    });
    quote! {
        fn tails_end(&self, end: usize) -> usize {
            #(let end = ::horus_core::FieldType::tails_end(&self.#shown, end);)*
            end
        }

        fn write(&self, part: &mut [u8], tails: &mut ::horus_core::TailWriter<'_>) {
            let mut head = part;
            #(#writes;)*
        }

        fn read(
            part: &[u8],
            tails: &mut ::horus_core::TailReader<'_>,
        ) -> ::core::result::Result<Self, ::horus_core::ValueError> {
            let mut head = part;
            // In the fields' order, which is the order of the tails.
            ::core::result::Result::Ok(Self { #(#reads),* })
        }
    }
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
    let members = fields.named.iter().map(member).collect::<Result<Vec<_>>>()?;
    if members.iter().all(Member::is_filling) {
        return Err(Error::new(ident.span(), format!("message `{ident}` needs at least one field")));
    }
    Ok(members)
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
    if name.starts_with('_') && (attributes.default.is_some() || attributes.one_of.is_some()) {
        let what =
            format!("field `{name}`: filling is always zero; a field to be set has a name without `_`");
        return Err(Error::new(ident.span(), what));
    }
    if name.starts_with('_') && is_variable(&field.ty) {
        let what = format!("field `{name}`: filling is of one size; use `[u8; N]`");
        return Err(Error::new(field.ty.span(), what));
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

/// Refuses in words the types that people reach for first; the trait bounds on fields catch all others.
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
            Some("str") => "a str has no size; use String or horus_core::FixedStr<N>",
            Some("Vec") => match items(ty) {
                Some(item) if is_variable(item) => {
                    "the items of a Vec are of one size; use `Vec<[T; N]>`, `Vec<horus_core::FixedStr<N>>`, or send a dict"
                }
                Some(item) => return check_type(field, item),
                None => return Ok(()),
            },
            Some("Box" | "Rc" | "Arc" | "HashMap" | "BTreeMap" | "VecDeque") => {
                "it points into this process alone; use `Vec<T>`, a fixed array `[T; N]`, or send a dict"
            }
            Some("Option") => "the layout of an Option isn't fixed; use a horus_core::Bool beside the value",
            Some("u128" | "i128") => "no other language reads 128 bits; use two u64",
            _ => return Ok(()),
        },
    };
    Err(Error::new(ty.span(), format!("field `{field}`: {instead}")))
}

/// Returns whether the type's name tells that its values differ in length.
fn is_variable(ty: &Type) -> bool {
    match ty {
        Type::Array(array) => is_variable(&array.elem),
        _ => matches!(last_name(ty).as_deref(), Some("Vec" | "String")),
    }
}

/// Returns the type of a Vec's items.
fn items(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(item) => Some(item),
        _ => None,
    })
}

fn last_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

fn description(member: &Member<'_>) -> TokenStream {
    let Member { name, doc, .. } = member;
    quote!(::horus_core::FieldInfo { name: #name, doc: #doc })
}

fn field(before: &[Member<'_>], member: &Member<'_>) -> TokenStream {
    let Member { ty, name, attributes, .. } = member;
    let offset = layout::bytes_before(before);
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
            offset: (#offset) as u32,
            kind: #kind,
        }
    }
}

fn default(member: &Member<'_>) -> TokenStream {
    let Member { ident, ty, attributes, .. } = member;
    match &attributes.default {
        Some(value) => quote!(#ident: #value),
        None if member.is_filling() => {
            quote_spanned!(ty.span() => #ident: <#ty as ::horus_core::bytemuck::Zeroable>::zeroed())
        }
        None => quote_spanned!(ty.span() => #ident: <#ty as ::horus_core::FieldType>::initial()),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
