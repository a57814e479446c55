//! What images, depth images, point clouds and tensors have in common: numbers in a block of the pool, seen as a numpy
//! array.

mod held;
mod view;

use crate::array;
use crate::errors::{horus_error, shm_error};
use crate::image::{DepthImage, Image};
use crate::point_cloud::PointCloud;
use crate::process;
use crate::raw::references;
use crate::tensor::Tensor;
use held::Held;
use horus_core::{
    BlockError, BlockHead, BlockMeta, DepthImageMeta, Dtype, Encoding, Geometry, HEAD_BYTES, ImageMeta, Kind,
    META_BYTES_MAX, PointCloudMeta, TensorMeta,
};
use horus_shm::{Block, Participant, PinnedBlock};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use parking_lot::{Mutex, MutexGuard};
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::Arc;
use view::View;

/// Numbers in shared memory, as Image, DepthImage, PointCloud and Tensor have them.
///
/// What their classes share; not made itself.
#[derive(Debug)]
#[pyclass(subclass, frozen, module = "horus", name = "_Pooled")]
pub(crate) struct Pooled {
    held: Py<Held>,
    meta: BlockMeta,
    /// The bytes of the numbers and the gaps between them.
    data_bytes: u64,
    in_place: bool,
    /// Blocks of our own aren't mapped in a forked child.
    made_in: u64,
    /// No Python code runs under this lock, so that no finalizer can come back to it and no other thread finds it taken.
    state: Mutex<State>,
}

/// What changes about a message.
#[derive(Debug)]
struct State {
    head: BlockHead,
    /// The arrays of a message made by `empty`, from the first `to_numpy` until it is sent.
    canvas: Option<Canvas>,
    /// Whether numbers that could be written were given out as DLPack, whose holders nobody can count.
    exported: bool,
    /// The copy in our own pool, once a received message has been sent on.
    relayed: Option<Block>,
}

/// The writable array of a message, and what tells how many views of it there are.
#[derive(Debug)]
struct Canvas {
    /// Never shown. numpy makes it the base of every view of `shown`, so its reference count counts the views.
    hidden: Py<PyAny>,
    /// What `to_numpy` returns.
    shown: Py<PyAny>,
}

/// What goes out for a message.
pub(crate) struct Outgoing {
    pub(crate) block: Block,
    pub(crate) len: u64,
    pub(crate) meta: [u8; META_BYTES_MAX],
    pub(crate) meta_len: usize,
    /// Whether the numbers were copied, since somebody could still write to them.
    pub(crate) copied: bool,
}

/// Making one.
impl Pooled {
    /// What another process sent.
    ///
    /// # Errors
    /// `HorusError` if the descriptor is none of this kind or doesn't fit the block.
    pub(crate) fn received(py: Python<'_>, kind: Kind, block: PinnedBlock, meta: &[u8]) -> PyResult<Self> {
        let length = block.bytes().len() as u64;
        let described = match kind {
            Kind::DepthImage => described::<DepthImageMeta>(meta, length),
            Kind::PointCloud => described::<PointCloudMeta>(meta, length),
            Kind::Tensor => described::<TensorMeta>(meta, length),
            _ => described::<ImageMeta>(meta, length),
        };
        let (meta, data_bytes) = described.map_err(|error| horus_error(py, error.to_string()))?;
        let held = Held::pinned(block);
        let head = BlockHead::decode(&held.head());
        Self::new(py, held, meta, data_bytes, head, false)
    }

    /// One with whatever numbers the memory held.
    pub(crate) fn allocated<G: Geometry>(
        py: Python<'_>,
        geometry: &G,
        head: BlockHead,
        in_place: bool,
    ) -> PyResult<Self> {
        let allocated = process::participant().and_then(|joined| joined.allocate(geometry.block_bytes()));
        let block = allocated.map_err(|error| shm_error(py, error))?;
        Self::new(py, Held::writable(block), geometry.to_block(), geometry.data_bytes(), head, in_place)
    }

    /// One with the numbers of an array, copied once.
    pub(crate) fn copy_of<G: Geometry>(
        geometry: &G,
        head: BlockHead,
        array: &Bound<'_, PyUntypedArray>,
    ) -> PyResult<Self> {
        let py = array.py();
        let made = Self::allocated(py, geometry, head, false)?;
        let mut target = view::array(made.held.bind(py), &made.meta, true)?.array;
        if made.meta.shape().len() != array.ndim() {
            // One channel, as a dimension of its own.
            target = target.call_method1(intern!(py, "reshape"), (PyTuple::new(py, array.shape())?,))?;
        }
        py.import(intern!(py, "numpy"))?.call_method1(intern!(py, "copyto"), (target, array))?;
        Ok(made)
    }

    fn new(
        py: Python<'_>,
        held: Held,
        meta: BlockMeta,
        data_bytes: u64,
        head: BlockHead,
        in_place: bool,
    ) -> PyResult<Self> {
        let held = Py::new(py, held)?;
        let made_in = horus_shm::process_epoch();
        let state = Mutex::new(State { head, canvas: None, exported: false, relayed: None });
        Ok(Pooled { held, meta, data_bytes, in_place, made_in, state })
    }

    /// The object of the class that its kind has.
    pub(crate) fn into_object(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let kind = self.meta.kind;
        let base = PyClassInitializer::from(self);
        Ok(match kind {
            Kind::DepthImage => Bound::new(py, base.add_subclass(DepthImage))?.into_any(),
            Kind::PointCloud => Bound::new(py, base.add_subclass(PointCloud))?.into_any(),
            Kind::Tensor => Bound::new(py, base.add_subclass(Tensor))?.into_any(),
            _ => Bound::new(py, base.add_subclass(Image))?.into_any(),
        })
    }
}

fn described<G: Geometry>(meta: &[u8], block_bytes: u64) -> Result<(BlockMeta, u64), BlockError> {
    let geometry = G::decode(meta, block_bytes)?;
    Ok((geometry.to_block(), geometry.data_bytes()))
}

/// Sending it.
impl Pooled {
    pub(crate) fn kind(&self) -> Kind {
        self.meta.kind
    }

    /// What the numbers are and where they lie.
    ///
    /// # Errors
    /// `HorusError` in a child forked from the process that made or received this.
    pub(crate) fn meta(&self, py: Python<'_>) -> PyResult<&BlockMeta> {
        self.check_process(py)?;
        Ok(&self.meta)
    }

    fn check_process(&self, py: Python<'_>) -> PyResult<()> {
        if self.made_in == horus_shm::process_epoch() {
            return Ok(());
        }
        Err(horus_error(
            py,
            format!(
                "this {} belongs to the process that this one was forked from; make or receive it here",
                self.noun()
            ),
        ))
    }

    fn noun(&self) -> &'static str {
        match self.meta.kind {
            Kind::DepthImage => "depth image",
            Kind::PointCloud => "point cloud",
            Kind::Tensor => "tensor",
            _ => "image",
        }
    }

    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, State> {
        match self.state.try_lock() {
            Some(guard) => guard,
            None => py.detach(|| self.state.lock()),
        }
    }

    /// Gives the block that is to be sent, copying only if it isn't ours or somebody can still write to it.
    pub(crate) fn outgoing(&self, py: Python<'_>, participant: &Arc<Participant>) -> PyResult<Outgoing> {
        self.check_process(py)?;
        let held = self.held.bind(py).get();
        let mut state = self.lock(py);
        let mut sealed = None;
        let ours = held.own().or_else(|| state.relayed.clone()).or_else(|| {
            sealed = if state.seal(py) { state.canvas.take() } else { return None };
            held.freeze(&state.head.encode())
        });
        let (block, copied) = match ours {
            Some(ours) => (Ok(ours), false),
            None => (state.copy(held, self.block_bytes(), participant), held.is_writable()),
        };
        drop(state);
        // Whoever watches the array by a weak reference is told now.
        drop(sealed);
        Ok(self.as_outgoing(block.map_err(|error| shm_error(py, error))?, copied))
    }

    fn as_outgoing(&self, block: Block, copied: bool) -> Outgoing {
        let mut meta = [0; META_BYTES_MAX];
        let meta_len = self.meta.encode(&mut meta);
        Outgoing { block, len: self.block_bytes(), meta, meta_len, copied }
    }

    /// Gives the block that is to be sent if it needs no preparation: ours, and read-only already.
    pub(crate) fn ready(&self) -> Option<Outgoing> {
        if self.made_in != horus_shm::process_epoch() {
            return None;
        }
        let block = self.held.get().own()?;
        Some(self.as_outgoing(block, false))
    }

    fn block_bytes(&self) -> u64 {
        HEAD_BYTES as u64 + self.data_bytes
    }

    /// Refuses to change what has been sent.
    fn check_unsent(&self, py: Python<'_>, what: &str) -> PyResult<()> {
        self.check_process(py)?;
        if self.held.bind(py).get().is_writable() {
            return Ok(());
        }
        let noun = self.noun();
        Err(horus_error(py, format!("{what} of a {noun} that was sent or received can't be changed")))
    }
}

impl State {
    /// Makes the array of a message written in place read-only; false if another view could still write.
    fn seal(&self, py: Python<'_>) -> bool {
        /// References to the array when nobody else holds it, and when one variable does.
        const ALONE: isize = 1;
        const ONE_HOLDER: isize = 2;
        /// References to the hidden array when no other view lives: ours and the shown array's.
        const HIDDEN: isize = 2;
        if self.exported {
            return false;
        }
        let Some(canvas) = &self.canvas else {
            return true;
        };
        let (hidden, shown) = (canvas.hidden.bind(py), canvas.shown.bind(py));
        // A memoryview would stay writable. If the array ever gave one out, its one holder may be that.
        let unseen = match references(shown) {
            ..=ALONE => true,
            ONE_HOLDER => !view::gave_buffer(shown),
            _ => false,
        };
        if !unseen || references(hidden) > HIDDEN {
            return false;
        }
        view::make_read_only(shown);
        view::make_read_only(hidden);
        true
    }

    /// Copies the numbers into a block of our own pool; that of another's message is kept for when it is sent again.
    fn copy(
        &mut self,
        held: &Held,
        block_bytes: u64,
        participant: &Arc<Participant>,
    ) -> horus_shm::Result<Block> {
        let mut copy = participant.allocate(block_bytes)?;
        copy[..HEAD_BYTES].copy_from_slice(&self.head.encode());
        view::copy_numbers(held, &mut copy[HEAD_BYTES..]);
        let copy = copy.freeze();
        if !held.is_writable() {
            self.relayed = Some(copy.clone());
        }
        Ok(copy)
    }
}

#[pymethods]
impl Pooled {
    /// Returns the numbers as an array of the message's shape and dtype. Never copies.
    ///
    /// Read-only, except for a message made by empty() until it is sent: then that array, too, turns read-only. The
    /// numbers stay as long as the array or any view of it, even if their publisher dies. If a view that can still be
    /// written is alive when the message is sent, or the array was given to a memoryview, a copy is sent, and
    /// `horus topic info` counts it. Give tensors of other libraries an array that a variable holds, or the message itself:
    /// from an array that only they hold they could write what was sent. HorusError in a forked child.
    pub(crate) fn to_numpy<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, message) = (slf.py(), slf.get());
        message.check_process(py)?;
        let held = message.held.bind(py);
        if let Some(canvas) = &message.lock(py).canvas {
            return Ok(canvas.shown.bind(py).clone());
        }
        if message.in_place && held.get().is_writable() {
            // Made without the lock: another thread's may come first, or the message may go out meanwhile.
            let made = view::array(held, &message.meta, true)?;
            let mut state = message.lock(py);
            if held.get().is_writable() {
                let View { root, array } = &made;
                let canvas = state.canvas.get_or_insert_with(|| Canvas {
                    hidden: root.clone().unbind(),
                    shown: array.clone().unbind(),
                });
                return Ok(canvas.shown.bind(py).clone());
            }
        }
        Ok(view::array(held, &message.meta, false)?.array)
    }

    /// Returns to_numpy(), or a copy where another dtype is asked for or copy is True.
    ///
    /// ValueError where copy is False and another dtype takes one.
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

    /// Returns the numbers as DLPack, for numpy.from_dlpack() and tensors of other libraries.
    ///
    /// Without a copy, unless the other side can't be told that they are read-only.
    #[pyo3(signature = (**options))]
    fn __dlpack__<'py>(
        slf: &Bound<'py, Self>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let array = Self::to_numpy(slf)?;
        let mut state = slf.get().lock(py);
        state.exported |= state.canvas.is_some();
        drop(state);
        let method = intern!(py, "__dlpack__");
        match array.call_method(method, (), options) {
            Err(error) if error.is_instance_of::<PyBufferError>(py) => {
                let asked = options.map(|options| options.get_item("copy")).transpose()?.flatten();
                if asked.is_some_and(|copy| !copy.is_none() && !copy.is_truthy().unwrap_or(true)) {
                    return Err(error);
                }
                array.call_method0(intern!(py, "copy"))?.call_method(method, (), options)
            }
            given => given,
        }
    }

    /// Returns where the numbers are, as DLPack has it: (1, 0), the machine's own memory.
    fn __dlpack_device__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::to_numpy(slf)?.call_method0("__dlpack_device__")
    }

    /// The shape of the array that to_numpy() returns.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.meta(py)?.shape())
    }

    /// The numpy dtype of the array.
    #[getter]
    fn dtype<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let name = self.meta(py)?.dtype.numpy();
        py.import(intern!(py, "numpy"))?.call_method1(intern!(py, "dtype"), (name,))
    }

    /// The bytes of the numbers, with the gaps between them if there are any.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> PyResult<u64> {
        self.check_process(py)?;
        Ok(self.data_bytes)
    }

    /// The coordinate frame of the sensor, at most 32 bytes of UTF-8; can be set until the message is sent.
    #[getter]
    fn frame_id(&self, py: Python<'_>) -> PyResult<String> {
        self.check_process(py)?;
        Ok(self.lock(py).head.frame_id.as_str().to_owned())
    }

    #[setter]
    fn set_frame_id(&self, py: Python<'_>, frame_id: &str) -> PyResult<()> {
        self.check_unsent(py, "the frame_id")?;
        let named = head(0, frame_id)?;
        self.lock(py).head.frame_id = named.frame_id;
        Ok(())
    }

    /// When it was captured, in nanoseconds; 0 if nobody said. Can be set until the message is sent.
    #[getter]
    fn timestamp_ns(&self, py: Python<'_>) -> PyResult<u64> {
        self.check_process(py)?;
        Ok(self.lock(py).head.timestamp_ns)
    }

    #[setter]
    fn set_timestamp_ns(&self, py: Python<'_>, timestamp_ns: u64) -> PyResult<()> {
        self.check_unsent(py, "the timestamp_ns")?;
        self.lock(py).head.timestamp_ns = timestamp_ns;
        Ok(())
    }

    fn __repr__(&self) -> String {
        let shape = self.meta.shape();
        let what = match self.meta.kind {
            Kind::PointCloud => {
                let meta = PointCloudMeta::from_block(&self.meta);
                format!("{} points {}", shape[0], meta.map_or("", |meta| meta.layout.name()))
            }
            Kind::Tensor => {
                let comma = if shape.len() == 1 { "," } else { "" };
                let shape: Vec<_> = shape.iter().map(u64::to_string).collect();
                format!("({}{comma}) {}", shape.join(", "), long_name(self.meta.dtype))
            }
            _ => {
                let encoding = Encoding::from_code(self.meta.encoding);
                format!("{}x{} {}", shape[1], shape[0], encoding.map_or("", Encoding::name))
            }
        };
        format!("<horus.{} {what}>", self.meta.kind.type_name())
    }
}

/// The head of a block.
///
/// # Errors
/// `ValueError` for a frame_id of more than 32 bytes.
pub(crate) fn head(timestamp_ns: u64, frame_id: &str) -> PyResult<BlockHead> {
    BlockHead::new(timestamp_ns, frame_id)
        .map_err(|error| PyValueError::new_err(format!("frame_id: {error}")))
}

/// In the words of the layer below.
pub(crate) fn value_error(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// The dtype that numpy has in that object, of either byte order, if we have it.
pub(crate) fn dtype_named(dtype: &Bound<'_, PyAny>) -> PyResult<Option<Dtype>> {
    let name = dtype.getattr(intern!(dtype.py(), "str"))?.extract::<String>()?;
    Ok(Dtype::from_numpy(&name.replace('>', "<")))
}

/// An array to be copied, with what it is.
pub(crate) struct Source<'py> {
    pub(crate) array: Bound<'py, PyUntypedArray>,
    /// Its dtype, if we have it; byte order apart, since copying mends that.
    pub(crate) dtype: Option<Dtype>,
}

impl<'py> Source<'py> {
    /// What from_numpy was given.
    ///
    /// # Errors
    /// `TypeError` for what is no array and offers none.
    pub(crate) fn of(value: &Bound<'py, PyAny>) -> PyResult<Self> {
        let Some(array) = array::given(value)? else {
            let kind = value.get_type().fully_qualified_name()?;
            return Err(PyTypeError::new_err(format!(
                "from_numpy takes a numpy array, not {kind}; numpy.asarray() makes one"
            )));
        };
        let known = dtype_named(&array.dtype())?;
        Ok(Source { array, dtype: known })
    }

    /// Says that the array is none of those wanted.
    #[cold]
    pub(crate) fn refused(&self, what: &str, wanted: &str) -> PyErr {
        let found = || {
            let shape = PyTuple::new(self.array.py(), self.array.shape())?.repr()?;
            Ok::<_, PyErr>(format!("dtype {} and shape {shape}", self.array.dtype().str()?))
        };
        match found() {
            Ok(found) => PyValueError::new_err(format!("an array of {found} is no {what}: {wanted}")),
            Err(error) => error,
        }
    }
}

/// The name as numpy shows it: `float32`.
pub(crate) fn long_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::U8 => "uint8",
        Dtype::U16 => "uint16",
        Dtype::U32 => "uint32",
        Dtype::U64 => "uint64",
        Dtype::I8 => "int8",
        Dtype::I16 => "int16",
        Dtype::I32 => "int32",
        Dtype::I64 => "int64",
        Dtype::F32 => "float32",
        Dtype::F64 => "float64",
        Dtype::F16 => "float16",
        Dtype::Bool => "bool",
        Dtype::C64 => "complex64",
        Dtype::C128 => "complex128",
    }
}
