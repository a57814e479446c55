//! What a publisher leaves in its ring when it closes and its process lives on.

use crate::life::participant::Participant;
use crate::life::record;
use crate::life::retention::{Readers, lane_now};
use crate::name::TopicName;
use crate::pool::own::OwnBlock;
use crate::sys::file::Inode;
use std::sync::Arc;

/// The blocks that a closed publisher's slots still name; kept for the readers that haven't come by yet.
#[derive(Debug)]
pub(crate) struct Retired {
    pub(crate) topic: TopicName,
    pub(crate) inode: Inode,
    pub(crate) lane: usize,
    /// Message and the block it is in.
    pub(crate) entries: Vec<(u64, Arc<OwnBlock>)>,
    /// The endpoint's record, which tells cleaners the same once this process is gone.
    pub(crate) record: u32,
}

impl Retired {
    /// Lets go of the blocks whose slot was overwritten, or that nobody living can still come to read.
    ///
    /// When the lane can't be read all stay, until a later look.
    pub(crate) fn release(&mut self, participant: &Participant, readers: &Readers) {
        let folders = participant.folders();
        let Ok(now) = lane_now(&folders.topics, self.topic.as_str(), self.lane) else { return };
        let here = now.filter(|now| now.inode == self.inode);
        self.entries.retain(|(message, _)| {
            let overwritten = here.is_some_and(|now| now.ring.end > message + now.ring.depth);
            !overwritten
                && readers.want(self.topic.as_str(), self.inode, self.lane, message + 1, here.is_some())
        });
        if self.entries.is_empty() {
            record::forget_retired(participant, self.record);
        }
    }

    /// Returns whether nothing is kept any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
