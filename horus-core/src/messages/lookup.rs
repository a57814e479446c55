//! Messages by name.

use super::standard;
use crate::kind::Kind;
use crate::message::MessageType;
use std::fmt;

/// How many names are suggested. More than three aren't read.
const SUGGESTED_MAX: usize = 3;
/// Shortest part of a name that stands for the whole, in bytes: two letters are part of nearly everything.
const PART_BYTES_MIN: usize = 3;

/// No standard message has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMessage {
    /// The name as given.
    pub name: String,
    /// The nearest names there are, of messages and of other kinds of topics, best first; at most three, may be none.
    pub suggestions: Vec<&'static str>,
}

/// Returns the standard message of this name, written as it is listed.
///
/// # Errors
/// [`UnknownMessage`] with the names that are near: in other case, with the package that ROS 2 puts before it, the default
/// topic instead of the type, a part of it, or with a few letters wrong.
///
/// # Examples
/// ```
/// use horus_core::messages;
/// assert_eq!(messages::find("CmdVel")?.default_topic, Some("cmd_vel"));
/// let error = messages::find("sensor_msgs/msg/LaserScan").unwrap_err();
/// assert_eq!(error.suggestions, ["LaserScan"]);
/// # Ok::<(), messages::UnknownMessage>(())
/// ```
pub fn find(name: &str) -> Result<&'static MessageType, UnknownMessage> {
    match standard().iter().find(|message| message.name == name) {
        Some(found) => Ok(found),
        None => Err(UnknownMessage { name: name.to_owned(), suggestions: near(name) }),
    }
}

/// Returns the names that somebody who wrote this may have meant.
fn near(name: &str) -> Vec<&'static str> {
    let last = name.rsplit(['/', '.', ':']).next().unwrap_or(name);
    let wanted = folded(last);
    if wanted.is_empty() {
        return Vec::new();
    }
    let messages = standard().iter().map(|message| (message.name, message.default_topic));
    let kinds =
        Kind::ALL.into_iter().filter(|kind| *kind != Kind::Typed).map(|kind| (kind.type_name(), None));
    let mut near: Vec<(usize, &'static str)> = messages
        .chain(kinds)
        .filter_map(|(known, topic)| Some((distance(&wanted, last, known, topic)?, known)))
        .collect();
    near.sort_unstable();
    near.into_iter().take(SUGGESTED_MAX).map(|(_, known)| known).collect()
}

/// Returns how far a name is from what was wanted, less being nearer, or nothing if it is another name altogether.
fn distance(wanted: &str, written: &str, known: &str, topic: Option<&str>) -> Option<usize> {
    let known = folded(known);
    if known == wanted || topic == Some(written) {
        return Some(0);
    }
    let letters = strsim::damerau_levenshtein(&known, wanted);
    let is_part = wanted.len().min(known.len()) >= PART_BYTES_MIN
        && (known.contains(wanted) || wanted.contains(&known));
    (is_part || letters <= 1 + wanted.len() / 3).then_some(1 + letters)
}

/// Returns a name without what people write differently.
fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

impl fmt::Display for UnknownMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no message type is named {:?}", self.name)?;
        match self.suggestions.as_slice() {
            [] => {
                let names: Vec<&str> = standard().iter().map(|message| message.name).collect();
                write!(f, "; there are {}", names.join(", "))
            }
            [names @ .., last] => {
                f.write_str("; did you mean ")?;
                names.iter().try_for_each(|name| write!(f, "'{name}' or "))?;
                write!(f, "'{last}'?")
            }
        }
    }
}

impl std::error::Error for UnknownMessage {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_gets_suggestions() {
        for (written, meant) in [
            ("cmdvle", &["CmdVel"][..]),
            ("cmd_vel", &["CmdVel"]),
            ("laser_scan", &["LaserScan"]),
            ("scan", &["LaserScan"]),
            ("battery", &["BatteryState"]),
            ("sensor_msgs.msg.JointState", &["JointState"]),
            ("std_msgs::Bool", &["Bool"]),
            ("PointCloud2", &["PointCloud"]),
            ("depthimage", &["DepthImage", "Image"]),
            ("Float", &["Float32", "Float64"]),
            ("Int16", &["Int32", "Int64"]),
            ("", &[]),
            ("///", &[]),
            ("Quaternion", &[]),
        ] {
            assert_eq!(find(written).unwrap_err().suggestions, meant, "{written}");
        }
    }

    #[test]
    fn the_error_says_what_to_write() {
        let words = |name: &str| find(name).unwrap_err().to_string();
        assert_eq!(words("cmdvle"), "no message type is named \"cmdvle\"; did you mean 'CmdVel'?");
        assert_eq!(
            words("Float"),
            "no message type is named \"Float\"; did you mean 'Float32' or 'Float64'?"
        );
        let all = words("Quaternion");
        assert!(
            all.starts_with("no message type is named \"Quaternion\"; there are BatteryState, Bool, "),
            "{all}"
        );
    }

    #[test]
    fn every_standard_message_is_found() {
        for message in standard() {
            assert_eq!(find(message.name).unwrap().name, message.name);
        }
    }
}
