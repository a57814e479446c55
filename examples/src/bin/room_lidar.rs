//! A lidar without a laser: ten times a second the walls of a room as 720 points on `pointcloud`, written where they lie
//! in shared memory and copied by nobody.
//!
//! The room is 6 m by 4 m, the lidar in its middle; the first point is straight ahead (x), the others follow to the left
//! (y), each half a degree further. An echo is the stronger the more squarely the wall faces the lidar. After
//! `cargo build --release`:
//!
//! ```text
//! horus run room_lidar
//! horus topic echo pointcloud
//! ```

use horus_core::{
    Context, Dtype, Node, NodeOptions, NodeResult, PointCloud, PointCloudBuffer, PointCloudMeta, PointLayout,
    Publisher, Scheduler,
};
use horus_shm::now_ns;
use std::f32::consts::TAU;

const SCAN_RATE_HZ: f64 = 10.0;
const POINTS: u64 = 720;
/// From the lidar to the walls ahead and behind, and to those at the sides, in m.
const HALF_ROOM_M: (f32, f32) = (3.0, 2.0);

/// Returns x, y, z in m and the intensity, 0 to 1, of the wall in this direction, in radians to the left.
fn echo(angle: f32) -> [f32; 4] {
    let (ahead, left) = (angle.cos(), angle.sin());
    let (to_end, to_side) = (HALF_ROOM_M.0 / ahead.abs(), HALF_ROOM_M.1 / left.abs());
    let (distance, facing) = if to_end < to_side { (to_end, ahead.abs()) } else { (to_side, left.abs()) };
    [distance * ahead, distance * left, 0.0, facing]
}

/// The node: point clouds out.
#[derive(Debug, Default)]
struct RoomLidar {
    clouds: Option<Publisher<PointCloud>>,
}

impl Node for RoomLidar {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.clouds = Some(context.publisher(PointCloudMeta::TOPIC)?);
        Ok(())
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        let Some(clouds) = &mut self.clouds else { return Ok(()) };
        let meta = PointCloudMeta::new(POINTS, PointLayout::Xyzi, Dtype::F32)?;
        let mut cloud = PointCloudBuffer::in_pool(context.participant(), meta)?;
        cloud.set_timestamp_ns(now_ns());
        cloud.set_frame_id("lidar")?;
        if let Some(numbers) = cloud.as_mut_slice::<f32>() {
            for (i, point) in numbers.chunks_exact_mut(4).enumerate() {
                point.copy_from_slice(&echo(TAU * i as f32 / POINTS as f32));
            }
        }
        clouds.send(&cloud.freeze())?;
        Ok(())
    }
}

fn main() -> horus_core::Result<()> {
    let mut scheduler = Scheduler::new();
    scheduler.add("room_lidar", RoomLidar::default(), NodeOptions::at(SCAN_RATE_HZ))?;
    scheduler.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walls_are_where_the_room_ends() {
        assert_eq!(echo(0.0), [3.0, 0.0, 0.0, 1.0]);
        let [x, y, _, facing] = echo(TAU / 4.0);
        assert!(x.abs() < 1e-5 && (y - 2.0).abs() < 1e-5 && (facing - 1.0).abs() < 1e-5);
        let [x, y, ..] = echo((2.0f32 / 3.0).atan());
        assert!((x - 3.0).abs() < 1e-4 && (y - 2.0).abs() < 1e-4, "the corner");
    }
}
