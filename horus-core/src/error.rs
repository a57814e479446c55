//! What can go wrong with topics and nodes, in words.

mod format;
mod mismatch;

pub use format::{BlockError, SchemaError, Segment, ValueError};
pub use mismatch::TypeError;

use crate::node::NodeError;
use horus_shm::TopicName;
use std::fmt;

/// The result of what topics, nodes and the scheduler do.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What topics, nodes and the scheduler refuse or fail at.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The transport refused; see there for what to do.
    Transport(horus_shm::Error),
    /// The topic is of another type and somebody uses it.
    Type(Box<TypeError>),
    /// A message that can't be sent, or was received and isn't what its topic says.
    Payload {
        /// The topic.
        topic: TopicName,
        /// What is wrong with the message.
        source: PayloadError,
    },
    /// A size or shape that no image, cloud or tensor has.
    Block(BlockError),
    /// A node can't be run as asked.
    Options {
        /// The node's name.
        node: String,
        /// What is wrong.
        reason: String,
    },
    /// A callback of a node returned an error, and the node didn't take it.
    Node {
        /// The node's name.
        node: String,
        /// Which callback.
        phase: Phase,
        /// The error as the callback returned it.
        source: NodeError,
    },
    /// A callback of a node panicked.
    Panic {
        /// The node's name.
        node: String,
        /// Which callback.
        phase: Phase,
        /// What it panicked with.
        message: String,
    },
    /// What runs beside the nodes failed.
    EventLoop(NodeError),
    /// The handlers for SIGINT and SIGTERM can't be set.
    Signals(std::io::Error),
}

/// A callback of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the first tick.
    Init,
    /// A tick.
    Tick,
    /// After the last tick.
    Shutdown,
}

/// What is wrong with one message.
#[derive(Debug)]
#[non_exhaustive]
pub enum PayloadError {
    /// The transport refused it.
    Transport(horus_shm::Error),
    /// It isn't MessagePack, or is nested too deeply.
    Value(ValueError),
    /// It is no image, cloud or tensor of the topic's kind.
    Block(BlockError),
    /// It isn't what the type in the program asks for, or that type can't be written as MessagePack.
    Serde(String),
    /// It has another length than its type.
    Length {
        /// The type's name.
        type_name: &'static str,
        /// The type's bytes.
        expected: usize,
        /// The message's bytes.
        found: usize,
    },
    /// A block came where bytes were expected, or bytes where a block was.
    Form {
        /// The type's name.
        type_name: &'static str,
    },
}

impl Error {
    /// Returns the error of a message on this topic; what the transport says of it stands for itself.
    pub(crate) fn of_message(topic: &TopicName, error: PayloadError) -> Self {
        match error {
            PayloadError::Transport(error) => error.into(),
            source => Error::Payload { topic: topic.clone(), source },
        }
    }
}

impl From<horus_shm::Error> for Error {
    fn from(error: horus_shm::Error) -> Self {
        match error {
            horus_shm::Error::TypeMismatch(mismatch) => Error::Type(Box::new(TypeError::new(*mismatch))),
            other => Error::Transport(other),
        }
    }
}

impl From<BlockError> for Error {
    fn from(error: BlockError) -> Self {
        Error::Block(error)
    }
}

impl From<horus_shm::Error> for PayloadError {
    fn from(error: horus_shm::Error) -> Self {
        PayloadError::Transport(error)
    }
}

impl From<ValueError> for PayloadError {
    fn from(error: ValueError) -> Self {
        PayloadError::Value(error)
    }
}

impl From<BlockError> for PayloadError {
    fn from(error: BlockError) -> Self {
        PayloadError::Block(error)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Init => "init",
            Phase::Tick => "tick",
            Phase::Shutdown => "shutdown",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Transport(error) => error.fmt(f),
            Error::Type(error) => error.fmt(f),
            Error::Payload { topic, source } => write!(f, "topic '{topic}': {source}"),
            Error::Block(error) => error.fmt(f),
            Error::Options { node, reason } => write!(f, "node '{node}': {reason}"),
            Error::Node { node, phase, source } => write!(f, "node '{node}' failed in {phase}: {source}"),
            Error::Panic { node, phase, message } => {
                write!(f, "node '{node}' panicked in {phase}: {message}")
            }
            Error::EventLoop(error) => write!(f, "the event loop failed: {error}"),
            Error::Signals(error) => write!(f, "sigaction: {error}"),
        }
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PayloadError::Transport(error) => error.fmt(f),
            PayloadError::Value(error) => error.fmt(f),
            PayloadError::Block(error) => error.fmt(f),
            PayloadError::Serde(reason) => f.write_str(reason),
            PayloadError::Length { type_name, expected, found } => {
                write!(f, "a message of {found} bytes is no {type_name}, which has {expected}")
            }
            PayloadError::Form { type_name } => write!(f, "what came is no {type_name}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Transport(error) => error.source(),
            Error::Payload { source, .. } => source.source(),
            Error::Node { source, .. } | Error::EventLoop(source) => Some(source.as_ref()),
            Error::Signals(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for PayloadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PayloadError::Transport(error) => error.source(),
            _ => None,
        }
    }
}
