//! MessagePack to Python values.
//!
//! The bytes come from shared memory and may be anything: every length is checked against what is there
//! before it is used, and what doesn't hold is an error that says so.

use super::{DEPTH_LIMIT, array};
use crate::errors::horus_error;
use crate::raw::Filling;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyString};
use std::cell::Cell;
use std::fmt::Display;

/// Decodes one value, which must be all of `bytes`.
///
/// # Errors
/// `HorusError` for bytes that are no MessagePack, or hold what no Python value stands for.
pub(crate) fn decode<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    // Taken out, not borrowed: making objects may run Python code, which may receive a message itself.
    let mut seen = SEEN.take().unwrap_or_default();
    let mut decoder = Decoder { py, rest: bytes, total: bytes.len(), seen: &mut seen };
    let value = decoder.value(0).and_then(|value| {
        if decoder.rest.is_empty() {
            Ok(value)
        } else {
            Err(decoder.damaged(&format!("{} bytes too many", decoder.rest.len())))
        }
    });
    SEEN.set(Some(seen));
    value
}

struct Decoder<'py, 'a, 's> {
    py: Python<'py>,
    rest: &'a [u8],
    total: usize,
    seen: &'s mut Seen,
}

impl<'py, 'a> Decoder<'py, 'a, '_> {
    #[cold]
    fn damaged(&self, what: &str) -> PyErr {
        let at = self.total - self.rest.len();
        horus_error(self.py, format!("damaged message: {what} at byte {at} of {}", self.total))
    }

    #[cold]
    fn ends(&self, count: usize) -> PyErr {
        self.damaged(&format!("{count} bytes wanted, {} left", self.rest.len()))
    }

    #[inline]
    fn take(&mut self, count: usize) -> PyResult<&'a [u8]> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.ends(count)),
        }
    }

    #[inline]
    fn number<const N: usize>(&mut self) -> PyResult<[u8; N]> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(self.ends(N)),
        }
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

    #[inline]
    fn value(&mut self, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let [marker] = self.number()?;
        Ok(match marker {
            0x00..=0x7f => int(py, marker),
            0xe0.. => int(py, marker as i8),
            0xc0 => py.None().into_bound(py),
            0xc2 => PyBool::new(py, false).to_owned().into_any(),
            0xc3 => PyBool::new(py, true).to_owned().into_any(),
            0xca => PyFloat::new(py, f64::from(f32::from_be_bytes(self.number()?))).into_any(),
            0xcb => PyFloat::new(py, f64::from_be_bytes(self.number()?)).into_any(),
            0xcc => int(py, u8::from_be_bytes(self.number()?)),
            0xcd => int(py, u16::from_be_bytes(self.number()?)),
            0xce => int(py, u32::from_be_bytes(self.number()?)),
            0xcf => int(py, u64::from_be_bytes(self.number()?)),
            0xd0 => int(py, i8::from_be_bytes(self.number()?)),
            0xd1 => int(py, i16::from_be_bytes(self.number()?)),
            0xd2 => int(py, i32::from_be_bytes(self.number()?)),
            0xd3 => int(py, i64::from_be_bytes(self.number()?)),
            0xa0..=0xbf => return self.short(usize::from(marker & 0x1f)),
            _ => return self.sized(marker, depth),
        })
    }

    /// Longer text, bytes, containers and extensions: a length comes first.
    fn sized(&mut self, marker: u8, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        match marker {
            0x80..=0x8f => self.dict(usize::from(marker & 0x0f), depth),
            0x90..=0x9f => self.list(usize::from(marker & 0x0f), depth),
            0xc4 => self.len8().and_then(|count| self.bytes(count)),
            0xc5 => self.len16().and_then(|count| self.bytes(count)),
            0xc6 => self.len32().and_then(|count| self.bytes(count)),
            0xc7 => self.len8().and_then(|count| self.extension(count)),
            0xc8 => self.len16().and_then(|count| self.extension(count)),
            0xc9 => self.len32().and_then(|count| self.extension(count)),
            0xd4 => self.extension(1),
            0xd5 => self.extension(2),
            0xd6 => self.extension(4),
            0xd7 => self.extension(8),
            0xd8 => self.extension(16),
            0xd9 => self.len8().and_then(|count| self.string(count)),
            0xda => self.len16().and_then(|count| self.string(count)),
            0xdb => self.len32().and_then(|count| self.string(count)),
            0xdc => self.len16().and_then(|count| self.list(count, depth)),
            0xdd => self.len32().and_then(|count| self.list(count, depth)),
            0xde => self.len16().and_then(|count| self.dict(count, depth)),
            0xdf => self.len32().and_then(|count| self.dict(count, depth)),
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

    /// Text of at most 31 bytes: mostly a state, a name or a unit, which comes again.
    #[inline]
    fn short(&mut self, count: usize) -> PyResult<Bound<'py, PyAny>> {
        let words = self.words(count)?;
        let place = match self.seen.texts.find(&words, count) {
            Some(place) => place,
            None => self.new_text(words, count)?,
        };
        Ok(self.seen.texts.at(place).bind(self.py).clone().into_any())
    }

    /// Copies at most 31 bytes out, filled up with zeros.
    #[inline]
    fn words(&mut self, count: usize) -> PyResult<Words> {
        // A copy of a fixed size where there is enough: one of an unknown size takes longer than all else about a key.
        if let Some(whole) = self.rest.first_chunk::<32>() {
            let mut words = split(whole);
            for (index, word) in words.iter_mut().enumerate() {
                let bits = 8 * count.saturating_sub(8 * index).min(8) as u32;
                *word &= u64::MAX.checked_shr(64 - bits).unwrap_or(0);
            }
            self.rest = &self.rest[count..];
            return Ok(words);
        }
        let mut own = [0; 32];
        own[..count].copy_from_slice(self.take(count)?);
        Ok(split(&own))
    }

    #[cold]
    fn new_text(&mut self, words: Words, count: usize) -> PyResult<usize> {
        let own = joined(&words);
        let text = match PyString::from_bytes(self.py, &own[..count]) {
            Ok(text) => text,
            Err(error) => return Err(self.no_text(error.value(self.py))),
        };
        Ok(self.seen.texts.keep(words, count, text.unbind()))
    }

    #[cold]
    fn new_key(&mut self, words: Words, count: usize) -> PyResult<usize> {
        let own = joined(&words);
        let text = std::str::from_utf8(&own[..count]).map_err(|error| self.no_text(error))?;
        Ok(self.seen.keys.keep(words, count, PyString::intern(self.py, text).unbind()))
    }

    fn bytes(&mut self, count: usize) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyBytes::new(self.py, self.take(count)?).into_any())
    }

    fn enter(&self, depth: usize, count: usize) -> PyResult<usize> {
        if depth >= DEPTH_LIMIT {
            return Err(self.damaged(&format!("nested deeper than {DEPTH_LIMIT} levels")));
        }
        // Every value takes a byte at least, so a larger count can't be true, and no list is made for it.
        if count > self.rest.len() {
            return Err(self.damaged(&format!("a container of {count} values in {} bytes", self.rest.len())));
        }
        Ok(depth + 1)
    }

    fn list(&mut self, count: usize, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let inner = self.enter(depth, count)?;
        let mut list = Filling::new(self.py, count)?;
        for _ in 0..count {
            list.push(self.value(inner)?)?;
        }
        Ok(list.into_list().into_any())
    }

    fn dict(&mut self, count: usize, depth: usize) -> PyResult<Bound<'py, PyAny>> {
        let inner = self.enter(depth, count)?;
        let dict = PyDict::new(self.py);
        for _ in 0..count {
            match self.rest.first() {
                Some(&marker @ 0xa0..=0xbf) => self.short_entry(&dict, usize::from(marker & 0x1f), inner)?,
                Some(_) => {
                    let key = self.value(inner)?;
                    if key.hash().is_err() {
                        return Err(self.damaged("a key that is a list, dict or array, which Python has not"));
                    }
                    dict.set_item(key, self.value(inner)?)?;
                }
                None => return Err(self.damaged("a key wanted, nothing left")),
            }
        }
        Ok(dict.into_any())
    }

    /// An entry whose key is text of at most 31 bytes, as nearly all are.
    #[inline]
    fn short_entry(&mut self, dict: &Bound<'py, PyDict>, count: usize, depth: usize) -> PyResult<()> {
        self.rest = &self.rest[1..];
        let words = self.words(count)?;
        let place = match self.seen.keys.find(&words, count) {
            Some(place) => place,
            None => self.new_key(words, count)?,
        };
        if matches!(self.rest.first(), Some(0x80..=0x9f | 0xdc..=0xdf)) {
            // A container's own keys may take the key's place.
            let key = self.seen.keys.at(place).clone_ref(self.py);
            return dict.set_item(key, self.value(depth)?);
        }
        let value = self.value(depth)?;
        dict.set_item(self.seen.keys.at(place).bind(self.py), value)
    }

    fn extension(&mut self, count: usize) -> PyResult<Bound<'py, PyAny>> {
        let kind = i8::from_be_bytes(self.number()?);
        let payload = self.take(count)?;
        if kind != array::EXTENSION {
            return Err(self.damaged(&format!("an extension of unknown type {kind}")));
        }
        let (py, total) = (self.py, payload.len());
        let mut inner = Decoder { py, rest: payload, total, seen: &mut *self.seen };
        let (dtype, shape, bytes) = inner.array_parts()?;
        array::decode(self.py, &dtype, &shape, bytes)
    }

    fn array_parts(&mut self) -> PyResult<(String, Vec<u64>, &'a [u8])> {
        if self.number()? != [0x93] {
            return Err(self.damaged("an array without dtype, shape and elements"));
        }
        let Ok(dtype) = self.value(DEPTH_LIMIT)?.extract::<String>() else {
            return Err(self.damaged("an array whose dtype isn't text"));
        };
        let Ok(shape) = self.value(DEPTH_LIMIT - 1)?.extract::<Vec<u64>>() else {
            return Err(self.damaged("an array whose shape isn't a list of lengths"));
        };
        let count = match self.number()? {
            [0xc4] => self.len8()?,
            [0xc5] => self.len16()?,
            [0xc6] => self.len32()?,
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

#[inline]
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
    static SEEN: Cell<Option<Box<Seen>>> = const { Cell::new(None) };
}

/// Short texts of the last messages, so that a repeated one costs a comparison instead of a new object. Keys apart from
/// values: they are interned, and not to be driven out by values that never come again.
#[derive(Default)]
struct Seen {
    keys: Texts,
    texts: Texts,
}

/// At most 31 bytes, filled up with zeros.
type Words = [u64; 4];

#[inline]
fn split(bytes: &[u8; 32]) -> Words {
    let (words, _) = bytes.as_chunks::<8>();
    [0, 1, 2, 3].map(|index| u64::from_le_bytes(words[index]))
}

fn joined(words: &Words) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.as_chunks_mut::<8>().0.iter_mut().zip(words).for_each(|(to, word)| *to = word.to_le_bytes());
    bytes
}

/// A table of texts with two places for each; the older gives way.
#[derive(Default)]
struct Texts(Vec<Option<Text>>);

struct Text {
    words: Words,
    count: usize,
    object: Py<PyString>,
}

impl Texts {
    /// How many texts are kept a thread; a power of two.
    const PLACES: usize = 512;

    #[inline]
    fn find(&self, words: &Words, count: usize) -> Option<usize> {
        let place = Self::place(words, count);
        let is_at = |place: usize| matches!(self.0.get(place), Some(Some(text)) if text.words == *words && text.count == count);
        if is_at(place) { Some(place) } else { is_at(place + 1).then_some(place + 1) }
    }

    /// The text that was found or kept last at a place.
    #[inline]
    fn at(&self, place: usize) -> &Py<PyString> {
        &self.0[place].as_ref().expect("found or kept before").object
    }

    fn keep(&mut self, words: Words, count: usize, object: Py<PyString>) -> usize {
        if self.0.is_empty() {
            self.0.resize_with(Self::PLACES, || None);
        }
        let place = Self::place(&words, count);
        self.0.swap(place, place + 1);
        self.0[place] = Some(Text { words, count, object });
        place
    }

    /// The first of the two places. Nobody gains by making texts collide.
    #[inline]
    fn place(words: &Words, count: usize) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed =
            words.iter().fold(count as u64, |mixed, word| (mixed.rotate_left(29) ^ word).wrapping_mul(ODD));
        2 * ((mixed >> 32) as usize & (Self::PLACES / 2 - 1))
    }
}
