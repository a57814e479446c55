//! Any message, without knowing its type when compiled: what tools show and dicts carry.

mod array;
pub mod msgpack;
mod number;
mod output;
mod pod;

pub use array::NdArray;
pub(crate) use number::write_number;
pub(crate) use pod::text;

use std::borrow::Cow;

/// Deepest nesting of lists and maps; reading recurses as deep, so this bounds the stack.
pub const VALUE_DEPTH_MAX: u32 = 128;

/// A value of any type.
///
/// # Examples
/// ```
/// use horus_core::{Message, Value, messages::CmdVel};
/// let command: Value = [("linear", 0.5)].into();
/// let bytes = Value::to_pod(CmdVel::schema(), &command)?;
/// assert_eq!(CmdVel::decode(&bytes).unwrap().linear, 0.5);
/// let shown = Value::from_pod(CmdVel::schema(), &bytes)?;
/// assert_eq!(shown.get("angular"), Some(&Value::Float32(0.0)));
/// let wrong = Value::to_pod(CmdVel::schema(), &[("linera", 0.5)].into()).unwrap_err();
/// assert_eq!(wrong.to_string(), "CmdVel has no field 'linera'; did you mean 'linear'?");
/// # Ok::<(), horus_core::ValueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Nil,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer that is too large for [`Value::Int`]; a smaller one is never held here, so that equal numbers are
    /// equal values. `Value::from(u64)` sees to it.
    UInt(u64),
    /// A number of 64 bits.
    Float(f64),
    /// A number of 32 bits.
    Float32(f32),
    /// Text.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Value>),
    /// Keys and values in order. Keys may be any value, mostly text or integers.
    Map(Vec<(Value, Value)>),
    /// Numbers of one type in one or more dimensions; also a fixed array of numbers in a typed message.
    Array(NdArray),
    /// What another program means by a MessagePack extension type, which isn't HORUS's own: its number and its bytes. -1
    /// is a time.
    Ext(i8, Vec<u8>),
}

impl Value {
    /// Returns the value under a text key of a map, or nothing.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Value::Map(entries) = self else { return None };
        entries.iter().find(|(k, _)| matches!(k, Value::Str(k) if k == key)).map(|(_, value)| value)
    }

    /// Returns an item of a list or array, or nothing. Of an array with more than one dimension that is an array.
    pub fn item(&self, index: usize) -> Option<Cow<'_, Value>> {
        match self {
            Value::List(items) => items.get(index).map(Cow::Borrowed),
            Value::Array(array) => array.item(index).map(Cow::Owned),
            _ => None,
        }
    }

    /// Returns the number of items of a list, array, map, text (in bytes) or bytes; nothing of all else.
    pub fn count(&self) -> Option<usize> {
        match self {
            Value::Str(text) => Some(text.len()),
            Value::Bytes(bytes) => Some(bytes.len()),
            Value::List(items) => Some(items.len()),
            Value::Map(entries) => Some(entries.len()),
            Value::Array(array) => array.shape().first().map(|n| *n as usize),
            _ => None,
        }
    }

    /// Returns what the value is, in words: `a string`.
    pub fn what(&self) -> &'static str {
        match self {
            Value::Nil => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Int(_) | Value::UInt(_) => "an integer",
            Value::Float(_) | Value::Float32(_) => "a number with a fraction",
            Value::Str(_) => "a string",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Array(_) => "an array",
            Value::Ext(..) => "an extension",
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Value::UInt(value), Value::Int)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Str(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Str(value)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Value::List(items.into_iter().map(Into::into).collect())
    }
}

impl<K: Into<Value>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Value {
    fn from(entries: [(K, V); N]) -> Self {
        Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

#[cfg(test)]
#[path = "value/tests.rs"]
mod tests;
