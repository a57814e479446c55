//! Turns what a robot that hangs from the ceiling tells: everything that its sensors see goes on as if it stood.
//!
//! One kind of message each way: laser scans and joints, which are of any length, and point clouds and tensors, whose
//! numbers stay in shared memory. Whatever language sends `scan`, `joint_states`, `pointcloud` or `tensor`, any may take
//! `scan.upright` and its like. After `cargo build --release`:
//!
//! ```text
//! horus run upside_down
//! horus topic pub scan '{ranges: [1.0, 2.0, 3.0]}' -r 10
//! horus topic echo scan.upright
//! ```

use horus_core::messages::{JointState, LaserScan};
use horus_core::{
    Context, Node, NodeOptions, NodeResult, Payload, PointCloud, PointCloudBuffer, Publisher, Scheduler,
    Subscriber, Tensor, TensorBuffer,
};

const TICK_HZ: f64 = 200.0;

/// Rays that went to the left go to the right.
fn turn_scan(mut scan: LaserScan) -> LaserScan {
    scan.ranges.reverse();
    scan.intensities.reverse();
    (scan.angle_min, scan.angle_max) = (-scan.angle_max, -scan.angle_min);
    scan
}

/// Joints that turned one way turn the other.
fn turn_joints(mut joints: JointState) -> JointState {
    for numbers in [&mut joints.positions, &mut joints.velocities, &mut joints.efforts] {
        numbers.iter_mut().for_each(|number| *number = -*number);
    }
    joints
}

/// Half a turn about x: y and z change their sign. The numbers are f32.
fn turn_cloud(
    cloud: &PointCloud,
    context: &Context,
) -> Result<PointCloud, Box<dyn std::error::Error + Send + Sync>> {
    let meta = cloud.meta();
    let mut turned = PointCloudBuffer::in_pool(context.participant(), meta)?;
    turned.set_timestamp_ns(cloud.timestamp_ns());
    turned.set_frame_id(cloud.frame_id())?;
    turned.data_mut().copy_from_slice(cloud.data());
    let numbers = turned.as_mut_slice::<f32>().ok_or("the points are no f32")?;
    for point in numbers.chunks_exact_mut(meta.layout.fields() as usize) {
        point[1] = -point[1];
        point[2] = -point[2];
    }
    Ok(turned.freeze())
}

/// Half a turn of each picture in a tensor `[…, height, width]` of any type, in C order.
fn turn_tensor(
    tensor: &Tensor,
    context: &Context,
) -> Result<Tensor, Box<dyn std::error::Error + Send + Sync>> {
    let meta = tensor.meta();
    let [.., height, width] = meta.shape() else { return Err("a tensor without pictures".into()) };
    if !meta.is_c_order() {
        return Err("a tensor that isn't in C order".into());
    }
    let (item, pixels) = (meta.dtype().size() as usize, (height * width) as usize);
    let mut turned = TensorBuffer::in_pool(context.participant(), meta)?;
    turned.set_timestamp_ns(tensor.timestamp_ns());
    turned.set_frame_id(tensor.frame_id())?;
    turned.data_mut().copy_from_slice(tensor.data());
    for picture in turned.data_mut().chunks_exact_mut((item * pixels).max(1)) {
        picture.reverse();
        // The bytes of each number were turned too.
        picture.chunks_exact_mut(item).for_each(<[u8]>::reverse);
    }
    Ok(turned.freeze())
}

/// A topic and the one with what was turned.
#[derive(Debug)]
struct Way<T: Payload> {
    into: Subscriber<T>,
    out: Publisher<T>,
}

impl<T: Payload> Way<T> {
    fn open(context: &Context, topic: &str) -> horus_core::Result<Self> {
        let out = context.publisher(&format!("{topic}.upright"))?;
        Ok(Way { into: context.subscriber(topic)?, out })
    }
}

/// The node: four kinds of messages in, the same out.
#[derive(Debug, Default)]
struct UpsideDown {
    scans: Option<Way<LaserScan>>,
    joints: Option<Way<JointState>>,
    clouds: Option<Way<PointCloud>>,
    tensors: Option<Way<Tensor>>,
}

impl Node for UpsideDown {
    fn init(&mut self, context: &mut Context) -> NodeResult {
        self.scans = Some(Way::open(context, "scan")?);
        self.joints = Some(Way::open(context, "joint_states")?);
        self.clouds = Some(Way::open(context, "pointcloud")?);
        self.tensors = Some(Way::open(context, "tensor")?);
        Ok(())
    }

    fn tick(&mut self, context: &mut Context) -> NodeResult {
        if let Some(Way { into, out }) = &mut self.scans {
            for scan in into.recv_all()? {
                out.send(&turn_scan(scan))?;
            }
        }
        if let Some(Way { into, out }) = &mut self.joints {
            for joints in into.recv_all()? {
                out.send(&turn_joints(joints))?;
            }
        }
        if let Some(Way { into, out }) = &mut self.clouds {
            for cloud in into.recv_all()? {
                out.send(&turn_cloud(&cloud, context)?)?;
            }
        }
        if let Some(Way { into, out }) = &mut self.tensors {
            for tensor in into.recv_all()? {
                out.send(&turn_tensor(&tensor, context)?)?;
            }
        }
        Ok(())
    }
}

fn main() -> horus_core::Result<()> {
    let mut scheduler = Scheduler::new();
    scheduler.add("upside_down", UpsideDown::default(), NodeOptions::at(TICK_HZ))?;
    scheduler.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_on_the_left_is_on_the_right() {
        let scan =
            LaserScan { angle_min: -1.0, angle_max: 2.0, ranges: vec![1.0, 2.0], ..LaserScan::default() };
        let turned = turn_scan(scan.clone());
        assert_eq!((turned.angle_min, turned.angle_max, turned.ranges.clone()), (-2.0, 1.0, vec![2.0, 1.0]));
        assert_eq!(turn_scan(turned), scan);
    }

    #[test]
    fn joints_turn_the_other_way() {
        let joints = JointState { positions: vec![1.0, -2.0], ..JointState::default() };
        assert_eq!(turn_joints(joints).positions, [-1.0, 2.0]);
    }
}
