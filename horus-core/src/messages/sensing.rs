//! What sensors measure.

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

/// One sweep of a laser range finder, with any count of rays.
///
/// Ray `i` points to `angle_min + i * angle_increment`, counter-clockwise about z. As in ROS 2, a distance outside
/// `range_min` to `range_max` is no measurement.
///
/// # Examples
/// ```
/// use horus_core::messages::LaserScan;
/// let scan = LaserScan {
///     angle_min: -1.5,
///     angle_max: 1.5,
///     angle_increment: 3.0 / 1439.0,
///     range_max: 30.0,
///     ranges: vec![2.5; 1440],
///     ..LaserScan::default()
/// };
/// let seen = scan.ranges.iter().filter(|range| (scan.range_min..=scan.range_max).contains(range));
/// assert_eq!(seen.count(), 1440);
/// ```
#[derive(Clone, Debug, PartialEq, Message)]
#[message(topic = "scan")]
pub struct LaserScan {
    /// Time of the first ray in nanoseconds.
    pub timestamp_ns: u64,
    /// Angle of the first ray in rad.
    pub angle_min: f32,
    /// Angle of the last ray in rad.
    pub angle_max: f32,
    /// Angle from one ray to the next in rad.
    pub angle_increment: f32,
    /// Time from one ray to the next in s.
    pub time_increment: f32,
    /// Time from one sweep to the next in s.
    pub scan_time: f32,
    /// Shortest distance it measures in m.
    pub range_min: f32,
    /// Longest distance it measures in m.
    pub range_max: f32,
    /// Filling.
    pub _filling: [u8; 4],
    /// Distances in m, one a ray.
    pub ranges: Vec<f32>,
    /// Strengths of the echoes in the device's own unit, one a ray, or none.
    pub intensities: Vec<f32>,
    /// The frame of the sensor; a name without unit.
    pub frame_id: FixedStr<FRAME_ID_BYTES>,
}
