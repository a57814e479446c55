//! Text and truth values as plain data.

use bytemuck::{Pod, Zeroable};
use std::fmt;

/// UTF-8 text of at most `N` bytes, held in place and filled up with zeros.
///
/// Any bytes are a valid value: what a peer scribbled reads as the text up to the first zero or the first byte that
/// isn't UTF-8.
///
/// # Examples
/// ```
/// use horus_core::FixedStr;
/// let frame: FixedStr<32> = "base_link".try_into()?;
/// assert_eq!(frame.as_str(), "base_link");
/// assert_eq!(FixedStr::<4>::new("base_link").unwrap_err().to_string(), "text of 9 bytes exceeds the 4 bytes of its field");
/// # Ok::<(), horus_core::TooLong>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Zeroable, Pod)]
#[repr(transparent)]
pub struct FixedStr<const N: usize>([u8; N]);

/// Text that doesn't fit a [`FixedStr`], or holds a NUL, which would end it there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TooLong {
    /// More bytes than there is room for.
    Bytes {
        /// The text's bytes.
        bytes: usize,
        /// The room in bytes.
        limit: usize,
    },
    /// A NUL character.
    Nul {
        /// Where it stands, in bytes from the start.
        offset: usize,
    },
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TooLong::Bytes { bytes, limit } => {
                write!(f, "text of {bytes} bytes exceeds the {limit} bytes of its field")
            }
            TooLong::Nul { offset } => write!(f, "text has a NUL at byte {offset}, where it would end"),
        }
    }
}

impl std::error::Error for TooLong {}

/// Writes text, or what was to be text, into a field of fixed size and fills it up with zeros.
pub(crate) fn write_fixed(text: impl AsRef<[u8]>, field: &mut [u8]) -> Result<(), TooLong> {
    let text = text.as_ref();
    if text.len() > field.len() {
        return Err(TooLong::Bytes { bytes: text.len(), limit: field.len() });
    }
    if let Some(offset) = text.iter().position(|byte| *byte == 0) {
        return Err(TooLong::Nul { offset });
    }
    let (used, rest) = field.split_at_mut(text.len());
    used.copy_from_slice(text);
    rest.fill(0);
    Ok(())
}

/// Returns the bytes of a field of fixed size up to the first zero.
pub(crate) fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

impl<const N: usize> FixedStr<N> {
    /// Returns the text in a field of `N` bytes.
    ///
    /// # Errors
    /// [`TooLong`] if it has more than `N` bytes or holds a NUL.
    pub fn new(text: &str) -> Result<Self, TooLong> {
        let mut bytes = [0; N];
        write_fixed(text, &mut bytes)?;
        Ok(Self(bytes))
    }

    /// Returns texts as fields of `N` bytes each, in their order: what fills a `Vec<FixedStr<N>>`.
    ///
    /// # Errors
    /// [`TooLong`] of the first that has more than `N` bytes or holds a NUL.
    ///
    /// # Examples
    /// ```
    /// use horus_core::{FixedStr, messages::JointState};
    /// let joints = JointState { names: FixedStr::list(["shoulder", "elbow"])?, ..JointState::default() };
    /// assert_eq!(joints.names.iter().position(|name| name == "elbow"), Some(1));
    /// # Ok::<(), horus_core::TooLong>(())
    /// ```
    pub fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Vec<Self>, TooLong> {
        texts.into_iter().map(|text| Self::new(text.as_ref())).collect()
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        let bytes = until_nul(&self.0);
        match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        }
    }
}

impl<const N: usize> Default for FixedStr<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> TryFrom<&str> for FixedStr<N> {
    type Error = TooLong;

    fn try_from(text: &str) -> Result<Self, TooLong> {
        Self::new(text)
    }
}

impl<const N: usize> AsRef<str> for FixedStr<N> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> PartialEq<str> for FixedStr<N> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl<const N: usize> PartialEq<&str> for FixedStr<N> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl<const N: usize> fmt::Display for FixedStr<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for FixedStr<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// A truth value in one byte: 0 is false, anything else true, so that every byte is a valid value.
///
/// # Examples
/// ```
/// use horus_core::Bool;
/// assert!(Bool::from(true).get());
/// assert_eq!(Bool::default(), Bool::from(false));
/// ```
#[derive(Clone, Copy, Default, Zeroable, Pod)]
#[repr(transparent)]
pub struct Bool(u8);

impl Bool {
    /// Returns the truth value.
    pub fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Bool {
    fn from(value: bool) -> Self {
        Self(value.into())
    }
}

impl From<Bool> for bool {
    fn from(value: Bool) -> Self {
        value.get()
    }
}

impl PartialEq for Bool {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Bool {}

impl fmt::Debug for Bool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_to_its_field() {
        assert_eq!(FixedStr::<4>::new("äö").unwrap(), "äö");
        assert_eq!(FixedStr::<4>::new("äö!"), Err(TooLong::Bytes { bytes: 5, limit: 4 }));
        assert_eq!(FixedStr::<4>::new("a\0b"), Err(TooLong::Nul { offset: 1 }));
        assert_eq!(FixedStr::<4>::default(), "");
    }

    #[test]
    fn a_list_is_whole_or_tells_the_first_that_does_not_fit() {
        let names = FixedStr::<4>::list(vec!["a".to_owned(), "äö".to_owned()]).unwrap();
        assert_eq!(names, ["a", "äö"]);
        assert_eq!(FixedStr::<4>::list(["a", "elbow"]), Err(TooLong::Bytes { bytes: 5, limit: 4 }));
        assert_eq!(FixedStr::<4>::list([""; 0]), Ok(vec![]));
    }

    #[test]
    fn scribbled_bytes_read_as_the_text_before_them() {
        assert_eq!(FixedStr::<4>([b'a', 0xff, b'b', 0]).as_str(), "a");
        assert_eq!(FixedStr::<3>([b'a', b'b', b'c']).as_str(), "abc");
        assert_eq!(FixedStr::<4>([b'a', 0, b'c', 0xff]).as_str(), "a");
    }

    #[test]
    fn every_byte_is_a_truth_value() {
        let all: Vec<u8> = (0..=255).collect();
        let read: &[Bool] = bytemuck::cast_slice(&all);
        assert_eq!(read.iter().filter(|b| b.get()).count(), 255);
        assert_eq!(read[1], read[200]);
    }
}
