//! The lidar as a process: what it sends are the walls, read where they lie, and it ends when it is asked to.

mod stage;

use horus_core::{PointCloud, PointLayout, Subscriber};
use stage::{Stage, WATCHDOG};

#[test]
fn every_cloud_is_the_room() {
    let mut stage = Stage::new("lidar", env!("CARGO_BIN_EXE_room_lidar"));
    let us = stage.join();
    let mut clouds =
        Subscriber::<PointCloud>::open(&us, &stage::topic("pointcloud"), Default::default()).unwrap();
    let mut last_ns = 0;
    for _ in 0..3 {
        let cloud = clouds.recv_timeout(WATCHDOG).unwrap().expect("a cloud");
        assert_eq!((cloud.len(), cloud.layout(), cloud.frame_id()), (720, PointLayout::Xyzi, "lidar"));
        assert!(cloud.timestamp_ns() > last_ns);
        last_ns = cloud.timestamp_ns();
        for point in cloud.points_f32().unwrap().chunks_exact(4) {
            let [x, y, z, facing] = *point else { panic!("four numbers") };
            let on_wall = (x.abs() - 3.0).abs() < 1e-4 || (y.abs() - 2.0).abs() < 1e-4;
            assert!(on_wall && x.abs() < 3.001 && y.abs() < 2.001 && z == 0.0, "{point:?}");
            assert!((0.5..=1.0001).contains(&facing), "{point:?}");
        }
    }
    assert_eq!(stage.stop(), Some(0));
}
