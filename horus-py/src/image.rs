//! Images: pixels in shared memory, seen as numpy arrays.

mod pixels;
mod view;

use crate::errors::{horus_error, shm_error};
use crate::process;
use horus_core::{BlockHead, Encoding, HEAD_BYTES, ImageMeta, META_BYTES_MAX};
use horus_shm::{Block, Participant, PinnedBlock};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pixels::Pixels;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::Arc;

/// An image in shared memory: height rows of width pixels.
///
/// from_numpy() copies an array once; empty() gives pixels that are written in place; recv() gives what another
/// process sent. to_numpy() never copies. Sending takes no copy either, and an image may be sent again, on
/// several topics. A forked child must not touch the images and arrays of its parent: their memory isn't there.
#[derive(Debug)]
#[pyclass(module = "horus")]
pub(crate) struct Image {
    pixels: Py<Pixels>,
    meta: ImageMeta,
    head: BlockHead,
    /// The arrays of an image made by `empty`, from the first `to_numpy` until it is sent.
    canvas: Option<Canvas>,
    in_place: bool,
    /// Whether pixels that could be written were given out as DLPack, whose holders nobody can count.
    exported: bool,
    /// The copy in our own pool, once a received image has been sent on.
    relayed: Option<Block>,
    /// Blocks of our own aren't mapped in a forked child.
    made_in: u32,
}

/// The writable array of an image, and what tells how many views of it there are.
#[derive(Debug)]
struct Canvas {
    /// Never shown. numpy makes it the base of every view of `shown`, so its reference count counts the views.
    hidden: Py<PyAny>,
    /// What `to_numpy` returns.
    shown: Py<PyAny>,
}

/// What goes out for an image.
pub(crate) struct Outgoing {
    pub(crate) block: Block,
    pub(crate) len: u64,
    pub(crate) meta: [u8; META_BYTES_MAX],
    pub(crate) meta_len: usize,
    /// Whether the pixels were copied, since somebody could still write to them.
    pub(crate) copied: bool,
}

impl Image {
    /// An image that another process sent.
    ///
    /// # Errors
    /// `HorusError` if the descriptor doesn't fit the block.
    pub(crate) fn received(py: Python<'_>, block: PinnedBlock, meta: &[u8]) -> PyResult<Self> {
        let meta = ImageMeta::decode(meta, block.bytes().len() as u64)
            .map_err(|error| horus_error(py, error.to_string()))?;
        let pixels = Pixels::pinned(block);
        let head = BlockHead::decode(&pixels.head());
        Self::new(py, pixels, meta, head, false)
    }

    fn new(
        py: Python<'_>,
        pixels: Pixels,
        meta: ImageMeta,
        head: BlockHead,
        in_place: bool,
    ) -> PyResult<Self> {
        let pixels = Py::new(py, pixels)?;
        let made_in = std::process::id();
        Ok(Image { pixels, meta, head, canvas: None, in_place, exported: false, relayed: None, made_in })
    }

    fn allocated(py: Python<'_>, meta: ImageMeta, head: BlockHead, in_place: bool) -> PyResult<Self> {
        let block = process::participant(py)?.allocate(meta.block_bytes()).map_err(|e| shm_error(py, e))?;
        Self::new(py, Pixels::writable(block), meta, head, in_place)
    }

    fn check_process(&self, py: Python<'_>) -> PyResult<()> {
        if self.made_in == std::process::id() {
            return Ok(());
        }
        Err(horus_error(
            py,
            "this image belongs to the process that this one was forked from; make or receive it here",
        ))
    }

    /// Gives the block that is to be sent, copying only if it isn't ours or somebody can still write to it.
    pub(crate) fn outgoing(&mut self, py: Python<'_>, participant: &Arc<Participant>) -> PyResult<Outgoing> {
        self.check_process(py)?;
        let (block, copied) = self.block(py, participant)?;
        let mut meta = [0; META_BYTES_MAX];
        let meta_len = self.meta.to_block().encode(&mut meta);
        Ok(Outgoing { block, len: self.meta.block_bytes(), meta, meta_len, copied })
    }

    fn block(&mut self, py: Python<'_>, participant: &Arc<Participant>) -> PyResult<(Block, bool)> {
        let pixels = self.pixels.bind(py).clone();
        if let Some(own) = pixels.get().own().or_else(|| self.relayed.clone()) {
            return Ok((own, false));
        }
        let head = self.head.encode();
        if pixels.get().is_writable() && !self.exported && self.seal(py)? {
            let block = pixels.get().freeze(&head);
            return block
                .map(|block| (block, false))
                .ok_or_else(|| horus_error(py, "the image was sent meanwhile"));
        }
        let mut copy = participant.allocate(self.meta.block_bytes()).map_err(|e| shm_error(py, e))?;
        copy[..HEAD_BYTES].copy_from_slice(&head);
        view::copy_rows(pixels.get(), &mut copy[HEAD_BYTES..]);
        let copy = copy.freeze();
        let ours = pixels.get().is_writable();
        if !ours {
            self.relayed = Some(copy.clone());
        }
        Ok((copy, ours))
    }

    /// Makes the array of an image written in place read-only; false if another view could still write.
    fn seal(&mut self, py: Python<'_>) -> PyResult<bool> {
        /// References to the array when one variable holds it: ours and that one. With more, one may be a
        /// memoryview or a tensor, which would stay writable.
        const SHOWN: isize = 2;
        /// References to the hidden array when no other view lives: ours and the shown array's.
        const HIDDEN: isize = 2;
        let Some(canvas) = &self.canvas else {
            return Ok(true);
        };
        let (hidden, shown) = (canvas.hidden.bind(py), canvas.shown.bind(py));
        if view::references(hidden) > HIDDEN || view::references(shown) > SHOWN {
            return Ok(false);
        }
        let flags = PyDict::new(py);
        flags.set_item(intern!(py, "write"), false)?;
        shown.call_method(intern!(py, "setflags"), (), Some(&flags))?;
        hidden.call_method(intern!(py, "setflags"), (), Some(&flags))?;
        self.canvas = None;
        Ok(true)
    }

    /// Refuses to change what has been sent.
    fn check_unsent(&self, py: Python<'_>, what: &str) -> PyResult<()> {
        if self.pixels.bind(py).get().is_writable() {
            return Ok(());
        }
        Err(horus_error(py, format!("{what} of an image that was sent or received can't be changed")))
    }
}

#[pymethods]
impl Image {
    /// Copies an array into shared memory: (h, w, 3), (h, w, 4) or (h, w) of uint8, (h, w) of uint16 or float32.
    ///
    /// Without an encoding, uint8 is rgb8, rgba8 or mono8, uint16 mono16, float32 depth32f. Any strides will do.
    #[staticmethod]
    #[pyo3(signature = (array, encoding=None, *, frame_id="", timestamp_ns=0))]
    fn from_numpy(
        array: &Bound<'_, PyAny>,
        encoding: Option<&str>,
        frame_id: &str,
        timestamp_ns: u64,
    ) -> PyResult<Self> {
        let py = array.py();
        let Ok(pixels) = array.cast::<PyUntypedArray>() else {
            let kind = array.get_type().fully_qualified_name()?;
            return Err(PyTypeError::new_err(format!("from_numpy takes a numpy array, not {kind}")));
        };
        let meta = geometry(pixels, encoding)?;
        let image = Self::allocated(py, meta, head(timestamp_ns, frame_id)?, false)?;
        let mut target = view::array(image.pixels.bind(py), &meta, true)?;
        if pixels.ndim() == 3 && meta.encoding.channels() == 1 {
            target = target.call_method1(intern!(py, "reshape"), (PyTuple::new(py, pixels.shape())?,))?;
        }
        py.import(intern!(py, "numpy"))?.call_method1(intern!(py, "copyto"), (target, array))?;
        Ok(image)
    }

    /// Makes an image with whatever pixels the memory held, to be written through to_numpy() until it is sent.
    #[staticmethod]
    #[pyo3(signature = (height, width, encoding="rgb8", *, frame_id="", timestamp_ns=0))]
    fn empty(
        py: Python<'_>,
        height: u32,
        width: u32,
        encoding: &str,
        frame_id: &str,
        timestamp_ns: u64,
    ) -> PyResult<Self> {
        let meta = ImageMeta::new(height, width, parse(encoding)?).map_err(value_error)?;
        Self::allocated(py, meta, head(timestamp_ns, frame_id)?, true)
    }

    /// Returns the pixels without a copy: (height, width, channels), or (height, width) with one channel.
    ///
    /// Read-only, except for an image made by empty() until it is sent: then that array, too, turns read-only. The
    /// pixels stay as long as the array or any view of it, even if their publisher dies.
    fn to_numpy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let mut image = slf.try_borrow_mut()?;
        image.check_process(py)?;
        let pixels = image.pixels.bind(py).clone();
        if !(image.in_place && pixels.get().is_writable()) {
            return view::array(&pixels, &image.meta, false);
        }
        if let Some(canvas) = &image.canvas {
            return Ok(canvas.shown.bind(py).clone());
        }
        let hidden = view::array(&pixels, &image.meta, true)?;
        let shown = hidden.call_method0(intern!(py, "view"))?;
        image.canvas = Some(Canvas { hidden: hidden.unbind(), shown: shown.clone().unbind() });
        Ok(shown)
    }

    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let array = Self::to_numpy(slf)?;
        let same =
            dtype.is_none_or(|dtype| array.getattr("dtype").and_then(|own| own.eq(dtype)).unwrap_or(false));
        if same && copy != Some(true) {
            return Ok(array);
        }
        if copy == Some(false) {
            return Err(PyValueError::new_err("another dtype takes a copy"));
        }
        let dtype = dtype.map_or_else(|| array.getattr("dtype"), |dtype| Ok(dtype.clone()))?;
        array.call_method1(intern!(py, "astype"), (dtype,))
    }

    #[pyo3(signature = (**options))]
    fn __dlpack__<'py>(
        slf: &Bound<'py, Self>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let array = Self::to_numpy(slf)?;
        let mut image = slf.try_borrow_mut()?;
        image.exported |= image.canvas.is_some();
        drop(image);
        array.call_method("__dlpack__", (), options)
    }

    fn __dlpack_device__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::to_numpy(slf)?.call_method0("__dlpack_device__")
    }

    /// The number of rows.
    #[getter]
    fn height(&self) -> u32 {
        self.meta.height
    }

    /// The number of pixels in a row.
    #[getter]
    fn width(&self) -> u32 {
        self.meta.width
    }

    /// What a pixel is: rgb8, rgba8, bgr8, bgra8, mono8, mono16 or depth32f.
    #[getter]
    fn encoding(&self) -> &'static str {
        self.meta.encoding.name()
    }

    /// The bytes from one row to the next.
    #[getter]
    fn step(&self) -> u32 {
        self.meta.step
    }

    /// The shape of the array: (height, width, channels), or (height, width) with one channel.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.meta.shape())
    }

    /// The bytes of all rows.
    #[getter]
    fn nbytes(&self) -> u64 {
        self.meta.data_bytes()
    }

    /// The coordinate frame of the camera, at most 32 bytes of UTF-8; can be set until the image is sent.
    #[getter]
    fn frame_id(&self) -> String {
        self.head.frame_id.as_str().to_owned()
    }

    #[setter]
    fn set_frame_id(&mut self, py: Python<'_>, frame_id: &str) -> PyResult<()> {
        self.check_unsent(py, "the frame_id")?;
        self.head = head(self.head.timestamp_ns, frame_id)?;
        Ok(())
    }

    /// When it was captured, in nanoseconds; 0 if nobody said. Can be set until the image is sent.
    #[getter]
    fn timestamp_ns(&self) -> u64 {
        self.head.timestamp_ns
    }

    #[setter]
    fn set_timestamp_ns(&mut self, py: Python<'_>, timestamp_ns: u64) -> PyResult<()> {
        self.check_unsent(py, "the timestamp_ns")?;
        self.head.timestamp_ns = timestamp_ns;
        Ok(())
    }

    fn __repr__(&self) -> String {
        let ImageMeta { height, width, encoding, .. } = self.meta;
        format!("<horus.Image {width}x{height} {encoding}>")
    }
}

fn head(timestamp_ns: u64, frame_id: &str) -> PyResult<BlockHead> {
    BlockHead::new(timestamp_ns, frame_id)
        .map_err(|error| PyValueError::new_err(format!("frame_id: {error}")))
}

fn parse(encoding: &str) -> PyResult<Encoding> {
    encoding.parse().map_err(value_error)
}

fn value_error(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Finds what image an array is.
fn geometry(array: &Bound<'_, PyUntypedArray>, encoding: Option<&str>) -> PyResult<ImageMeta> {
    let dtype = array.dtype().getattr(intern!(array.py(), "str"))?.extract::<String>()?;
    let shape = array.shape();
    let channels = match shape {
        [_, _] => 1,
        [_, _, channels] => *channels,
        _ => 0,
    };
    let encoding = match encoding {
        Some(name) => parse(name)?,
        None => match (dtype.as_str(), channels) {
            ("|u1", 1) => Encoding::Mono8,
            ("|u1", 3) => Encoding::Rgb8,
            ("|u1", 4) => Encoding::Rgba8,
            ("<u2", 1) => Encoding::Mono16,
            ("<f4", 1) => Encoding::Depth32f,
            _ => {
                return Err(no_image(
                    &dtype,
                    shape,
                    "an image is (h, w, 3), (h, w, 4) or (h, w) of uint8, or (h, w) of uint16 or float32",
                ));
            }
        },
    };
    if encoding.dtype().numpy() != dtype || encoding.channels() as usize != channels {
        let wanted = match encoding.channels() {
            1 => "(h, w)".to_owned(),
            more => format!("(h, w, {more})"),
        };
        return Err(no_image(&dtype, shape, &format!("{encoding} is {wanted} of {}", encoding.dtype())));
    }
    let side = |length: usize| u32::try_from(length).map_err(value_error);
    ImageMeta::new(side(shape[0])?, side(shape[1])?, encoding).map_err(value_error)
}

#[cold]
fn no_image(dtype: &str, shape: &[usize], wanted: &str) -> PyErr {
    PyValueError::new_err(format!("an array of dtype {dtype} and shape {shape:?} is no such image: {wanted}"))
}
