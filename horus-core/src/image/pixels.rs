//! Pixels in shared memory.

use super::{Encoding, ImageMeta};
use crate::block::pool_backed;
use crate::error::{BlockError, Error, Result};
use crate::join;

pool_backed! {
    /// An image to write: a block of this process's pool, so that sending it copies nothing.
    ///
    /// # Examples
    /// ```no_run
    /// use horus_core::{Encoding, ImageBuffer, Publisher};
    ///
    /// let mut camera = Publisher::new("camera.rgb")?;
    /// let mut image = ImageBuffer::new(480, 640, Encoding::Rgb8)?;
    /// image.pixels_mut().fill(128);
    /// camera.send(&image.freeze())?;
    /// # Ok::<(), horus_core::Error>(())
    /// ```
    ImageBuffer,
    /// An image that nobody writes to: `[height, width, channels]`, or `[height, width]` with one channel.
    ///
    /// # Examples
    /// ```no_run
    /// use horus_core::{Image, Subscriber};
    /// use std::time::Duration;
    ///
    /// let mut camera = Subscriber::<Image>::new("camera.rgb")?;
    /// while let Some(image) = camera.recv_timeout(Duration::from_secs(1))? {
    ///     let rows = image.pixels().chunks_exact(image.meta().step as usize);
    ///     println!("{} rows at {} ns", rows.len(), image.timestamp_ns());
    /// }
    /// # Ok::<(), horus_core::Error>(())
    /// ```
    Image,
    ImageMeta
}

impl ImageBuffer {
    /// Returns an image in the pool of this process's default namespace; what its pixels hold is left over from before.
    ///
    /// Takes a free block, or makes one.
    ///
    /// # Errors
    /// A size that no image has; no room in shared memory.
    pub fn new(height: u32, width: u32, encoding: Encoding) -> Result<Self> {
        let meta = ImageMeta::new(height, width, encoding)?;
        Ok(Self::in_pool(&join::participant()?, meta)?)
    }

    /// Returns the rows: `height` times `step` bytes.
    pub fn pixels(&self) -> &[u8] {
        self.data()
    }

    /// Returns the rows to write.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        self.data_mut()
    }
}

impl Image {
    /// Returns an image of these pixels in the pool of this process's default namespace. Copies them once.
    ///
    /// # Errors
    /// Another number of bytes than the size asks for; no room in shared memory.
    pub fn from_bytes(height: u32, width: u32, encoding: Encoding, pixels: &[u8]) -> Result<Self> {
        let meta = ImageMeta::new(height, width, encoding)?;
        if meta.data_bytes() != pixels.len() as u64 {
            let error = BlockError::Bounds { needed: meta.data_bytes(), available: pixels.len() as u64 };
            return Err(Error::Block(error));
        }
        let mut image = ImageBuffer::in_pool(&join::participant()?, meta)?;
        image.pixels_mut().copy_from_slice(pixels);
        Ok(image.freeze())
    }

    /// Returns the rows: `height` times `step` bytes.
    pub fn pixels(&self) -> &[u8] {
        self.data()
    }
}
