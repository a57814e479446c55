//! The standard messages.
//!
//! [`standard`] is the one table that classes, stubs and documentation in every language are made from: a new message
//! is one struct in a family's file and one line there.
//!
//! All begin with `timestamp_ns`, the time of what they tell in nanoseconds, by the clock that the robot's programs agree
//! on; when a message was sent is told beside it, see [`Received`](crate::Received). Units are SI, frames right-handed,
//! quaternions x y z w. Some have the names of Rust's own types, [`Bool`] and [`String`]: name them by their path.

mod geometry;
mod joints;
mod lookup;
mod power;
mod sensing;
mod single;

pub use geometry::{CmdVel, Odometry, Pose2D, Twist};
pub use joints::{JOINT_NAME_BYTES, JointState};
pub use lookup::{UnknownMessage, find};
pub use power::BatteryState;
pub use sensing::{Imu, LaserScan};
pub use single::{Bool, Float32, Float64, Int32, Int64, String, UInt32};

use crate::message::MessageType;

/// Room for the name of a coordinate frame, in bytes. 32 hold the names people choose; a longer one is an error.
pub const FRAME_ID_BYTES: usize = 32;

static STANDARD: &[MessageType] = &[
    MessageType::of::<BatteryState>(),
    MessageType::of::<Bool>(),
    MessageType::of::<CmdVel>(),
    MessageType::of::<Float32>(),
    MessageType::of::<Float64>(),
    MessageType::of::<Imu>(),
    MessageType::of::<Int32>(),
    MessageType::of::<Int64>(),
    MessageType::of::<JointState>(),
    MessageType::of::<LaserScan>(),
    MessageType::of::<Odometry>(),
    MessageType::of::<Pose2D>(),
    MessageType::of::<String>(),
    MessageType::of::<Twist>(),
    MessageType::of::<UInt32>(),
];

/// Returns the standard messages, sorted by name.
pub fn standard() -> &'static [MessageType] {
    STANDARD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Schema, Value};

    #[test]
    fn every_message_is_documented_and_begins_with_its_time() {
        for message in standard() {
            let schema = message.schema();
            assert_eq!(schema.name, message.name);
            assert!(message.doc.ends_with('.'), "{}: {:?}", message.name, message.doc);
            assert_eq!(schema.fields[0].name, "timestamp_ns", "{}", message.name);
            let documented: Vec<&str> = message.fields.iter().map(|field| field.name).collect();
            let shown = schema.fields.iter().filter(|field| !field.is_filling());
            let laid_out: Vec<&str> = shown.map(|field| field.name.as_str()).collect();
            assert_eq!(documented, laid_out);
            for field in message.fields {
                assert!(field.doc.ends_with('.'), "{}.{}: {:?}", message.name, field.name, field.doc);
            }
        }
    }

    #[test]
    fn the_table_is_sorted_and_its_schemas_survive_encoding() {
        assert!(standard().is_sorted_by(|a, b| a.name < b.name));
        for message in standard() {
            let schema = message.schema();
            assert_eq!(&Schema::decode(&schema.encode()).unwrap(), schema);
            assert_eq!(message.default_bytes().len(), schema.size as usize);
            let value = Value::from_pod(schema, &message.default_bytes()).unwrap();
            assert_eq!(Value::to_pod(schema, &value).unwrap(), message.default_bytes());
        }
    }

    #[test]
    fn a_battery_s_states_have_the_names_and_numbers_of_ros_2() {
        let numbers = [
            BatteryState::POWER_SUPPLY_STATUS_UNKNOWN,
            BatteryState::POWER_SUPPLY_STATUS_CHARGING,
            BatteryState::POWER_SUPPLY_STATUS_DISCHARGING,
            BatteryState::POWER_SUPPLY_STATUS_NOT_CHARGING,
            BatteryState::POWER_SUPPLY_STATUS_FULL,
        ];
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
        let full = BatteryState { power_supply_status: numbers[4], ..BatteryState::default() };
        let value = Value::from_pod(BatteryState::schema(), &full.to_bytes()).unwrap();
        assert_eq!(value.get("power_supply_status"), Some(&"full".into()));
    }

    #[test]
    fn defaults_are_those_of_a_robot_at_rest() {
        let imu = Imu::default();
        assert_eq!((imu.qx, imu.qy, imu.qz, imu.qw), (0.0, 0.0, 0.0, 1.0));
        assert_eq!(find("CmdVel").unwrap().default_bytes(), vec![0; 16]);
        let battery = Value::from_pod(BatteryState::schema(), &BatteryState::default().to_bytes()).unwrap();
        assert_eq!(battery.get("power_supply_status"), Some(&"unknown".into()));
        assert_eq!(BatteryState::default(), BatteryState::default());
        assert_eq!((LaserScan::default().ranges.len(), JointState::default().names.len()), (0, 0));
    }
}
