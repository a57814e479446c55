//! Names that have been checked once and are safe to use as a file's name.

use crate::error::Error;
use std::fmt;
use std::sync::Arc;

/// Longest topic or namespace name, in bytes; leaves room for a suffix within the 255 bytes a file name may have.
pub(crate) const NAME_BYTES_MAX: usize = 200;
/// Longest node name, in bytes; the width of its field in a participant's file.
pub(crate) const NODE_NAME_BYTES_MAX: usize = 64;

fn allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

const EMPTY_PART: &str = "it has an empty part";

/// Says what is wrong with a dotted name, or nothing.
fn fault(name: &str, bytes_max: usize) -> Option<String> {
    if name.is_empty() {
        return Some("it is empty".into());
    }
    if name.len() > bytes_max {
        return Some(format!("it has {} bytes, the limit is {bytes_max}", name.len()));
    }
    if let Some(c) = name.chars().find(|c| !c.is_ascii() || !allowed(*c as u8)) {
        return Some(format!("it holds {c:?}"));
    }
    if name.starts_with('.') {
        return Some("it begins with a dot".into());
    }
    if name.ends_with('.') || name.contains("..") {
        return Some(EMPTY_PART.into());
    }
    None
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the name as it stands in the file system.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name_type! {
    /// A topic's name: 1 to 200 bytes of `[A-Za-z0-9_.-]`, no empty part, no leading dot.
    TopicName
}

name_type! {
    /// A namespace's name: as a topic's, but `/` is refused.
    NamespaceName
}

name_type! {
    /// A node's name: 1 to 64 bytes of `[A-Za-z0-9_.-]`, not `.` or `..`.
    NodeName
}

impl TopicName {
    /// Returns the checked name; a leading `/` is dropped and `/` is read as `.`.
    ///
    /// # Errors
    /// [`Error::Name`] says what the name may not hold.
    pub fn new(name: &str) -> Result<Self, Error> {
        let dotted = name.strip_prefix('/').unwrap_or(name).replace('/', ".");
        match fault(&dotted, NAME_BYTES_MAX) {
            Some(reason) => {
                // The dot it begins with may have been a slash.
                let slash = dotted.starts_with('.') && name.starts_with("//");
                let reason = if slash { EMPTY_PART.into() } else { reason };
                Err(Error::Name { what: "topic", name: name.into(), reason })
            }
            None => Ok(Self(dotted.into())),
        }
    }
}

impl NamespaceName {
    /// Returns the checked name.
    ///
    /// # Errors
    /// [`Error::Name`] says what the name may not hold.
    pub fn new(name: &str) -> Result<Self, Error> {
        match fault(name, NAME_BYTES_MAX) {
            Some(reason) => Err(Error::Name { what: "namespace", name: name.into(), reason }),
            None => Ok(Self(name.into())),
        }
    }
}

impl NodeName {
    /// Returns the checked name.
    ///
    /// # Errors
    /// [`Error::Name`] says what the name may not hold.
    pub fn new(name: &str) -> Result<Self, Error> {
        let reason = if name == "." || name == ".." {
            Some("it names a folder".to_owned())
        } else if name.is_empty() {
            Some("it is empty".to_owned())
        } else if name.len() > NODE_NAME_BYTES_MAX {
            Some(format!("it has {} bytes, the limit is {NODE_NAME_BYTES_MAX}", name.len()))
        } else {
            name.chars().find(|c| !c.is_ascii() || !allowed(*c as u8)).map(|c| format!("it holds {c:?}"))
        };
        match reason {
            Some(reason) => Err(Error::Name { what: "node", name: name.into(), reason }),
            None => Ok(Self(name.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_and_dots_are_one_spelling() {
        let dotted = TopicName::new("camera.image").unwrap();
        for spelling in ["camera/image", "/camera/image", "/camera.image"] {
            assert_eq!(TopicName::new(spelling).unwrap(), dotted);
        }
    }

    #[test]
    fn what_could_leave_the_folder_or_hide_in_it_is_refused() {
        let long = "x".repeat(201);
        for bad in [
            "",
            "/",
            "//a",
            ".",
            "..",
            ".hidden",
            "a..b",
            "a//b",
            "a.",
            "a/",
            "a b",
            "a~1",
            "a\0b",
            "é",
            long.as_str(),
        ] {
            let error = TopicName::new(bad).unwrap_err();
            assert!(matches!(error, Error::Name { what: "topic", .. }), "{bad:?}: {error}");
        }
        assert!(TopicName::new(&"x".repeat(200)).is_ok());
    }

    #[test]
    fn namespaces_take_no_slash() {
        assert!(NamespaceName::new("robot.left").is_ok());
        assert!(NamespaceName::new("robot/left").is_err());
    }

    #[test]
    fn node_names_end_at_64_bytes() {
        assert!(NodeName::new(&"n".repeat(64)).is_ok());
        for bad in ["", ".", "..", "a/b", "a b", &"n".repeat(65)] {
            assert!(NodeName::new(bad).is_err(), "{bad:?}");
        }
    }
}
