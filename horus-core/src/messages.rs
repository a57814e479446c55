//! The standard messages.
//!
//! [`standard`] is the one table that classes, stubs and documentation in every language are made from: a new message
//! is one struct in a family's file and one line there.

mod geometry;
mod joints;
mod power;
mod sensing;
mod single;

pub use geometry::{CmdVel, Odometry, Pose2D, Twist};
pub use joints::{JOINT_NAME_BYTES, JointState};
pub use power::BatteryState;
pub use sensing::{Imu, LaserScan};
pub use single::{Bool, Float32, Float64, Int32, Int64, String, UInt32};

use crate::message::{MessageType, UnknownMessage};

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

/// Returns the standard messages by name.
pub fn standard() -> &'static [MessageType] {
    STANDARD
}

/// Returns the standard message of this name.
///
/// # Errors
/// [`UnknownMessage`] with the names that are near.
pub fn find(name: &str) -> Result<&'static MessageType, UnknownMessage> {
    if let Some(found) = STANDARD.iter().find(|message| message.name == name) {
        return Ok(found);
    }
    let lower = name.to_lowercase();
    let mut near: Vec<(usize, &'static str)> = STANDARD
        .iter()
        .map(|message| (strsim::damerau_levenshtein(&message.name.to_lowercase(), &lower), message.name))
        .filter(|(distance, _)| *distance <= 1 + name.len() / 3)
        .collect();
    near.sort_unstable();
    let suggestions = near.into_iter().take(3).map(|(_, name)| name).collect();
    Err(UnknownMessage { name: name.to_owned(), suggestions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Schema, Value};

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
            Value::from_pod(schema, &message.default_bytes()).unwrap();
        }
    }

    #[test]
    fn defaults_are_those_of_a_robot_at_rest() {
        let imu = Imu::default();
        assert_eq!((imu.qx, imu.qy, imu.qz, imu.qw), (0.0, 0.0, 0.0, 1.0));
        assert_eq!(find("CmdVel").unwrap().default_bytes(), vec![0; 16]);
    }

    #[test]
    fn a_wrong_name_gets_suggestions() {
        let error = find("cmdvle").unwrap_err();
        assert_eq!(error.suggestions, ["CmdVel"]);
        assert_eq!(error.to_string(), "no message type is named \"cmdvle\"; did you mean 'CmdVel'");
        assert!(find("PointCloudOfDreams").unwrap_err().suggestions.is_empty());
    }
}
