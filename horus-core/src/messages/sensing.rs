//! What sensors of the robot's own state measure.

use super::FRAME_ID_BYTES;
use crate::{FixedStr, Message};

/// An inertial measurement: acceleration, turning speed, and the orientation if the sensor tells it.
///
/// Covariances are 3 by 3 matrices, row by row, over x, y, z; all zero means unknown.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
#[message(topic = "imu")]
pub struct Imu {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// Acceleration along x in m/s².
    pub accel_x: f64,
    /// Acceleration along y in m/s².
    pub accel_y: f64,
    /// Acceleration along z in m/s².
    pub accel_z: f64,
    /// Turning speed about x in rad/s.
    pub gyro_x: f64,
    /// Turning speed about y in rad/s.
    pub gyro_y: f64,
    /// Turning speed about z in rad/s.
    pub gyro_z: f64,
    /// Orientation, the quaternion's x, without unit.
    pub qx: f64,
    /// Orientation, the quaternion's y, without unit.
    pub qy: f64,
    /// Orientation, the quaternion's z, without unit.
    pub qz: f64,
    /// Orientation, the quaternion's w, without unit; 1 where nothing is turned.
    #[message(default = 1.0)]
    pub qw: f64,
    /// Covariance of the orientation in rad².
    pub orientation_covariance: [f64; 9],
    /// Covariance of the turning speed in rad²/s².
    pub angular_velocity_covariance: [f64; 9],
    /// Covariance of the acceleration in m²/s⁴.
    pub linear_acceleration_covariance: [f64; 9],
    /// The frame of the sensor; a name without unit.
    pub frame_id: FixedStr<FRAME_ID_BYTES>,
}
