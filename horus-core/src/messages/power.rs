//! What the robot lives on.

use super::FRAME_ID_BYTES;
use crate::{FixedStr, Message};

/// What a battery tells of itself.
///
/// As in ROS 2, what it doesn't measure is NaN, which its driver says; what nobody sets is 0.
///
/// # Examples
/// ```
/// use horus_core::messages::BatteryState;
/// let battery = BatteryState {
///     voltage: 24.1,
///     percentage: 0.85,
///     temperature: f32::NAN,
///     power_supply_status: BatteryState::POWER_SUPPLY_STATUS_DISCHARGING,
///     ..BatteryState::default()
/// };
/// assert!(battery.percentage > 0.2 && battery.temperature.is_nan());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Message)]
#[repr(C)]
#[message(topic = "battery")]
pub struct BatteryState {
    /// Time in nanoseconds.
    pub timestamp_ns: u64,
    /// Voltage in V.
    pub voltage: f32,
    /// Charge from 0, empty, to 1, full; NaN if it isn't measured.
    pub percentage: f32,
    /// Current in A, negative while it discharges; NaN if it isn't measured.
    pub current: f32,
    /// Temperature in °C; NaN if it isn't measured.
    pub temperature: f32,
    /// Whether it charges: 0 unknown, 1 charging, 2 discharging, 3 not charging, 4 full; without unit.
    #[message(one_of(unknown = 0, charging = 1, discharging = 2, not_charging = 3, full = 4))]
    pub power_supply_status: u8,
    /// The battery's place or frame; a name without unit.
    pub frame_id: FixedStr<FRAME_ID_BYTES>,
    /// Filling.
    pub _filling: [u8; 7],
}
