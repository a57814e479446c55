//! Where things are and how they move.

use super::FRAME_ID_BYTES;
use crate::{FixedStr, Message};

/// A velocity command for a base that drives and turns.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
#[message(topic = "cmd_vel")]
pub struct CmdVel {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// Forward speed in m/s.
    pub linear: f32,
    /// Turning speed in rad/s, positive to the left.
    pub angular: f32,
}

/// A velocity in space.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
#[message(topic = "twist")]
pub struct Twist {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// Speed along x, forward, in m/s.
    pub linear_x: f64,
    /// Speed along y, to the left, in m/s.
    pub linear_y: f64,
    /// Speed along z, upward, in m/s.
    pub linear_z: f64,
    /// Turning speed about x in rad/s.
    pub angular_x: f64,
    /// Turning speed about y in rad/s.
    pub angular_y: f64,
    /// Turning speed about z in rad/s.
    pub angular_z: f64,
}

/// A position and heading in the plane.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
#[message(topic = "pose")]
pub struct Pose2D {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// Position along x in m.
    pub x: f64,
    /// Position along y in m.
    pub y: f64,
    /// Heading in rad, from x towards y.
    pub theta: f64,
}

/// Where a base in the plane is and how it moves, as its wheels or another source tell.
///
/// Covariances are 6 by 6 matrices, row by row, over x, y, z and the rotations about x, y, z.
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
#[message(topic = "odom")]
pub struct Odometry {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// Position along x of `frame_id` in m.
    pub x: f64,
    /// Position along y of `frame_id` in m.
    pub y: f64,
    /// Heading in rad, from x towards y.
    pub theta: f64,
    /// Forward speed in m/s.
    pub linear_velocity: f64,
    /// Turning speed in rad/s, positive to the left.
    pub angular_velocity: f64,
    /// Covariance of the pose in m², m·rad and rad².
    pub pose_covariance: [f64; 36],
    /// Covariance of the velocity in m²/s², m·rad/s² and rad²/s².
    pub twist_covariance: [f64; 36],
    /// The frame in which the pose stands, for example `odom`; a name without unit.
    pub frame_id: FixedStr<FRAME_ID_BYTES>,
    /// The frame of the base itself, for example `base_link`; a name without unit.
    pub child_frame_id: FixedStr<FRAME_ID_BYTES>,
}
