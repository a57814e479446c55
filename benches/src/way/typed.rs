//! HORUS as a Rust program uses it: a publisher and a subscriber of a message type.

use std::path::Path;

use horus_core::messages::CmdVel;
use horus_core::{Publisher, Subscriber};

use crate::Result;
use crate::payload::NUMBER_MASK;
use crate::side::Side;
use crate::way::{Patience, Transport, joined, topic};

/// A CmdVel made for each message, polled.
#[derive(Debug)]
pub(crate) struct Typed {
    out: Publisher<CmdVel>,
    back: Subscriber<CmdVel>,
}

impl Transport for Typed {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        let participant = joined(folder)?;
        let back = Subscriber::open(&participant, &topic(side.other().name())?, Default::default())?;
        let out = Publisher::open(&participant, &topic(side.name())?, Default::default())?;
        Ok(Typed { out, back })
    }

    #[inline]
    fn send(&mut self, number: u64) -> Result<()> {
        let linear = (number & NUMBER_MASK) as f32;
        Ok(self.out.send(&CmdVel { timestamp_ns: number, linear, angular: 0.5 })?)
    }

    #[inline]
    fn receive(&mut self) -> Result<u64> {
        let mut patience = Patience::default();
        loop {
            if let Some(message) = self.back.recv()? {
                return Ok(message.linear as u64);
            }
            patience.look()?;
        }
    }
}
