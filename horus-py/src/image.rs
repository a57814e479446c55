//! Images and depth images.

use crate::pooled::{Pooled, Source, head, long_name, value_error};
use horus_core::{DepthImageMeta, Dtype, Encoding, ImageMeta};
use numpy::PyUntypedArrayMethods;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// An image in shared memory: height rows of width pixels.
///
/// from_numpy() copies an array once; empty() gives pixels that are written in place; recv() gives what another
/// process sent. to_numpy() never copies: it is (height, width, channels), or (height, width) with one channel. Sending
/// takes no copy either, whatever the size, and an image may be sent again, on several topics; one that another process
/// sent is copied once when it is sent on. The default topic is "image".
///
/// A forked child can't use the images of its parent, which raise HorusError there, and must not touch arrays over
/// them, for which nobody can be asked: their memory isn't there, and touching it ends the child.
///
/// Example:
///     >>> import horus, numpy
///     >>> camera = horus.Topic("camera", horus.Image)
///     >>> pixels = numpy.zeros((480, 640, 3), numpy.uint8)
///     >>> camera.send(horus.Image.from_numpy(pixels, frame_id="front"))
///     True
///     >>> image = horus.Image.empty(480, 640, "mono8")
///     >>> image.to_numpy()[...] = 7
///     >>> image
///     <horus.Image 640x480 mono8>
///     >>> camera.close()
#[derive(Debug)]
#[pyclass(extends = Pooled, frozen, module = "horus")]
pub(crate) struct Image;

/// The distance of each pixel of a depth camera, in shared memory: height rows of width pixels.
///
/// depth32f is metres as float32, depth16 millimetres as uint16. What nothing was measured for is 0 or NaN in most
/// cameras. to_numpy() is (height, width) and never copies. Made, sent and received as Image, at the same cost. The
/// default topic is "depth".
///
/// Example:
///     >>> import horus, numpy
///     >>> depth = horus.DepthImage.from_numpy(numpy.full((480, 640), 1500, numpy.uint16))
///     >>> depth.encoding
///     'depth16'
///     >>> float(depth.to_numpy()[0, 0]) / 1000
///     1.5
#[derive(Debug)]
#[pyclass(extends = Pooled, frozen, module = "horus")]
pub(crate) struct DepthImage;

#[pymethods]
impl Image {
    /// Copies an array into shared memory: (h, w, 3), (h, w, 4) or (h, w) of uint8, (h, w) of uint16 or float32.
    ///
    /// Without an encoding, uint8 is rgb8, rgba8 or mono8, uint16 mono16, float32 depth32f. Any strides and byte order
    /// will do, and what has `__array__` or `__dlpack__`. One copy, in a block that is used again once nobody needs it.
    /// TypeError for what is no array; ValueError tells what the array is and what it should be, also where it has no
    /// pixels; ShmFull and PoolExhausted if there is no room.
    #[staticmethod]
    #[pyo3(signature = (array, encoding=None, *, frame_id="", timestamp_ns=0))]
    fn from_numpy<'py>(
        array: &Bound<'py, PyAny>,
        encoding: Option<&str>,
        frame_id: &str,
        timestamp_ns: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let source = Source::of(array)?;
        let channels = match source.array.shape() {
            [_, _, channels] => *channels,
            _ => 1,
        };
        let guessed = match (source.dtype, channels) {
            (Some(Dtype::U8), 1) => Some(Encoding::Mono8),
            (Some(Dtype::U8), 3) => Some(Encoding::Rgb8),
            (Some(Dtype::U8), 4) => Some(Encoding::Rgba8),
            (Some(Dtype::U16), 1) => Some(Encoding::Mono16),
            (Some(Dtype::F32), 1) => Some(Encoding::Depth32f),
            _ => None,
        };
        let (encoding, height, width) = sides(
            &source,
            encoding.map(parse).transpose()?.or(guessed),
            "image",
            "an image is (h, w, 3), (h, w, 4) or (h, w) of uint8, or (h, w) of uint16 or float32",
        )?;
        let meta = ImageMeta::new(height, width, encoding).map_err(value_error)?;
        Pooled::copy_of(&meta, head(timestamp_ns, frame_id)?, &source.array)?.into_object(array.py())
    }

    /// Makes an image with whatever pixels the memory held, to be written through to_numpy() until it is sent.
    ///
    /// Nothing is copied or cleared. ValueError for an unknown encoding or no pixels; ShmFull and PoolExhausted if there is
    /// no room.
    #[staticmethod]
    #[pyo3(signature = (height, width, encoding="rgb8", *, frame_id="", timestamp_ns=0))]
    fn empty<'py>(
        py: Python<'py>,
        height: i64,
        width: i64,
        encoding: &str,
        frame_id: &str,
        timestamp_ns: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let meta = ImageMeta::new(
            side("an image's height", height)?,
            side("an image's width", width)?,
            parse(encoding)?,
        )
        .map_err(value_error)?;
        Pooled::allocated(py, &meta, head(timestamp_ns, frame_id)?, true)?.into_object(py)
    }

    /// The number of rows.
    #[getter]
    fn height(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<u64> {
        Ok(slf.as_super().meta(py)?.shape()[0])
    }

    /// The number of pixels in a row.
    #[getter]
    fn width(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<u64> {
        Ok(slf.as_super().meta(py)?.shape()[1])
    }

    /// What a pixel is: rgb8, rgba8, bgr8, bgra8, mono8, mono16, depth32f or depth16.
    #[getter]
    fn encoding(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<&'static str> {
        encoding_of(slf.as_super(), py)
    }

    /// The bytes from one row to the next.
    #[getter]
    fn step(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<u64> {
        Ok(slf.as_super().meta(py)?.strides()[0])
    }
}

#[pymethods]
impl DepthImage {
    /// Copies an array into shared memory: (h, w) of float32, metres, or of uint16, millimetres.
    ///
    /// Any strides and byte order will do, and what has `__array__` or `__dlpack__`. One copy. TypeError for what is no
    /// array; ValueError tells what the array is and what it should be; ShmFull and PoolExhausted if there is no room.
    #[staticmethod]
    #[pyo3(signature = (array, encoding=None, *, frame_id="", timestamp_ns=0))]
    fn from_numpy<'py>(
        array: &Bound<'py, PyAny>,
        encoding: Option<&str>,
        frame_id: &str,
        timestamp_ns: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let source = Source::of(array)?;
        let guessed = match source.dtype {
            Some(Dtype::F32) => Some(Encoding::Depth32f),
            Some(Dtype::U16) => Some(Encoding::Depth16),
            _ => None,
        };
        let (encoding, height, width) = sides(
            &source,
            encoding.map(parse).transpose()?.or(guessed),
            "depth image",
            "a depth image is (h, w) of float32, metres, or of uint16, millimetres",
        )?;
        let meta = DepthImageMeta::new(height, width, encoding).map_err(value_error)?;
        Pooled::copy_of(&meta, head(timestamp_ns, frame_id)?, &source.array)?.into_object(array.py())
    }

    /// Makes a depth image with whatever the memory held, to be written through to_numpy() until it is sent.
    ///
    /// Nothing is copied or cleared. ValueError for another encoding or no pixels; ShmFull and PoolExhausted if there is no
    /// room.
    #[staticmethod]
    #[pyo3(signature = (height, width, encoding="depth32f", *, frame_id="", timestamp_ns=0))]
    fn empty<'py>(
        py: Python<'py>,
        height: i64,
        width: i64,
        encoding: &str,
        frame_id: &str,
        timestamp_ns: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let meta = DepthImageMeta::new(
            side("a depth image's height", height)?,
            side("a depth image's width", width)?,
            parse(encoding)?,
        )
        .map_err(value_error)?;
        Pooled::allocated(py, &meta, head(timestamp_ns, frame_id)?, true)?.into_object(py)
    }

    /// The number of rows.
    #[getter]
    fn height(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<u64> {
        Ok(slf.as_super().meta(py)?.shape()[0])
    }

    /// The number of pixels in a row.
    #[getter]
    fn width(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<u64> {
        Ok(slf.as_super().meta(py)?.shape()[1])
    }

    /// What a pixel is: depth32f, metres as float32, or depth16, millimetres as uint16.
    #[getter]
    fn encoding(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<&'static str> {
        encoding_of(slf.as_super(), py)
    }

    /// The bytes from one row to the next.
    #[getter]
    fn step(slf: PyRef<'_, Self>, py: Python<'_>) -> PyResult<u64> {
        Ok(slf.as_super().meta(py)?.strides()[0])
    }
}

fn encoding_of(pooled: &Pooled, py: Python<'_>) -> PyResult<&'static str> {
    Ok(Encoding::from_code(pooled.meta(py)?.encoding).map_or("", Encoding::name))
}

fn parse(encoding: &str) -> PyResult<Encoding> {
    encoding.parse().map_err(value_error)
}

/// A number of pixels. The meta refuses 0, with the other side.
fn side(what: &str, count: i64) -> PyResult<u32> {
    u32::try_from(count)
        .map_err(|_| PyValueError::new_err(format!("{what} is 1 to {} pixels, not {count}", u32::MAX)))
}

/// The encoding, height and width of an array that is such an image.
fn sides(
    source: &Source<'_>,
    encoding: Option<Encoding>,
    what: &str,
    wanted: &str,
) -> PyResult<(Encoding, u32, u32)> {
    let (height, width, channels) = match source.array.shape() {
        [height, width] => (*height, *width, 1),
        [height, width, channels] => (*height, *width, *channels),
        _ => return Err(source.refused(what, wanted)),
    };
    let Some(encoding) = encoding else {
        return Err(source.refused(what, wanted));
    };
    if source.dtype != Some(encoding.dtype()) || encoding.channels() as usize != channels {
        let shape = match encoding.channels() {
            1 => "(h, w)".to_owned(),
            more => format!("(h, w, {more})"),
        };
        let wanted = format!("{encoding} is {shape} of {}", long_name(encoding.dtype()));
        return Err(source.refused(what, &wanted));
    }
    let length = |length: usize| u32::try_from(length).map_err(value_error);
    Ok((encoding, length(height)?, length(width)?))
}
