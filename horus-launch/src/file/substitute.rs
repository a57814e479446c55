//! `${…}` in the values of a launch file: replaced after parsing, so that no value can become YAML.

/// Returns the text with every `${NAME}`, `${NAME:-default}` and `${NAME:?message}` replaced by the value that
/// `lookup` has, and `$$` by a dollar sign.
///
/// # Errors
/// What is wrong, in words: a name that has no value, or a `$` that begins nothing.
pub(super) fn substitute(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('{') {
            let Some(end) = inner.find('}') else {
                return Err("`${` has no `}`; a dollar sign itself is `$$`".into());
            };
            out.push_str(&value(&inner[..end], lookup)?);
            rest = &inner[end + 1..];
        } else {
            return Err("`$` begins nothing; write `${NAME}`, or `$$` for a dollar sign".into());
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn value(inner: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let end =
        inner.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(inner.len());
    let (name, otherwise) = inner.split_at(end);
    if name.is_empty() {
        return Err(format!("`${{{inner}}}` names no variable"));
    }
    let found = lookup(name);
    if otherwise.is_empty() {
        return found
            .ok_or_else(|| format!("`${{{name}}}` is not set; `${{{name}:-default}}` gives it a value"));
    }
    // As a shell has it: with the colon an empty value is as good as none.
    let found = found.filter(|value| !value.is_empty());
    if let Some(default) = otherwise.strip_prefix(":-") {
        Ok(found.unwrap_or_else(|| default.to_owned()))
    } else if let Some(message) = otherwise.strip_prefix(":?") {
        found.ok_or_else(|| format!("{name}: {message}"))
    } else {
        Err(format!("`${{{inner}}}` is neither `${{NAME}}`, `${{NAME:-default}}` nor `${{NAME:?message}}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "RATE" => Some("50".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        substitute(text, &lookup)
    }

    #[test]
    fn values_take_the_place_of_names() {
        assert_eq!(with("a ${RATE} b$$c").as_deref(), Ok("a 50 b$c"));
        assert_eq!(with("${NONE:-x y}${RATE:-z}").as_deref(), Ok("x y50"));
        assert_eq!(with("${EMPTY}|${EMPTY:-d}").as_deref(), Ok("|d"));
        assert_eq!(with("ünï ${RATE}").as_deref(), Ok("ünï 50"));
    }

    #[test]
    fn what_has_no_value_is_said() {
        assert_eq!(with("${NONE}").unwrap_err(), "`${NONE}` is not set; `${NONE:-default}` gives it a value");
        assert_eq!(with("${NONE:?set it}").unwrap_err(), "NONE: set it");
        for text in ["${RATE", "$RATE", "${}", "${RATE+x}", "${NONE+x}"] {
            assert!(with(text).is_err(), "{text}");
        }
    }
}
