//! What joints and motors do.

use super::FRAME_ID_BYTES;
use crate::{FixedStr, Message};

/// Room for the name of a joint, in bytes. 64 hold the names that robot descriptions give; a longer one is an error.
pub const JOINT_NAME_BYTES: usize = 64;

/// Where the joints are and how they move, with any count of them.
///
/// As in ROS 2, entry `i` of each sequence belongs to joint `names[i]`, and a sequence of what isn't known is empty.
///
/// # Examples
/// ```
/// use horus_core::{FixedStr, messages::JointState};
/// let joints = JointState {
///     names: FixedStr::list(["shoulder", "elbow"])?,
///     positions: vec![0.5, -1.25],
///     ..JointState::default()
/// };
/// assert_eq!((joints.names[1].as_str(), joints.efforts.len()), ("elbow", 0));
/// # Ok::<(), horus_core::TooLong>(())
/// ```
#[derive(Clone, Debug, PartialEq, Message)]
#[message(topic = "joint_states")]
pub struct JointState {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// The joints; names without unit, each of at most 64 bytes.
    pub names: Vec<FixedStr<JOINT_NAME_BYTES>>,
    /// Positions in rad, or in m of a joint that slides.
    pub positions: Vec<f64>,
    /// Speeds in rad/s or m/s.
    pub velocities: Vec<f64>,
    /// Efforts in N·m or N.
    pub efforts: Vec<f64>,
    /// The frame in which the joints stand; a name without unit.
    pub frame_id: FixedStr<FRAME_ID_BYTES>,
}
