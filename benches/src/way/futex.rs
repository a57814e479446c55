//! A bare futex: what it costs to sleep and be woken, with nothing around it.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::io::Errno;
use rustix::thread::futex::{self, Flags, Timespec};

use crate::Result;
use crate::shared::Region;
use crate::side::Side;
use crate::way::{Patience, Transport};

/// Two words, one for each direction; the word is the number of the last message, plus one.
#[derive(Debug)]
pub(crate) struct Futex {
    out: &'static AtomicU32,
    back: &'static AtomicU32,
    seen: u32,
}

impl Transport for Futex {
    fn open(folder: &Path, side: Side) -> Result<Self> {
        let region = Region::map(&folder.join("futex"), 4096)?;
        // Far enough apart that neither cache line nor its neighbour is shared.
        let (first, second) = (region.futex_word(0), region.futex_word(256));
        Ok(match side {
            Side::Ping => Futex { out: first, back: second, seen: 0 },
            Side::Echo => Futex { out: second, back: first, seen: 0 },
        })
    }

    fn send(&mut self, number: u64) -> Result<()> {
        // Release: pairs with the Acquire load in `receive`.
        self.out.store(u32::try_from(number)? + 1, Ordering::Release);
        futex::wake(self.out, Flags::empty(), 1)?;
        Ok(())
    }

    fn receive(&mut self) -> Result<u64> {
        let limit = Timespec { tv_sec: Patience::LIMIT.as_secs() as i64, tv_nsec: 0 };
        loop {
            // Acquire: pairs with the Release store in `send`.
            let now = self.back.load(Ordering::Acquire);
            if now != self.seen {
                self.seen = now;
                return Ok(u64::from(now - 1));
            }
            match futex::wait(self.back, Flags::empty(), now, Some(&limit)) {
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
