//! Python values to MessagePack: the way that takes every value that can be sent, and tells what is wrong with any other.

use super::path::{Cause, Outcome, Refusal, Step};
use super::{DEPTH_LIMIT, array, plain};
use crate::message::Message;
use crate::pooled::Pooled;
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMemoryView, PyString, PyTuple,
};
use rmp::encode as mp;
use std::cell::RefCell;

/// A buffer larger than this is given back after use instead of being kept for the next message.
const KEPT_BYTES: usize = 1 << 20;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Encodes `value` and hands the bytes to `then`; the buffer is this thread's and used again.
pub(crate) fn encode_with<R>(
    value: &Bound<'_, PyAny>,
    then: impl FnOnce(&[u8]) -> PyResult<R>,
) -> PyResult<R> {
    // Taken out, not borrowed: `then`, or Python code run by the conversion, may send a message itself.
    let mut buffer = BUFFER.take();
    buffer.clear();
    let result = encode(value, &mut buffer).and_then(|()| then(&buffer));
    if buffer.capacity() > KEPT_BYTES {
        buffer = Vec::new();
    }
    BUFFER.replace(buffer);
    result
}

fn encode(value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    if plain::encode(value, out) {
        return Ok(());
    }
    out.clear();
    Encoder { out }.value(value, 0).map_err(|refusal| refusal.into_error(value.py()))
}

/// Python code may run while a container is being walked, so snapshots are walked.
struct Encoder<'a> {
    out: &'a mut Vec<u8>,
}

impl Encoder<'_> {
    fn value(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Outcome {
        if let Ok(text) = value.cast_exact::<PyString>() {
            self.string(text)
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            self.float(number.value())
        } else if let Ok(number) = value.cast_exact::<PyInt>() {
            self.int(number)
        } else if let Ok(truth) = value.cast_exact::<PyBool>() {
            write(mp::write_bool(self.out, truth.is_true()))
        } else if let Ok(dict) = value.cast_exact::<PyDict>() {
            self.dict(dict, depth)
        } else if let Ok(list) = value.cast_exact::<PyList>() {
            self.list(list, depth)
        } else if value.is_none() {
            write(mp::write_nil(self.out))
        } else if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            self.sequence(tuple.len(), tuple.iter_borrowed().map(|item| item.to_owned()), depth)
        } else if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            self.bytes(bytes.as_bytes())
        } else {
            self.other(value, depth)
        }
    }

    /// Everything that isn't exactly one of the plain types.
    #[cold]
    fn other(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Outcome {
        if let Ok(bytes) = value.cast::<PyByteArray>() {
            return self.bytes(&bytes.to_vec());
        }
        if value.cast::<PyMemoryView>().is_ok() {
            let bytes = value.call_method0("tobytes")?;
            return self.bytes(bytes.cast::<PyBytes>().map_err(PyErr::from)?.as_bytes());
        }
        if let Some(plain) = array::scalar(value)? {
            if plain.get_type().is(value.get_type()) {
                return Err(unsendable(value));
            }
            return self.value(&plain, depth);
        }
        if let Some(array) = array::array(value)? {
            return array::encode(&array, self.out);
        }
        self.subclass(value, depth)
    }

    /// Instances of subclasses of the plain types go as what they are derived from.
    fn subclass(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Outcome {
        if let Ok(text) = value.cast::<PyString>() {
            self.string(text)
        } else if let Ok(number) = value.cast::<PyFloat>() {
            self.float(number.value())
        } else if let Ok(number) = value.cast::<PyInt>() {
            self.int(number)
        } else if let Ok(dict) = value.cast::<PyDict>() {
            self.dict(dict, depth)
        } else if let Ok(list) = value.cast::<PyList>() {
            self.list(list, depth)
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            self.sequence(tuple.len(), tuple.iter(), depth)
        } else if let Ok(bytes) = value.cast::<PyBytes>() {
            self.bytes(bytes.as_bytes())
        } else {
            Err(unsendable(value))
        }
    }

    fn string(&mut self, text: &Bound<'_, PyString>) -> Outcome {
        match text.to_str() {
            Ok(text) => {
                length("text", text.len())?;
                write(mp::write_str(self.out, text))
            }
            Err(_) => Err(Refusal::new(Cause::Value(format!(
                "text {} has lone surrogates, which no encoding can carry",
                shown(text)
            )))),
        }
    }

    fn float(&mut self, number: f64) -> Outcome {
        write(mp::write_f64(self.out, number))
    }

    fn int(&mut self, number: &Bound<'_, PyInt>) -> Outcome {
        match number.extract::<i64>() {
            Ok(small) => return write(mp::write_sint(self.out, small)),
            Err(error) if !error.is_instance_of::<PyOverflowError>(number.py()) => return Err(error.into()),
            Err(_) => {}
        }
        match number.extract::<u64>() {
            Ok(large) => write(mp::write_uint(self.out, large)),
            Err(_) => Err(Refusal::new(Cause::Overflow(
                "integer beyond 64 bits; messages hold -2^63 to 2^64 - 1".to_owned(),
            ))),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Outcome {
        length("bytes", bytes.len())?;
        write(mp::write_bin(self.out, bytes))
    }

    fn list(&mut self, list: &Bound<'_, PyList>, depth: usize) -> Outcome {
        let snapshot = list.to_tuple();
        self.sequence(snapshot.len(), snapshot.iter(), depth)
    }

    fn sequence<'py>(
        &mut self,
        count: usize,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> Outcome {
        let inner = enter(depth)?;
        write(mp::write_array_len(self.out, length("list", count)?))?;
        for (index, item) in items.enumerate() {
            self.value(&item, inner).map_err(|refusal| refusal.under(Step::Item(index)))?;
        }
        Ok(())
    }

    fn dict(&mut self, dict: &Bound<'_, PyDict>, depth: usize) -> Outcome {
        let inner = enter(depth)?;
        let items = dict.items();
        write(mp::write_map_len(self.out, length("dict", items.len())?))?;
        for pair in items.iter() {
            let (key, value) = pair.extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
            self.entry(&key, &value, inner)?;
        }
        Ok(())
    }

    fn entry(&mut self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, depth: usize) -> Outcome {
        self.key(key)?;
        self.value(value, depth).map_err(|refusal| refusal.under(Step::Key(shown(key))))
    }

    /// A key must be usable as one again after decoding, so no containers.
    fn key(&mut self, key: &Bound<'_, PyAny>) -> Outcome {
        if let Ok(text) = key.cast_exact::<PyString>() {
            return self.string(text).map_err(|refusal| refusal.under(Step::Key(shown(key))));
        }
        if key.cast::<PyTuple>().is_ok() {
            return Err(Refusal::new(Cause::Type(format!(
                "key {} is a tuple; keys are str, int, float, bool, bytes or None",
                shown(key)
            ))));
        }
        self.value(key, DEPTH_LIMIT).map_err(|refusal| refusal.under(Step::Key(shown(key))))
    }
}

/// Goes one level down, up to the limit.
fn enter(depth: usize) -> Result<usize, Box<Refusal>> {
    if depth >= DEPTH_LIMIT { Err(Refusal::new(Cause::Depth(DEPTH_LIMIT))) } else { Ok(depth + 1) }
}

/// Checks a length against MessagePack's 32 bits.
fn length(what: &str, count: usize) -> Result<u32, Box<Refusal>> {
    u32::try_from(count).map_err(|_| {
        Refusal::new(Cause::Value(format!("{what} of length {count} exceeds the limit of {}", u32::MAX)))
    })
}

/// A vector takes every write; the result type only says so in words.
fn write<T, E: std::fmt::Display>(result: Result<T, E>) -> Outcome {
    match result {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::new(Cause::Value(error.to_string()))),
    }
}

fn unsendable(value: &Bound<'_, PyAny>) -> Box<Refusal> {
    let kind =
        value.get_type().fully_qualified_name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
    let instead = if value.cast::<Message>().is_ok() {
        Some("to_dict()")
    } else {
        value.cast::<Pooled>().ok().map(|_| "to_numpy()")
    };
    if let Some(instead) = instead {
        return Refusal::new(Cause::Type(format!(
            "a value of type {kind} can't be sent within a dict; send it by itself, or its {instead}"
        )));
    }
    Refusal::new(Cause::Type(format!(
        "a value of type {kind} can't be sent; messages hold dict, list, tuple, str, bytes, int, float, bool, None and numpy values"
    )))
}

/// Shows a key or text in an error: its `repr`, cut when long.
pub(super) fn shown(value: &Bound<'_, PyAny>) -> String {
    const LONGEST: usize = 60;
    let text = match value.repr() {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => return "?".to_owned(),
    };
    if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain(['…']).collect() } else { text }
}
