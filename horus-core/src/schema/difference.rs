//! Where two schemas part, in words.

use super::{Field, FieldKind, Schema};

impl Schema {
    /// Returns the first field in which two layouts differ, in words, or nothing if their fields are equal.
    ///
    /// `here` is this schema, `there` the other. The types' names are not compared: who prints this prints them.
    ///
    /// # Examples
    /// `field 'angular': f32 at offset 4 here, f64 at offset 8 there`
    pub fn first_difference(&self, other: &Schema) -> Option<String> {
        difference(self, other, "")
    }
}

fn difference(here: &Schema, there: &Schema, prefix: &str) -> Option<String> {
    let count = here.fields.len().max(there.fields.len());
    (0..count).find_map(|i| match (here.fields.get(i), there.fields.get(i)) {
        (Some(a), Some(b)) if a == b => None,
        (Some(a), Some(b)) if a.name == b.name => Some(same_name(a, b, prefix)),
        (Some(a), Some(b)) => Some(format!(
            "field '{prefix}{}' at offset {} here, '{prefix}{}' at offset {} there",
            a.name, a.offset, b.name, b.offset
        )),
        (Some(a), None) => {
            Some(format!("field '{prefix}{}': {} at offset {} here, absent there", a.name, a.kind, a.offset))
        }
        (None, Some(b)) => {
            Some(format!("field '{prefix}{}': absent here, {} at offset {} there", b.name, b.kind, b.offset))
        }
        (None, None) => None,
    })
}

fn same_name(a: &Field, b: &Field, prefix: &str) -> String {
    if let Some(inner) = inner(&a.kind).zip(inner(&b.kind)).and_then(|(x, y)| {
        let same_place = a.offset == b.offset && x.name == y.name;
        same_place.then(|| difference(x, y, &format!("{prefix}{}.", a.name))).flatten()
    }) {
        return inner;
    }
    format!(
        "field '{prefix}{}': {} at offset {} here, {} at offset {} there",
        a.name, a.kind, a.offset, b.kind, b.offset
    )
}

/// Returns the message within a kind, if it holds one.
fn inner(kind: &FieldKind) -> Option<&Schema> {
    match kind {
        FieldKind::Nested(schema) => Some(schema),
        FieldKind::Array(_, item) | FieldKind::Seq(item) => inner(item),
        _ => None,
    }
}
