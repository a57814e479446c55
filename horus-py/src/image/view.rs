//! numpy arrays over the pixels of a block: all `unsafe` of this crate.

use super::pixels::Pixels;
use crate::errors::horus_error;
use horus_core::{Dtype, ImageMeta};
use numpy::ndarray::{ArrayView, IxDyn, ShapeBuilder};
use numpy::{Element, PyArray, PyArrayMethods};
use pyo3::ffi;
use pyo3::prelude::*;

/// Makes an array over the rows of an image, which keeps the block alive as long as any view of it lives.
///
/// # Errors
/// `HorusError` if `meta` reaches beyond the block or its numbers lie askew, as a damaged descriptor may have it.
pub(super) fn array<'py>(
    pixels: &Bound<'py, Pixels>,
    meta: &ImageMeta,
    writable: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = pixels.py();
    let dtype = meta.encoding.dtype();
    let (start, length) = pixels.get().rows();
    if meta.data_bytes() > length as u64 || !(start as usize).is_multiple_of(dtype.align() as usize) {
        return Err(horus_error(
            py,
            format!("an image of {} bytes in a block of {length}", meta.data_bytes()),
        ));
    }
    match dtype {
        Dtype::U8 => typed::<u8>(pixels, start, meta, writable),
        Dtype::U16 => typed::<u16>(pixels, start, meta, writable),
        Dtype::F32 => typed::<f32>(pixels, start, meta, writable),
        other => Err(horus_error(py, format!("an image with pixels of type {other}"))),
    }
}

fn typed<'py, T: Element>(
    pixels: &Bound<'py, Pixels>,
    start: *const u8,
    meta: &ImageMeta,
    writable: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let size = size_of::<T>();
    let shape = meta.shape();
    let row = [meta.step as usize / size, meta.encoding.channels() as usize, 1];
    let strides = &row[..shape.len()];
    // SAFETY: `array` has checked that all rows lie within the block's bytes and that its start is aligned for
    // `T`; the strides go forward and stay within the rows, since `ImageMeta` has at least a row's bytes a step.
    // Every bit pattern is a `T`. The view ends with this function.
    let view = unsafe { ArrayView::from_shape_ptr(IxDyn(&shape).strides(IxDyn(strides)), start.cast::<T>()) };
    // SAFETY: the array gets `pixels` as its base, which holds the block, whose mapping neither moves nor ends
    // before it is dropped. Arrays of blocks that may not be written are made read-only below, before anyone
    // sees them, and numpy doesn't make them writable again, since their base offers no buffer.
    let array = unsafe { PyArray::borrow_from_array(&view, pixels.clone().into_any()) };
    if !writable {
        let exclusive = array.try_readwrite().map_err(|error| horus_error(pixels.py(), error.to_string()))?;
        drop(exclusive.make_nonwriteable());
    }
    Ok(array.into_any())
}

/// How many references there are to a Python object.
pub(super) fn references(object: &Bound<'_, PyAny>) -> isize {
    // SAFETY: the object is alive, and whoever holds a `Bound` is attached to the interpreter.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) }
}

/// Copies the bytes of a block that Python code may be writing meanwhile, in another thread.
pub(super) fn copy_rows(pixels: &Pixels, target: &mut [u8]) {
    let (start, length) = pixels.rows();
    let count = length.min(target.len());
    // SAFETY: `rows` gives that many readable bytes, which stay while `pixels` lives; `target` is another block,
    // exclusively ours. Bytes written meanwhile through a numpy view are the user's own race and only bytes.
    unsafe { std::ptr::copy_nonoverlapping(start, target.as_mut_ptr(), count) };
}
