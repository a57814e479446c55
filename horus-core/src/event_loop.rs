//! What runs between the rounds of a scheduler, in its thread.

use crate::node::NodeResult;
use horus_shm::Subscriber;

/// The event loop of a language that has coroutines, driven by the scheduler: it never sleeps itself.
///
/// The scheduler calls [`EventLoop::turn`] before it sleeps, and then sleeps no longer than the loop says. What else
/// makes work for the loop (a descriptor, another thread) ends that sleep by [`horus_shm::nudge`].
pub trait EventLoop: Send {
    /// Does what is ready, until `until_ns` (`CLOCK_MONOTONIC`) at the latest, and returns when it wants its next turn:
    /// at its next timer, at once (any time that is over), or `u64::MAX` if it knows of none.
    ///
    /// # Errors
    /// An error ends the run.
    fn turn(&mut self, until_ns: u64) -> NodeResult<u64>;

    /// Appends the subscribers that its coroutines wait for, as [`Node::on`](crate::Node::on) does. It is called after
    /// the nodes were asked, and a message wakes the scheduler only: no node ticks for it, and none is lost.
    ///
    /// # Errors
    /// An error ends the run.
    fn on<'a>(&'a mut self, topics: &mut Vec<&'a mut Subscriber>) -> NodeResult {
        let _ = topics;
        Ok(())
    }

    /// Called after each [`EventLoop::on`] once its subscribers are no longer borrowed.
    fn waited(&mut self) {}
}
