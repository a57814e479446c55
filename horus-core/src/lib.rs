//! Messages, topics, nodes and their scheduler: what a node process links.
//!
//! A message is a plain struct that every process of the robot, in any language, reads where it lies:
//!
//! ```
//! use horus_core::{Message, Value};
//!
//! /// How far the gripper is open.
//! #[derive(Clone, Copy, Debug, PartialEq, Message)]
//! #[repr(C)]
//! #[message(topic = "gripper")]
//! struct Gripper {
//!     /// Time of the measurement in nanoseconds.
//!     timestamp_ns: u64,
//!     /// Opening in metres.
//!     #[message(default = 0.08)]
//!     width: f64,
//! }
//!
//! let schema = Gripper::schema();
//! assert_eq!(schema.size, 16);
//! let seen_by_a_tool = Value::from_pod(schema, horus_core::bytemuck::bytes_of(&Gripper::default()))?;
//! assert_eq!(seen_by_a_tool.get("width"), Some(&Value::Float(0.08)));
//! # Ok::<(), horus_core::ValueError>(())
//! ```
//!
//! Topics also carry dicts of any shape ([`Value`], [`Dict`]), and [`Image`], [`DepthImage`], [`PointCloud`] and
//! [`Tensor`], whose numbers lie in shared memory: written there in place, read there by everybody, copied by nobody.
//! A tool needs none of these types: [`Decoder`] reads any topic and [`Encoder`] writes it.
#![deny(unsafe_code)]

extern crate self as horus_core;

mod block;
mod decode;
mod depth_image;
mod dtype;
mod encode;
mod error;
mod event_loop;
mod field;
mod image;
pub mod join;
mod kind;
pub mod log;
mod message;
pub mod messages;
mod node;
mod payload;
mod point_cloud;
mod scheduler;
mod schema;
mod signal;
mod spec;
mod tails;
mod tensor;
mod text;
mod topic;
pub mod value;

pub use block::{BlockHead, BlockMeta, Element, Geometry, HEAD_BYTES, META_BYTES_MAX};
pub use bytemuck;
pub use decode::Decoder;
pub use depth_image::{DepthImage, DepthImageBuffer, DepthImageMeta};
pub use dtype::Dtype;
pub use encode::{Encoded, Encoder};
pub use error::{
    BlockError, Error, PayloadError, Phase, Result, SchemaError, Segment, TypeError, ValueError,
};
pub use event_loop::EventLoop;
pub use field::{FieldType, PlainField};
pub use horus_macros::Message;
pub use image::{Encoding, Image, ImageBuffer, ImageMeta};
pub use kind::Kind;
pub use message::{FieldInfo, Message, MessageType};
pub use messages::UnknownMessage;
pub use node::{Context, Node, NodeError, NodeOptions, NodeResult};
pub use payload::{Dict, Payload};
pub use point_cloud::{PointCloud, PointCloudBuffer, PointCloudMeta, PointLayout};
pub use scheduler::{RATE_HZ_MAX, Scheduler};
pub use schema::{Field, FieldKind, SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX, Schema, TYPE_BYTES_MAX};
pub use tails::{TailReader, TailWriter};
pub use tensor::{Tensor, TensorBuffer, TensorMeta};
pub use text::{Bool, FixedStr, TooLong};
pub use topic::{Loan, Publisher, Received, Subscriber};
pub use value::{NdArray, Value};

#[doc(hidden)]
pub use message::derived;
