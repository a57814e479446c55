//! Messages: data with a schema.

use crate::error::{PayloadError, ValueError};
use crate::field::FieldType;
use crate::schema::Schema;
use crate::tails::{TailReader, TailWriter};
use std::fmt;

/// A type whose bytes every process reads alike, and whose schema every tool can read.
///
/// Derived, never written by hand: see [`derive@crate::Message`]. There are two sorts, which differ in nothing but cost:
///
/// - *Plain* ones are `#[repr(C)]` structs of numbers, fixed text, fixed arrays and plain messages. Their bytes in memory
///   are the message: sending is one copy, receiving another, and nothing is allocated.
/// - *Variable* ones have `Vec` or [`String`] fields, any number of items, also none. They are written straight into
///   shared memory; receiving allocates once for each such field.
///
/// # Examples
/// ```
/// /// A sweep of a range finder.
/// #[derive(Clone, Debug, PartialEq, horus_core::Message)]
/// struct Sweep {
///     /// Time of the sweep in nanoseconds.
///     timestamp_ns: u64,
///     /// Distances in metres.
///     distances: Vec<f32>,
///     /// The sensor's name.
///     sensor: String,
/// }
///
/// use horus_core::Message;
/// let sweep = Sweep { distances: vec![0.5; 1440], ..Sweep::default() };
/// let bytes = sweep.to_bytes();
/// assert_eq!(Sweep::decode(&bytes)?, sweep);
/// # Ok::<(), horus_core::PayloadError>(())
/// ```
///
/// Bytes that stand for nothing can't be compared or stored, so padding is refused, and the message names the field:
///
/// ```compile_fail,E0080
/// #[derive(Clone, Copy, horus_core::Message)]
/// #[repr(C)]
/// struct Gap {
///     flag: u8,
///     speed: f64, // padding before field `speed` of message `Gap`: put larger fields first, …
/// }
/// ```
/// ```compile_fail,E0080
/// #[derive(Clone, Copy, horus_core::Message)]
/// #[repr(C)]
/// struct Tail {
///     speed: f64,
///     flag: u8, // padding after field `flag`, the last of message `Tail`: …
/// }
/// ```
///
/// A field whose name begins with `_` is filling. It is always sent as zeros, ignored when received, and no tool shows
/// it:
///
/// ```
/// #[derive(Clone, Copy, horus_core::Message)]
/// #[repr(C)]
/// struct Filled {
///     speed: f64,
///     flag: u8,
///     _filling: [u8; 7],
/// }
/// ```
///
/// The same rules hold for the fixed part of a variable message, in which a `Vec` or `String` takes 16 bytes on a
/// boundary of 8:
///
/// ```compile_fail,E0080
/// #[derive(Clone, horus_core::Message)]
/// struct Scan {
///     angle: f32,
///     ranges: Vec<f32>, // padding before field `ranges` of message `Scan`: …
/// }
/// ```
///
/// A type that every process would read differently is no field:
///
/// ```compile_fail,E0277
/// #[derive(Clone, Copy)]
/// #[repr(C)]
/// struct Plain(f64);
///
/// #[derive(Clone, Copy, horus_core::Message)]
/// #[repr(C)]
/// struct Holder {
///     inner: Plain, // `Plain` can't be a field of a message
/// }
/// ```
///
/// A message that holds a variable one says so, for the derive sees no further than the names of types:
///
/// ```
/// #[derive(Clone, horus_core::Message)]
/// #[message(variable)]
/// struct TwoScans {
///     left: horus_core::messages::LaserScan,
///     right: horus_core::messages::LaserScan,
/// }
/// ```
/// ```compile_fail,E0277
/// #[derive(Clone, horus_core::Message)]
/// #[repr(C)]
/// struct TwoScans {
///     left: horus_core::messages::LaserScan, // `LaserScan` isn't plain data of one size
///     right: horus_core::messages::LaserScan,
/// }
/// ```
///
/// The items of a `Vec` are of one size:
///
/// ```compile_fail,E0277
/// #[derive(Clone, horus_core::Message)]
/// struct Scans {
///     all: Vec<horus_core::messages::LaserScan>, // `LaserScan` isn't plain data of one size
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    note = "add #[derive(Message)], and #[repr(C)] if no field is a Vec or String"
)]
pub trait Message: FieldType + Default + Send + Sync + 'static {
    /// The name that the topic holds and that errors tell, for example `CmdVel`.
    const NAME: &'static str;
    /// The topic where such a message goes when none is named.
    const TOPIC: Option<&'static str>;
    /// The documentation of the type.
    const DOC: &'static str;
    /// The documentation of each field that isn't filling, in their order.
    const FIELDS: &'static [FieldInfo];

    /// Returns the layout. Cheap after the first call.
    fn schema() -> &'static Schema;

    /// Returns the message's bytes where they lie, if they can be sent as they are; nothing of a variable one.
    fn as_plain_bytes(&self) -> Option<&[u8]> {
        None
    }

    /// Returns the bytes of the whole message. Takes as many steps as there are fields, whatever their length.
    fn encoded_len(&self) -> usize {
        self.tails_end(Self::HEAD_BYTES)
    }

    /// Writes the whole message, [`Message::encoded_len`] bytes, every one of them. Copies each field once.
    ///
    /// # Panics
    /// If `out` has another length.
    fn encode(&self, out: &mut [u8]) {
        assert_eq!(out.len(), self.encoded_len(), "the length that encoded_len tells");
        let (head, tails) = out.split_at_mut(Self::HEAD_BYTES);
        self.write(head, &mut TailWriter::new(tails, Self::HEAD_BYTES));
    }

    /// Returns the whole message as bytes. Allocates them.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.encoded_len()];
        self.encode(&mut bytes);
        bytes
    }

    /// Returns the message that these bytes hold. Safe on any bytes: what it allocates is bounded by their number.
    ///
    /// # Errors
    /// If their number isn't that of the type, a `Vec` or `String` would lie outside them or over another one, or text
    /// isn't UTF-8.
    fn decode(bytes: &[u8]) -> Result<Self, PayloadError> {
        let (found, head) = (bytes.len(), Self::HEAD_BYTES);
        if found < head {
            let name = Self::NAME;
            let reason = format!("a message of {found} bytes is no {name}, which has {head} and more");
            return Err(ValueError::new(reason).into());
        }
        Ok(Self::read(&bytes[..head], &mut TailReader::new(bytes, head))?)
    }
}

/// What people should know of a field; no part of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// The field's name.
    pub name: &'static str,
    /// Its documentation, with the unit.
    pub doc: &'static str,
}

/// A message type as a value: what generators of classes, stubs and documentation read.
#[derive(Clone, Copy)]
pub struct MessageType {
    /// The type's name.
    pub name: &'static str,
    /// The topic where such a message goes when none is named.
    pub default_topic: Option<&'static str>,
    /// The documentation of the type.
    pub doc: &'static str,
    /// The documentation of each field that isn't filling, in their order.
    pub fields: &'static [FieldInfo],
    schema: fn() -> &'static Schema,
    default_bytes: fn() -> Vec<u8>,
}

impl MessageType {
    /// Returns the description of a message type.
    pub const fn of<T: Message>() -> Self {
        Self {
            name: T::NAME,
            default_topic: T::TOPIC,
            doc: T::DOC,
            fields: T::FIELDS,
            schema: T::schema,
            default_bytes: || T::default().to_bytes(),
        }
    }

    /// Returns the layout. Cheap after the first call.
    pub fn schema(&self) -> &'static Schema {
        (self.schema)()
    }

    /// Returns the bytes of a message whose fields all have their defaults. Allocates.
    pub fn default_bytes(&self) -> Vec<u8> {
        (self.default_bytes)()
    }
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageType").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What the derive's expansion calls; no part of the public interface.
#[doc(hidden)]
pub mod derived {
    use super::Message;
    use crate::error::{PayloadError, Segment, ValueError};
    use crate::field::{FieldType, PlainField};
    use crate::schema::{Field, Schema};
    use crate::tails::{TailReader, TailWriter};

    pub use crate::field::{plain_bytes, read_plain, write_plain};

    /// Returns the schema of a type that the derive has checked.
    ///
    /// # Panics
    /// If the type has so many fields or names that its schema exceeds [`crate::SCHEMA_BYTES_MAX`]; all else was
    /// refused when the type was compiled.
    pub fn schema(name: &str, fields: Vec<Field>) -> Schema {
        Schema::new(name, fields).unwrap_or_else(|error| panic!("message {name}: {error}"))
    }

    /// Returns the plain message that these bytes are, with its filling cleared.
    ///
    /// # Errors
    /// [`PayloadError::Length`] if their number is another.
    #[inline]
    pub fn decode_plain<T: Message + PlainField>(bytes: &[u8]) -> Result<T, PayloadError> {
        if bytes.len() == size_of::<T>() {
            return Ok(read_plain(bytes));
        }
        Err(PayloadError::Length { type_name: T::NAME, expected: size_of::<T>(), found: bytes.len() })
    }

    /// Returns the largest of the numbers.
    pub const fn largest(numbers: &[usize]) -> usize {
        let mut largest = 0;
        let mut i = 0;
        while i < numbers.len() {
            if numbers[i] > largest {
                largest = numbers[i];
            }
            i += 1;
        }
        largest
    }

    /// Writes the next field of a head and steps behind it.
    pub fn write<T: FieldType>(value: &T, head: &mut &mut [u8], tails: &mut TailWriter<'_>) {
        value.write(next(head, T::HEAD_BYTES), tails);
    }

    /// Clears the next field of a head, which is filling, and steps behind it.
    pub fn write_filling<T: PlainField>(head: &mut &mut [u8]) {
        next(head, T::HEAD_BYTES).fill(0);
    }

    fn next<'a>(head: &mut &'a mut [u8], bytes: usize) -> &'a mut [u8] {
        head.split_off_mut(..bytes).expect("the head has the bytes of its fields")
    }

    /// Reads the next field of a head and steps behind it.
    ///
    /// # Errors
    /// As [`FieldType::read`], naming the field.
    pub fn read<T: FieldType>(
        name: &str,
        head: &mut &[u8],
        tails: &mut TailReader<'_>,
    ) -> Result<T, ValueError> {
        let part = head.split_off(..T::HEAD_BYTES).expect("the head has the bytes of its fields");
        T::read(part, tails).map_err(|error| error.within(Segment::Field(name.to_owned())))
    }

    /// Returns zeros for the next field of a head, which is filling, and steps behind it.
    pub fn read_filling<T: PlainField>(head: &mut &[u8]) -> T {
        head.split_off(..T::HEAD_BYTES).expect("the head has the bytes of its fields");
        T::zeroed()
    }
}
