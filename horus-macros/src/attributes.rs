//! What stands in `#[message(…)]`, `#[repr(…)]` and the doc comments.

use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Meta, Result, Token};

/// The attributes of the struct.
#[derive(Default)]
pub(crate) struct StructAttributes {
    pub(crate) name: Option<LitStr>,
    pub(crate) topic: Option<LitStr>,
    /// A field holds a message with a `Vec` or `String`, which its type's name doesn't tell.
    pub(crate) is_variable: bool,
}

/// The attributes of one field.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) default: Option<Expr>,
    pub(crate) one_of: Option<Vec<(String, u8)>>,
}

impl StructAttributes {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut found = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("message")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("topic") {
                    found.topic = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("name") {
                    found.name = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("variable") {
                    found.is_variable = true;
                } else {
                    return Err(meta.error("a message takes `topic = \"…\"`, `name = \"…\"` and `variable`"));
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

impl FieldAttributes {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut found = Self::default();
        for attribute in attributes.iter().filter(|a| a.path().is_ident("message")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("default") {
                    found.default = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("one_of") {
                    let inner;
                    syn::parenthesized!(inner in meta.input);
                    let listed = inner.parse_terminated(choice, Token![,])?;
                    found.one_of = Some(distinct(listed.into_iter().collect(), meta.path.span())?);
                } else {
                    return Err(meta.error("a field takes `default = …` and `one_of(name = number, …)`"));
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

fn choice(input: syn::parse::ParseStream<'_>) -> Result<(Ident, u8)> {
    let name: Ident = input.parse()?;
    input.parse::<Token![=]>()?;
    let number: LitInt = input.parse()?;
    Ok((name, number.base10_parse()?))
}

fn distinct(listed: Vec<(Ident, u8)>, span: proc_macro2::Span) -> Result<Vec<(String, u8)>> {
    if listed.is_empty() {
        return Err(Error::new(span, "one_of needs at least one `name = number`"));
    }
    let mut kept: Vec<(String, u8)> = Vec::new();
    for (name, number) in listed {
        let text = plain(&name);
        if let Some((other, _)) = kept.iter().find(|(n, v)| *n == text || *v == number) {
            return Err(Error::new(
                name.span(),
                format!("`{text} = {number}` repeats the name or number of `{other}`"),
            ));
        }
        kept.push((text, number));
    }
    Ok(kept)
}

/// Returns the name without the `r#` of a raw identifier.
pub(crate) fn plain(name: &Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

/// Returns the doc comment as one text, its lines joined by spaces, a blank line kept as a paragraph's end; up to the first
/// heading, behind which stand examples in Rust.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else { continue };
        if !pair.path.is_ident("doc") {
            continue;
        }
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value else { continue };
        let line = line.value();
        match line.trim() {
            "" => text.push_str("\n\n"),
            line if line.starts_with("# ") => break,
            line => {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push(' ');
                }
                text.push_str(line);
            }
        }
    }
    text.trim().to_owned()
}

/// Checks that the struct is `#[repr(C)]` and nothing else.
pub(crate) fn check_repr(name: &Ident, attributes: &[Attribute]) -> Result<()> {
    let wanted = format!("message `{name}` needs #[repr(C)], so that every language sees one layout");
    let mut is_c = false;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("repr")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("C") {
                is_c = true;
                Ok(())
            } else {
                Err(meta.error(format!("{wanted}, and no other repr")))
            }
        })?;
    }
    if is_c { Ok(()) } else { Err(Error::new(name.span(), wanted)) }
}
