//! One copy of a picture into shared memory: what no way of sending freshly made pixels can beat.

use std::path::Path;
use std::time::Instant;

use crate::Result;
use crate::payload::{FULL_HD, IMAGE_VALUE};
use crate::shared::Region;

const IMAGE_BYTES: usize = FULL_HD.bytes();
/// Pictures in turn, as many as a ring of eight keeps and one being written: more than caches hold.
const PLACES: usize = 9;

/// Copies a picture `copies` times; returns how long each took, in nanoseconds.
pub(crate) fn copy_into_shared_memory(folder: &Path, copies: usize) -> Result<Vec<u64>> {
    let region = Region::map(&folder.join("copy"), PLACES * IMAGE_BYTES)?;
    let mut picture = vec![IMAGE_VALUE; IMAGE_BYTES];
    let mut took = Vec::with_capacity(copies);
    for copy in 0..copies {
        let (place, value) = (copy % PLACES * IMAGE_BYTES, copy as u8);
        picture[IMAGE_BYTES - 1] = value;
        let before = Instant::now();
        region.copy_in(place, &picture);
        took.push(before.elapsed().as_nanos() as u64);
        if region.byte(place + IMAGE_BYTES - 1) != value {
            return Err("the copy isn't the picture".into());
        }
    }
    Ok(took)
}
