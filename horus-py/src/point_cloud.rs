//! Point clouds.

use crate::pooled::{Pooled, Source, head, value_error};
use crate::tensor;
use horus_core::{Dtype, PointCloudMeta, PointLayout};
use numpy::PyUntypedArrayMethods;
use pyo3::exceptions::{PyAttributeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PySlice, PyTuple};

/// Points in shared memory, one a row, as float32 or float64.
///
/// The columns are xyz, in metres, xyzi, with the intensity of the echo in the device's own unit, or xyzrgb, with red,
/// green and blue from 0 to 255. to_numpy() is (n, 3), (n, 4) or (n, 6) and never copies; xyz, intensity and rgb are
/// views of it. A cloud may have no points, and is true like every message. Made, sent and received as Image, at the
/// same cost. The default topic is "pointcloud".
///
/// Example:
///     >>> import horus, numpy
///     >>> points = numpy.array([[1, 2, 3, 0.5], [4, 5, 6, 0.25]], numpy.float32)
///     >>> cloud = horus.PointCloud.from_numpy(points, frame_id="lidar")
///     >>> cloud
///     <horus.PointCloud 2 points xyzi>
///     >>> cloud.xyz.shape, cloud.intensity
///     ((2, 3), array([0.5 , 0.25], dtype=float32))
#[derive(Debug)]
#[pyclass(extends = Pooled, frozen, module = "horus")]
pub(crate) struct PointCloud;

#[pymethods]
impl PointCloud {
    /// Copies points into shared memory: (n, 3), (n, 4) or (n, 6) of float32 or float64; n may be 0.
    ///
    /// Without a layout, 3 columns are xyz, 4 xyzi, 6 xyzrgb. Any strides and byte order will do, and what has
    /// `__array__` or `__dlpack__`. One copy. TypeError for what is no array; ValueError tells what the array is and what
    /// it should be; ShmFull and PoolExhausted if there is no room.
    #[staticmethod]
    #[pyo3(signature = (array, layout=None, *, frame_id="", timestamp_ns=0))]
    fn from_numpy<'py>(
        array: &Bound<'py, PyAny>,
        layout: Option<&str>,
        frame_id: &str,
        timestamp_ns: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        const WANTED: &str =
            "a point cloud is (n, 3) for xyz, (n, 4) for xyzi or (n, 6) for xyzrgb, of float32 or float64";
        let source = Source::of(array)?;
        let layout = layout.map(parse).transpose()?;
        let (Some(dtype @ (Dtype::F32 | Dtype::F64)), [count, fields]) = (source.dtype, source.array.shape())
        else {
            return Err(source.refused("point cloud", WANTED));
        };
        let found = PointLayout::from_fields(*fields as u64);
        let layout = match (layout, found) {
            (Some(layout), _) if layout.fields() as usize == *fields => layout,
            (Some(layout), _) => {
                let wanted = format!("{layout} is (n, {}) of float32 or float64", layout.fields());
                return Err(source.refused("point cloud", &wanted));
            }
            (None, Some(found)) => found,
            (None, None) => return Err(source.refused("point cloud", WANTED)),
        };
        let meta = PointCloudMeta::new(*count as u64, layout, dtype).map_err(value_error)?;
        Pooled::copy_of(&meta, head(timestamp_ns, frame_id)?, &source.array)?.into_object(array.py())
    }

    /// Makes so many points with whatever the memory held, to be written through to_numpy() until the cloud is sent.
    ///
    /// The dtype is float32 unless said; nothing is copied or cleared. ValueError for an unknown layout or another dtype
    /// than float32 and float64; ShmFull and PoolExhausted if there is no room.
    #[staticmethod]
    #[pyo3(signature = (count, layout="xyz", dtype=None, *, frame_id="", timestamp_ns=0))]
    fn empty<'py>(
        py: Python<'py>,
        count: i64,
        layout: &str,
        dtype: Option<&Bound<'py, PyAny>>,
        frame_id: &str,
        timestamp_ns: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let dtype = dtype.map_or(Ok(Dtype::F32), |dtype| tensor::dtype_of(dtype, "a point cloud"))?;
        let count = u64::try_from(count)
            .map_err(|_| PyValueError::new_err(format!("a point cloud has 0 points or more, not {count}")))?;
        let meta = PointCloudMeta::new(count, parse(layout)?, dtype).map_err(value_error)?;
        Pooled::allocated(py, &meta, head(timestamp_ns, frame_id)?, true)?.into_object(py)
    }

    /// What the columns are: xyz, xyzi or xyzrgb.
    #[getter]
    fn layout(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<&'static str> {
        Ok(layout_of(slf.as_super(), py)?.name())
    }

    /// The positions in metres: a view (n, 3) of to_numpy().
    #[getter]
    fn xyz<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let all = Pooled::to_numpy(slf.as_super())?;
        all.get_item(columns(&all, 0, 3)?)
    }

    /// The intensities of an xyzi cloud: a view (n,) of to_numpy(). AttributeError for another layout.
    #[getter]
    fn intensity<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        wanted(slf, PointLayout::Xyzi, "intensity")?;
        Pooled::to_numpy(slf.as_super())?.get_item((PySlice::full(py), 3))
    }

    /// The colours of an xyzrgb cloud, from 0 to 255: a view (n, 3) of to_numpy(). AttributeError for another layout.
    #[getter]
    fn rgb<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        wanted(slf, PointLayout::Xyzrgb, "rgb")?;
        let all = Pooled::to_numpy(slf.as_super())?;
        all.get_item(columns(&all, 3, 6)?)
    }

    /// The number of points.
    fn __len__(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<usize> {
        Ok(slf.as_super().meta(py)?.shape()[0] as usize)
    }

    /// True, as every message is: `if message:` asks whether one came.
    fn __bool__(&self) -> bool {
        true
    }
}

fn parse(layout: &str) -> PyResult<PointLayout> {
    layout.parse().map_err(value_error)
}

fn layout_of(pooled: &Pooled, py: Python<'_>) -> PyResult<PointLayout> {
    Ok(PointLayout::from_code(pooled.meta(py)?.encoding).unwrap_or_default())
}

/// All rows of some columns.
fn columns<'py>(all: &Bound<'py, PyAny>, from: isize, to: isize) -> PyResult<Bound<'py, PyTuple>> {
    let py = all.py();
    PyTuple::new(py, [PySlice::full(py), PySlice::new(py, from, to, 1)])
}

fn wanted(slf: &Bound<'_, PointCloud>, layout: PointLayout, what: &str) -> PyResult<()> {
    let found = layout_of(slf.as_super().get(), slf.py())?;
    if found == layout {
        return Ok(());
    }
    Err(PyAttributeError::new_err(format!(
        "this point cloud is {found} and has no {what}; one of {layout} has"
    )))
}
