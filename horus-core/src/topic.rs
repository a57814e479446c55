//! Publishers and subscribers of one type.

mod publisher;
mod subscriber;

pub use publisher::{Loan, Publisher};
pub use subscriber::{Received, Subscriber};
