//! MessagePack of values that are exactly of Python's own plain types.
//!
//! It runs no Python code and makes no object, so that nothing can change under it and items need no reference of
//! their own. Whatever it can't do (another type, text or a number that doesn't fit, too deep) it leaves to the way
//! that can, and that tells what is wrong with it.

use super::DEPTH_LIMIT;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use std::ffi::c_int;
use std::ptr::null_mut;

/// Appends the value; false if it can't, and then `out` ends with some part of it.
pub(super) fn encode(value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> bool {
    // SAFETY: the object is alive, and we are attached until this returns; see `any`.
    unsafe { any(value.as_ptr(), out, DEPTH_LIMIT) }
}

/// A value of any kind; `levels` is how deep it may nest.
///
/// # Safety
/// The object is alive and the caller attached. No function of this module runs Python code or gives the
/// interpreter up, so that all that the object leads to stays as it is, and alive, until the outermost returns; where
/// one has an exception made, which may run finalizers, it returns false without another look at any object.
unsafe fn any(object: *mut PyObject, out: &mut Vec<u8>, levels: usize) -> bool {
    // SAFETY: by this function's own contract; each call gets an object of the type that it asks for. The types
    // compared with are statics of the interpreter, of which only the address is used.
    unsafe {
        let class = ffi::Py_TYPE(object);
        if class == &raw mut ffi::PyUnicode_Type {
            text(object, out)
        } else if class == &raw mut ffi::PyFloat_Type {
            let mut bytes = [0xcb; 9];
            bytes[1..].copy_from_slice(&ffi::PyFloat_AsDouble(object).to_be_bytes());
            out.extend_from_slice(&bytes);
            true
        } else if class == &raw mut ffi::PyLong_Type {
            int(object, out)
        } else if class == &raw mut ffi::PyDict_Type {
            dict(object, out, levels)
        } else if class == &raw mut ffi::PyList_Type {
            let item = |index| ffi::PyList_GetItem(object, index);
            sequence(ffi::PyList_Size(object), item, out, levels)
        } else if class == &raw mut ffi::PyBool_Type {
            out.push(if object == ffi::Py_True() { 0xc3 } else { 0xc2 });
            true
        } else if object == ffi::Py_None() {
            out.push(0xc0);
            true
        } else if class == &raw mut ffi::PyTuple_Type {
            let item = |index| ffi::PyTuple_GetItem(object, index);
            sequence(ffi::PyTuple_Size(object), item, out, levels)
        } else if class == &raw mut ffi::PyBytes_Type {
            bytes(object, out)
        } else {
            false
        }
    }
}

/// # Safety
/// As [`any`], of a `str`.
#[inline]
unsafe fn text(object: *mut PyObject, out: &mut Vec<u8>) -> bool {
    let mut length = 0;
    // SAFETY: by contract. The bytes belong to the object, which never changes.
    let bytes = unsafe {
        let start = ffi::PyUnicode_AsUTF8AndSize(object, &mut length);
        if start.is_null() {
            // Lone surrogates.
            ffi::PyErr_Clear();
            return false;
        }
        std::slice::from_raw_parts(start.cast::<u8>(), length as usize)
    };
    match bytes.len() {
        small @ ..32 => {
            out.reserve(33);
            out.push(0xa0 | small as u8);
            append_small(out, bytes);
        }
        length => {
            if !head(out, length, [None, Some(0xd9), Some(0xda), Some(0xdb)]) {
                return false;
            }
            out.extend_from_slice(bytes);
        }
    }
    true
}

/// Appends at most 31 bytes, for which there is room: two writes of a fixed size that may overlap, since a copy of an
/// unknown size takes longer than all else about a key.
#[inline]
fn append_small(out: &mut Vec<u8>, bytes: &[u8]) {
    fn ends<const N: usize>(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
        let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) else {
            return false;
        };
        let mut both = [[0; N]; 2];
        both[0] = *first;
        let start = out.len();
        out.extend_from_slice(both.as_flattened());
        out[start + bytes.len() - N..][..N].copy_from_slice(last);
        out.truncate(start + bytes.len());
        true
    }
    let _ = ends::<16>(out, bytes) || ends::<8>(out, bytes) || ends::<4>(out, bytes) || {
        bytes.iter().for_each(|byte| out.push(*byte));
        true
    };
}

/// # Safety
/// As [`any`], of an `int`.
#[inline]
unsafe fn int(object: *mut PyObject, out: &mut Vec<u8>) -> bool {
    let mut overflow: c_int = 0;
    // SAFETY: by contract. An `int` within the range gives no error, and one beyond it says so without one.
    let number = unsafe { ffi::PyLong_AsLongLongAndOverflow(object, &mut overflow) };
    if overflow != 0 {
        return false;
    }
    match number {
        -0x20..=0x7f => out.push(number as u8),
        0x80..=0xff => out.extend_from_slice(&[0xcc, number as u8]),
        0x100..=0xffff => marked(out, 0xcd, (number as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => marked(out, 0xce, (number as u32).to_be_bytes()),
        0x1_0000_0000.. => marked(out, 0xcf, number.to_be_bytes()),
        -0x80..=-0x21 => out.extend_from_slice(&[0xd0, number as u8]),
        -0x8000..=-0x81 => marked(out, 0xd1, (number as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => marked(out, 0xd2, (number as i32).to_be_bytes()),
        _ => marked(out, 0xd3, number.to_be_bytes()),
    }
    true
}

/// # Safety
/// As [`any`], of `bytes`.
unsafe fn bytes(object: *mut PyObject, out: &mut Vec<u8>) -> bool {
    let (mut start, mut length) = (null_mut(), 0);
    // SAFETY: by contract; given a place for the length, the call sets no exception for `bytes`. The bytes belong to
    // the object, which never changes.
    let bytes = unsafe {
        if ffi::PyBytes_AsStringAndSize(object, &mut start, &mut length) != 0 {
            ffi::PyErr_Clear();
            return false;
        }
        std::slice::from_raw_parts(start.cast::<u8>(), length as usize)
    };
    let fits = head(out, bytes.len(), [None, Some(0xc4), Some(0xc5), Some(0xc6)]);
    if fits {
        out.extend_from_slice(bytes);
    }
    fits
}

/// # Safety
/// As [`any`], of a `dict`.
unsafe fn dict(object: *mut PyObject, out: &mut Vec<u8>, levels: usize) -> bool {
    // SAFETY: by contract.
    let count = unsafe { ffi::PyDict_Size(object) } as usize;
    if levels == 0 || !head(out, count, [Some(0x80), None, Some(0xde), Some(0xdf)]) {
        return false;
    }
    let (mut place, mut key, mut value) = (0, null_mut(), null_mut());
    // SAFETY: by contract nothing changes the dict between two calls, nor frees what it gave: the references are the
    // dict's own.
    while unsafe { ffi::PyDict_Next(object, &mut place, &mut key, &mut value) } != 0 {
        // SAFETY: both are alive, as the dict holds them. A key may be no container: a tuple is refused.
        let written = unsafe {
            let is_text = ffi::Py_TYPE(key) == &raw mut ffi::PyUnicode_Type;
            let key_written = if is_text { text(key, out) } else { any(key, out, 0) };
            key_written && any(value, out, levels - 1)
        };
        if !written {
            return false;
        }
    }
    true
}

/// # Safety
/// As [`any`]; `item` gives the items of a list or a tuple, borrowed from it, for all indices below `count`.
#[inline]
unsafe fn sequence(
    count: ffi::Py_ssize_t,
    item: impl Fn(ffi::Py_ssize_t) -> *mut PyObject,
    out: &mut Vec<u8>,
    levels: usize,
) -> bool {
    if levels == 0 || !head(out, count as usize, [Some(0x90), None, Some(0xdc), Some(0xdd)]) {
        return false;
    }
    // SAFETY: by contract nothing changes the length or frees an item.
    (0..count).all(|index| unsafe { any(item(index), out, levels - 1) })
}

/// Appends a marker and a number.
#[inline]
fn marked<const N: usize>(out: &mut Vec<u8>, marker: u8, number: [u8; N]) {
    let mut bytes = [marker; 9];
    bytes[1..=N].copy_from_slice(&number);
    out.extend_from_slice(&bytes[..=N]);
}

/// Appends the head of something of this length, in the shortest of the forms that it has: within the marker (up to
/// 15), or behind it in one, two or four bytes. False beyond those.
#[inline]
fn head(out: &mut Vec<u8>, length: usize, forms: [Option<u8>; 4]) -> bool {
    let [within, one, two, four] = forms;
    match (within, one, two, four) {
        (Some(marker), ..) if length < 16 => out.push(marker | length as u8),
        (_, Some(marker), ..) if length <= 0xff => out.extend_from_slice(&[marker, length as u8]),
        (_, _, Some(marker), _) if length <= 0xffff => marked(out, marker, (length as u16).to_be_bytes()),
        (.., Some(marker)) if length <= 0xffff_ffff => marked(out, marker, (length as u32).to_be_bytes()),
        _ => return false,
    }
    true
}
