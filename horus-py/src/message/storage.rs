//! Where the fixed bytes of a message are kept.

/// The bytes of one message, or of its head, 8-aligned; small ones within the object, so that making one allocates once.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// Up to `INLINE` words.
    Inline([u64; INLINE], u32),
    /// More.
    Heap(Box<[u64]>, u32),
}

impl Default for Storage {
    fn default() -> Self {
        Storage::Inline([0; INLINE], 0)
    }
}

/// Words kept within the object: enough for CmdVel, Pose2D and Twist.
const INLINE: usize = 8;

impl Storage {
    /// Copies `bytes`.
    pub(super) fn copy_of(bytes: &[u8]) -> Self {
        // A schema's size is a `u32`.
        let size = bytes.len() as u32;
        let words = bytes.len().div_ceil(8);
        let mut storage = if words <= INLINE {
            Storage::Inline([0; INLINE], size)
        } else {
            Storage::Heap(vec![0; words].into_boxed_slice(), size)
        };
        storage.bytes_mut().copy_from_slice(bytes);
        storage
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Storage::Inline(words, size) => &bytemuck::bytes_of(words)[..*size as usize],
            Storage::Heap(words, size) => &bytemuck::cast_slice(words)[..*size as usize],
        }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Storage::Inline(words, size) => &mut bytemuck::bytes_of_mut(words)[..*size as usize],
            Storage::Heap(words, size) => &mut bytemuck::cast_slice_mut(words)[..*size as usize],
        }
    }
}
