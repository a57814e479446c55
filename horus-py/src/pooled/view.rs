//! numpy arrays over the numbers of a block: with `raw.rs`, all `unsafe` of this crate.

use super::held::Held;
use crate::errors::horus_error;
use horus_core::{BlockMeta, Dtype};
use numpy::ndarray::{ArrayView, IxDyn, ShapeBuilder};
use numpy::npyffi::{NPY_ARRAY_WRITEABLE, PyArrayObject};
use numpy::{Complex32, Complex64, Element, PyArray};
use pyo3::intern;
use pyo3::prelude::*;
use std::ffi::c_void;

/// A new array over the numbers of a block.
pub(super) struct View<'py> {
    /// The array of the block itself, whose reference count counts the views of it.
    pub(super) root: Bound<'py, PyAny>,
    /// The same with the message's dtype.
    pub(super) array: Bound<'py, PyAny>,
}

/// Makes an array over the numbers, which keeps the block alive as long as any view of it lives.
///
/// # Errors
/// `HorusError` if `meta` reaches beyond the block.
pub(super) fn array<'py>(held: &Bound<'py, Held>, meta: &BlockMeta, writable: bool) -> PyResult<View<'py>> {
    let (start, length) = held.get().numbers();
    if meta.extent() > length as u64 || !(start as usize).is_multiple_of(meta.dtype.align() as usize) {
        return Err(horus_error(
            held.py(),
            format!("numbers of {} bytes in a block of {length}", meta.extent()),
        ));
    }
    match meta.dtype {
        // A byte from elsewhere may be neither 0 nor 1, which only Python takes for a bool.
        Dtype::U8 | Dtype::Bool => typed::<u8>(held, start, meta, writable),
        // Rust has no such float.
        Dtype::U16 | Dtype::F16 => typed::<u16>(held, start, meta, writable),
        Dtype::U32 => typed::<u32>(held, start, meta, writable),
        Dtype::U64 => typed::<u64>(held, start, meta, writable),
        Dtype::I8 => typed::<i8>(held, start, meta, writable),
        Dtype::I16 => typed::<i16>(held, start, meta, writable),
        Dtype::I32 => typed::<i32>(held, start, meta, writable),
        Dtype::I64 => typed::<i64>(held, start, meta, writable),
        Dtype::F32 => typed::<f32>(held, start, meta, writable),
        Dtype::F64 => typed::<f64>(held, start, meta, writable),
        Dtype::C64 => typed::<Complex32>(held, start, meta, writable),
        Dtype::C128 => typed::<Complex64>(held, start, meta, writable),
    }
}

fn typed<'py, T: Element>(
    held: &Bound<'py, Held>,
    start: *const u8,
    meta: &BlockMeta,
    writable: bool,
) -> PyResult<View<'py>> {
    let shape: Vec<usize> = meta.shape().iter().map(|count| *count as usize).collect();
    let strides: Vec<usize> = meta.strides().iter().map(|stride| *stride as usize / size_of::<T>()).collect();
    // SAFETY: `array` has checked that the numbers, to the end of the last, lie within the block's bytes and that
    // their start is aligned for `T`; the strides go forward and are multiples of its size, as every geometry has
    // checked, so all items are aligned too. Every bit pattern is a `T`. The view ends with this function.
    let view =
        unsafe { ArrayView::from_shape_ptr(IxDyn(&shape).strides(IxDyn(&strides)), start.cast::<T>()) };
    // SAFETY: the array gets `held` as its base, which holds the block, whose mapping neither moves nor ends
    // before it is dropped. Arrays of blocks that may not be written are made read-only below, before anyone
    // sees them, and numpy doesn't make them writable again, since their base offers no buffer.
    let root = unsafe { PyArray::borrow_from_array(&view, held.clone().into_any()) };
    let root = root.into_any();
    if !writable {
        make_read_only(&root);
    }
    let array = match meta.dtype {
        Dtype::Bool | Dtype::F16 => root.call_method1(intern!(held.py(), "view"), (meta.dtype.numpy(),))?,
        // Only of what can be written somebody counts the views.
        _ if writable => root.call_method0(intern!(held.py(), "view"))?,
        _ => root.clone(),
    };
    Ok(View { root, array })
}

/// An array as numpy lays it out since 1.20; the package asks for 1.26.
#[repr(C)]
struct ArrayObject {
    known: PyArrayObject,
    /// Not null once the array has given out a buffer.
    buffer_info: *const c_void,
}

/// Whether the array, made by [`array`], has ever given out its memory as a buffer, for example to a `memoryview`.
pub(super) fn gave_buffer(array: &Bound<'_, PyAny>) -> bool {
    // SAFETY: the object is alive and an array that numpy made, whose object is at least so large; numpy writes the
    // word only while attached to the interpreter, as we are.
    unsafe { !(*array.as_ptr().cast::<ArrayObject>()).buffer_info.is_null() }
}

/// Makes an array read-only. Runs no Python code, as `setflags` might.
pub(super) fn make_read_only(array: &Bound<'_, PyAny>) {
    // SAFETY: the object is alive and an array made by [`array`]; its flags are written only while attached to the
    // interpreter, as we are.
    unsafe { (*array.as_ptr().cast::<PyArrayObject>()).fields.flags &= !NPY_ARRAY_WRITEABLE };
}

/// Copies the bytes of a block that Python code may be writing meanwhile, in another thread.
pub(super) fn copy_numbers(held: &Held, target: &mut [u8]) {
    let (start, length) = held.numbers();
    let count = length.min(target.len());
    // SAFETY: `numbers` gives that many readable bytes, which stay while `held` lives; `target` is another block,
    // exclusively ours. Bytes written meanwhile through a numpy view are the user's own race and only bytes.
    unsafe { std::ptr::copy_nonoverlapping(start, target.as_mut_ptr(), count) };
}
