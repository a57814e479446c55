//! Tensors.

use crate::pooled::{Pooled, Source, dtype_named, head, value_error};
use horus_core::{Dtype, TensorMeta};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyTuple};

/// Numbers of one dtype in 0 to 8 dimensions, in shared memory.
///
/// The dtype is bool, int8 to int64, uint8 to uint64, float16, float32, float64, complex64 or complex128. to_numpy()
/// never copies; numpy.from_dlpack() and other libraries take a tensor as it is. C order, Fortran order and every other
/// order of the dimensions stay what they are. Made, sent and received as Image, at the same cost. The default topic is
/// "tensor".
///
/// Example:
///     >>> import horus, numpy
///     >>> tensor = horus.Tensor.from_numpy(numpy.ones((1, 512), numpy.float16))
///     >>> tensor
///     <horus.Tensor (1, 512) float16>
///     >>> tensor.to_numpy().sum()
///     np.float16(512.0)
///     >>> numpy.from_dlpack(tensor).flags.writeable
///     False
#[derive(Debug)]
#[pyclass(extends = Pooled, frozen, module = "horus")]
pub(crate) struct Tensor;

#[pymethods]
impl Tensor {
    /// Copies an array into shared memory, dense and in its own order of dimensions.
    ///
    /// Any strides and byte order will do, and what has `__array__` or `__dlpack__`. One copy. TypeError for what is no
    /// array; ValueError for a dtype that isn't one of the 14, such as datetime64, object or str, and for more than 8
    /// dimensions; ShmFull and PoolExhausted if there is no room.
    #[staticmethod]
    #[pyo3(signature = (array, *, frame_id="", timestamp_ns=0))]
    fn from_numpy<'py>(
        array: &Bound<'py, PyAny>,
        frame_id: &str,
        timestamp_ns: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let source = Source::of(array)?;
        let Some(dtype) = source.dtype else {
            return Err(source.refused("tensor", &format!("a tensor holds {DTYPES}")));
        };
        let meta = geometry(dtype, &source.array)?;
        Pooled::copy_of(&meta, head(timestamp_ns, frame_id)?, &source.array)?.into_object(array.py())
    }

    /// Makes a tensor in C order with whatever the memory held, to be written through to_numpy() until it is sent.
    ///
    /// shape is a tuple, or a number for one dimension; the dtype is float32 unless said. Nothing is copied or cleared.
    /// TypeError for what is no shape, ValueError for a dtype that isn't one of the 14; ShmFull and PoolExhausted if there
    /// is no room.
    #[staticmethod]
    #[pyo3(signature = (shape, dtype=None, *, frame_id="", timestamp_ns=0))]
    fn empty<'py>(
        shape: &Bound<'py, PyAny>,
        dtype: Option<&Bound<'py, PyAny>>,
        frame_id: &str,
        timestamp_ns: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = shape.py();
        let shape = match shape.is_instance_of::<PyInt>() {
            true => shape.extract::<u64>().map(|count| vec![count]),
            false => shape.extract::<Vec<u64>>(),
        }
        .map_err(|_| {
            let shown = shape.repr().map_or_else(|_| "that".to_owned(), |text| text.to_string());
            PyTypeError::new_err(format!("a shape is a tuple of lengths from 0 on, not {shown}"))
        })?;
        let dtype = dtype.map_or(Ok(Dtype::F32), |dtype| dtype_of(dtype, "a tensor"))?;
        let meta = TensorMeta::new(dtype, &shape).map_err(value_error)?;
        Pooled::allocated(py, &meta, head(timestamp_ns, frame_id)?, true)?.into_object(py)
    }

    /// The bytes from one item to the next in each dimension.
    #[getter]
    fn strides<'py>(slf: PyRef<'py, Self>, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, slf.as_super().meta(py)?.strides())
    }

    /// The number of dimensions, 0 to 8.
    #[getter]
    fn ndim(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<usize> {
        Ok(slf.as_super().meta(py)?.shape().len())
    }
}

/// The dense geometry that keeps an array's order of dimensions.
fn geometry(dtype: Dtype, array: &Bound<'_, PyUntypedArray>) -> PyResult<TensorMeta> {
    let shape: Vec<u64> = array.shape().iter().map(|count| *count as u64).collect();
    let steps: Vec<u64> = array.strides().iter().map(|stride| stride.unsigned_abs() as u64).collect();
    // Broadcast, or nothing there: the strides tell no order.
    let orderless =
        shape.contains(&0) || shape.iter().zip(&steps).any(|(count, step)| *count > 1 && *step == 0);
    let c_order = TensorMeta::new(dtype, &shape).map_err(value_error)?;
    if orderless {
        return Ok(c_order);
    }
    // The longest way first; of dimensions that go nowhere the first.
    let mut outer_first: Vec<usize> = (0..shape.len()).filter(|&i| shape[i] > 1).collect();
    outer_first.sort_by_key(|&i| std::cmp::Reverse(steps[i]));
    let mut strides = c_order.strides().to_vec();
    let mut step = u64::from(dtype.size());
    for &dimension in outer_first.iter().rev() {
        strides[dimension] = step;
        step *= shape[dimension];
    }
    TensorMeta::with_strides(dtype, &shape, &strides).map_err(value_error)
}

/// Reads what numpy takes for a dtype.
///
/// # Errors
/// `TypeError` for what is none, `ValueError` for one that `what` can't hold.
pub(crate) fn dtype_of(given: &Bound<'_, PyAny>, what: &str) -> PyResult<Dtype> {
    let py = given.py();
    let dtype = py.import(intern!(py, "numpy"))?.call_method1(intern!(py, "dtype"), (given,))?;
    dtype_named(&dtype)?
        .ok_or_else(|| PyValueError::new_err(format!("{what} can't hold {dtype}; it holds {DTYPES}")))
}

/// The dtypes there are, in words.
const DTYPES: &str =
    "bool, int8 to int64, uint8 to uint64, float16, float32, float64, complex64 or complex128";
