//! MessagePack to Python values.
//!
//! The bytes come from shared memory and may be anything: every length is checked against what is there
//! before it is used, and what doesn't hold is an error that says so.

use super::{DEPTH_LIMIT, array};
use crate::errors::horus_error;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};
use rmp::Marker;
use std::cell::RefCell;
use std::fmt::Display;

/// Decodes one value, which must be all of `bytes`.
///
/// # Errors
/// `HorusError` for bytes that are no MessagePack, or hold what no Python value stands for.
pub(crate) fn decode<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let mut decoder = Decoder { py, rest: bytes, total: bytes.len() };
    let value = decoder.value(0)?;
    if decoder.rest.is_empty() {
        Ok(value)
    } else {
        Err(decoder.damaged(&format!("{} bytes too many", decoder.rest.len())))
    }
}

struct Decoder<'py, 'a> {
    py: Python<'py>,
    rest: &'a [u8],
    total: usize,
}

impl<'py, 'a> Decoder<'py, 'a> {
    #[cold]
    fn damaged(&self, what: &str) -> PyErr {
        let at = self.total - self.rest.len();
        horus_error(self.py, format!("damaged message: {what} at byte {at} of {}", self.total))
    }

    fn take(&mut self, count: usize) -> PyResult<&'a [u8]> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.damaged(&format!("{count} bytes wanted, {} left", self.rest.len()))),
        }
    }

    fn number<const N: usize>(&mut self) -> PyResult<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn len8(&mut self) -> PyResult<usize> {
        Ok(usize::from(u8::from_be_bytes(self.number()?)))
    }

    fn len16(&mut self) -> PyResult<usize> {
        Ok(usize::from(u16::from_be_bytes(self.number()?)))
    }

    fn len32(&mut self) -> PyResult<usize> {
        Ok(u32::from_be_bytes(self.number()?) as usize)
    }

    fn value(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let marker = Marker::from_u8(self.take(1)?[0]);
        Ok(match marker {
            Marker::FixPos(small) => int(py, small),
            Marker::FixNeg(small) => int(py, small),
            Marker::Null => py.None().into_bound(py),
            Marker::True => PyBool::new(py, true).to_owned().into_any(),
            Marker::False => PyBool::new(py, false).to_owned().into_any(),
            Marker::F64 => PyFloat::new(py, f64::from_be_bytes(self.number()?)).into_any(),
            Marker::F32 => PyFloat::new(py, f64::from(f32::from_be_bytes(self.number()?))).into_any(),
            Marker::U8 => int(py, u8::from_be_bytes(self.number()?)),
            Marker::U16 => int(py, u16::from_be_bytes(self.number()?)),
            Marker::U32 => int(py, u32::from_be_bytes(self.number()?)),
            Marker::U64 => int(py, u64::from_be_bytes(self.number()?)),
            Marker::I8 => int(py, i8::from_be_bytes(self.number()?)),
            Marker::I16 => int(py, i16::from_be_bytes(self.number()?)),
            Marker::I32 => int(py, i32::from_be_bytes(self.number()?)),
            Marker::I64 => int(py, i64::from_be_bytes(self.number()?)),
            _ => return self.sized(marker, depth),
        })
    }

    /// Text, bytes, containers and extensions: a length comes first.
    fn sized(&mut self, marker: Marker, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        match marker {
            Marker::FixStr(count) => self.string(usize::from(count)),
            Marker::Str8 => self.len8().and_then(|count| self.string(count)),
            Marker::Str16 => self.len16().and_then(|count| self.string(count)),
            Marker::Str32 => self.len32().and_then(|count| self.string(count)),
            Marker::Bin8 => self.len8().and_then(|count| self.bytes(count)),
            Marker::Bin16 => self.len16().and_then(|count| self.bytes(count)),
            Marker::Bin32 => self.len32().and_then(|count| self.bytes(count)),
            Marker::FixArray(count) => self.list(usize::from(count), depth),
            Marker::Array16 => self.len16().and_then(|count| self.list(count, depth)),
            Marker::Array32 => self.len32().and_then(|count| self.list(count, depth)),
            Marker::FixMap(count) => self.dict(usize::from(count), depth),
            Marker::Map16 => self.len16().and_then(|count| self.dict(count, depth)),
            Marker::Map32 => self.len32().and_then(|count| self.dict(count, depth)),
            Marker::FixExt1 => self.extension(1),
            Marker::FixExt2 => self.extension(2),
            Marker::FixExt4 => self.extension(4),
            Marker::FixExt8 => self.extension(8),
            Marker::FixExt16 => self.extension(16),
            Marker::Ext8 => self.len8().and_then(|count| self.extension(count)),
            Marker::Ext16 => self.len16().and_then(|count| self.extension(count)),
            Marker::Ext32 => self.len32().and_then(|count| self.extension(count)),
            _ => Err(self.damaged("a byte that begins no value")),
        }
    }

    #[cold]
    fn no_text(&self, error: impl Display) -> PyErr {
        self.damaged(&format!("text that is no UTF-8 ({error})"))
    }

    /// Text. Looked at by Python as it copies it, not before: its publisher could still write to a block.
    fn string(&mut self, count: usize) -> PyResult<Bound<'py, PyAny>> {
        match PyString::from_bytes(self.py, self.take(count)?) {
            Ok(text) => Ok(text.into_any()),
            Err(error) => Err(self.no_text(error.value(self.py))),
        }
    }

    fn bytes(&mut self, count: usize) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyBytes::new(self.py, self.take(count)?).into_any())
    }

    fn enter(&self, depth: usize, count: usize) -> PyResult<usize> {
        if depth >= DEPTH_LIMIT {
            return Err(self.damaged(&format!("nested deeper than {DEPTH_LIMIT} levels")));
        }
        // Every value takes a byte at least, so a larger count can't be true; nothing is reserved for it.
        if count > self.rest.len() {
            return Err(self.damaged(&format!("a container of {count} values in {} bytes", self.rest.len())));
        }
        Ok(depth + 1)
    }

    fn list(&mut self, count: usize, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let inner = self.enter(depth, count)?;
        let list = PyList::empty(self.py);
        for _ in 0..count {
            list.append(self.value(inner)?)?;
        }
        Ok(list.into_any())
    }

    fn dict(&mut self, count: usize, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let inner = self.enter(depth, count)?;
        let dict = PyDict::new(self.py);
        for _ in 0..count {
            let key = self.key(inner)?;
            let value = self.value(inner)?;
            dict.set_item(key, value)?;
        }
        Ok(dict.into_any())
    }

    fn key(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let Some(&first) = self.rest.first() else {
            return Err(self.damaged("a key wanted, nothing left"));
        };
        if let Marker::FixStr(count) = Marker::from_u8(first) {
            self.take(1)?;
            // As with text: what is remembered must be what was looked at.
            let mut own = [0; 31];
            let own = &mut own[..usize::from(count)];
            own.copy_from_slice(self.take(own.len())?);
            let text = std::str::from_utf8(own).map_err(|error| self.no_text(error))?;
            return Ok(KEYS.with_borrow_mut(|keys| keys.get(self.py, text)).into_any());
        }
        let key = self.value(depth)?;
        if key.hash().is_err() {
            return Err(self.damaged("a key that is a list, dict or array, which Python has not"));
        }
        Ok(key)
    }

    fn extension(&mut self, count: usize) -> PyResult<Bound<'py, PyAny>> {
        let kind = i8::from_be_bytes(self.number()?);
        let payload = self.take(count)?;
        if kind != array::EXTENSION {
            return Err(self.damaged(&format!("an extension of unknown type {kind}")));
        }
        let mut inner = Decoder { py: self.py, rest: payload, total: payload.len() };
        let (dtype, shape, bytes) = inner.array_parts()?;
        array::decode(self.py, &dtype, &shape, bytes)
    }

    fn array_parts(&mut self) -> PyResult<(String, Vec<u64>, &'a [u8])> {
        if Marker::from_u8(self.take(1)?[0]) != Marker::FixArray(3) {
            return Err(self.damaged("an array without dtype, shape and elements"));
        }
        let Ok(dtype) = self.value(DEPTH_LIMIT)?.extract::<String>() else {
            return Err(self.damaged("an array whose dtype isn't text"));
        };
        let Ok(shape) = self.value(DEPTH_LIMIT - 1)?.extract::<Vec<u64>>() else {
            return Err(self.damaged("an array whose shape isn't a list of lengths"));
        };
        let count = match Marker::from_u8(self.take(1)?[0]) {
            Marker::Bin8 => self.len8()?,
            Marker::Bin16 => self.len16()?,
            Marker::Bin32 => self.len32()?,
            _ => return Err(self.damaged("an array whose elements aren't bytes")),
        };
        let bytes = self.take(count)?;
        if self.rest.is_empty() {
            Ok((dtype, shape, bytes))
        } else {
            Err(self.damaged("bytes behind an array"))
        }
    }
}

fn int<'py, T>(py: Python<'py>, value: T) -> Bound<'py, PyAny>
where
    T: IntoPyObject<'py, Target = PyInt, Output = Bound<'py, PyInt>, Error = std::convert::Infallible>,
{
    match value.into_pyobject(py) {
        Ok(value) => value.into_any(),
        Err(never) => match never {},
    }
}

thread_local! {
    static KEYS: RefCell<Keys> = const { RefCell::new(Keys(Vec::new())) };
}

/// Keys of the last messages, so that a repeated one costs a comparison instead of a new object.
///
/// Direct-mapped: a key that falls on another's place replaces it.
struct Keys(Vec<Option<Key>>);

struct Key {
    text: Box<str>,
    object: Py<PyString>,
}

impl Keys {
    /// How many keys are kept a thread; a power of two.
    const PLACES: usize = 256;

    fn get<'py>(&mut self, py: Python<'py>, text: &str) -> Bound<'py, PyString> {
        if self.0.is_empty() {
            self.0.resize_with(Self::PLACES, || None);
        }
        let place = &mut self.0[Self::place(text)];
        match place {
            Some(key) if *key.text == *text => key.object.bind(py).clone(),
            _ => {
                let object = PyString::intern(py, text);
                *place = Some(Key { text: text.into(), object: object.clone().unbind() });
                object
            }
        }
    }

    /// FNV-1a over at most 31 bytes; nobody gains by making keys collide.
    fn place(text: &str) -> usize {
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash >> 32) as usize & (Self::PLACES - 1)
    }
}
