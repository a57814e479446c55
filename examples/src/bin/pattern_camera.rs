//! A camera without a lens: thirty times a second a picture of 640 by 480 pixels on `camera.rgb`, drawn where it lies in
//! shared memory and copied by nobody.
//!
//! Each pixel tells its place and the picture's number, so that whoever reads one, in any language, can tell whether it
//! is whole: red is the column plus the number, green the row plus the number, blue the number alone, all modulo 256.
//! `examples/mixed/viewer.py` does. After `cargo build --release`:
//!
//! ```text
//! horus run pattern_camera examples/mixed/viewer.py
//! ```

use horus_core::{
    Context, Encoding, Image, ImageBuffer, ImageMeta, Node, NodeOptions, NodeResult, Publisher, Scheduler,
};
use horus_shm::now_ns;

const HEIGHT: u32 = 480;
const WIDTH: u32 = 640;
const FRAME_RATE_HZ: f64 = 30.0;

/// Draws picture number `number` into `pixels`: `[HEIGHT, WIDTH, 3]`, 8 bits each.
fn draw(number: u8, pixels: &mut [u8]) {
    for (row, line) in pixels.chunks_exact_mut(WIDTH as usize * 3).enumerate() {
        let green = number.wrapping_add(row as u8);
        for (column, pixel) in line.chunks_exact_mut(3).enumerate() {
            pixel.copy_from_slice(&[number.wrapping_add(column as u8), green, number]);
        }
    }
}

/// The node: pictures out.
#[derive(Debug, Default)]
struct PatternCamera {
    number: u8,
    pictures: Option<Publisher<Image>>,
}

impl Node for PatternCamera {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.pictures = Some(context.publisher("camera.rgb")?);
        Ok(())
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        let Some(pictures) = &mut self.pictures else { return Ok(()) };
        // A free block of this process's pool: a driver would let the camera write there.
        let mut picture =
            ImageBuffer::in_pool(context.participant(), ImageMeta::new(HEIGHT, WIDTH, Encoding::Rgb8)?)?;
        picture.set_timestamp_ns(now_ns());
        picture.set_frame_id("camera")?;
        draw(self.number, picture.pixels_mut());
        pictures.send(&picture.freeze())?;
        self.number = self.number.wrapping_add(1);
        Ok(())
    }
}

fn main() -> horus_core::Result<()> {
    let mut scheduler = Scheduler::new();
    scheduler.add("pattern_camera", PatternCamera::default(), NodeOptions::at(FRAME_RATE_HZ))?;
    scheduler.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pixel_tells_its_place_and_the_number() {
        let mut pixels = vec![0; (HEIGHT * WIDTH * 3) as usize];
        draw(200, &mut pixels);
        let pixel = |row: usize, column: usize| &pixels[(row * WIDTH as usize + column) * 3..][..3];
        assert_eq!(pixel(0, 0), [200, 200, 200]);
        assert_eq!(pixel(3, 50), [250, 203, 200]);
        assert_eq!(pixel(100, 639), [(200 + 639 - 768) as u8, 44, 200]);
        assert_eq!(pixel(479, 56), [0, (200 + 479 - 512) as u8, 200]);
    }
}
