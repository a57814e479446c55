//! A topic's file as one subscriber reads it: which lanes it reaches, and how far it has come in each.

use crate::error::{Error, Result};
use crate::layout::topic;
use crate::life::record::EndpointRecord;
use crate::ring::lane::{self, Damage, Peek};
use crate::ring::lanes;
use crate::ring::topic::TopicFile;
use crate::sys::map::Access;

/// The file it reads now.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) file: TopicFile,
    /// Lanes whose slots are mapped.
    pub(crate) reach: u64,
    /// Lanes that hold what no publisher writes.
    pub(crate) damaged: u64,
    pub(crate) cursors: Box<[u64; topic::LANE_COUNT]>,
    /// Where it joined: what it gets from before was latched, and isn't counted when lost.
    pub(crate) floors: Box<[u64; topic::LANE_COUNT]>,
    /// Another file has the name: go there once nothing is left here.
    pub(crate) ending: bool,
}

impl Attached {
    /// Maps the lanes that were claimed since the last look.
    #[inline]
    pub(crate) fn reach_used(&mut self) -> Result<()> {
        let used = lanes::shown(self.file.used());
        if used & !self.reach == 0 { Ok(()) } else { self.reach_lanes(used) }
    }

    /// Returns the lane, if there is one alone that was ever claimed, and it can be read.
    #[inline]
    pub(crate) fn only_lane(&self) -> Option<usize> {
        let used = lanes::shown(self.file.used());
        let only = used == self.reach && used.is_power_of_two() && self.damaged == 0;
        only.then(|| used.trailing_zeros() as usize)
    }

    #[cold]
    pub(crate) fn reach_lanes(&mut self, used: u64) -> Result<()> {
        for lane in lanes(used & !self.reach) {
            if !lanes::is_reserved(self.file.reserved(lane)) {
                // A bit that no publisher set: reading the hole could need a page that isn't there.
                self.damaged |= 1 << lane;
            }
            self.file.reach_lane(lane, Access::Read)?;
            self.reach |= 1 << lane;
        }
        Ok(())
    }

    pub(crate) fn readable(&self) -> u64 {
        self.reach & !self.damaged
    }

    /// Begins behind what is published, or at the newest message of a living publisher that latches.
    pub(crate) fn join(&mut self, alive: impl Fn(u64) -> bool) {
        for lane in lanes(self.readable()) {
            let view = self.file.lane(lane);
            match lane::join(&view) {
                Ok(end) => {
                    self.floors[lane] = end;
                    self.cursors[lane] = lane::latched(&view, end, &alive).unwrap_or(end);
                }
                Err(_) => self.damaged |= 1 << lane,
            }
        }
    }

    pub(crate) fn any(&self) -> bool {
        lanes(self.readable()).any(|lane| self.has(lane))
    }

    /// Returns whether a lane that can be read has something at its cursor.
    #[inline]
    pub(crate) fn has(&self, lane: usize) -> bool {
        lane::peek(&self.file.lane(lane), self.cursors[lane]) != Peek::Nothing
    }

    #[inline]
    pub(crate) fn step(&mut self, lane: usize, cursor: u64, record: &EndpointRecord) {
        self.cursors[lane] = cursor;
        record.set_cursor(lane, cursor);
    }

    /// Finds the lane whose next message has the smallest stamp, moving lapped cursors on, by as much as
    /// `failures` copies that failed in this call ask for.
    #[inline]
    pub(crate) fn oldest(
        &mut self,
        failures: u32,
        dropped: &mut u64,
        record: &EndpointRecord,
    ) -> Result<Option<usize>> {
        self.reach_used()?;
        let mut best: Option<(u64, usize)> = None;
        for lane in lanes(self.readable()) {
            let mut failure = failures;
            loop {
                let view = self.file.lane(lane);
                match lane::peek(&view, self.cursors[lane]) {
                    Peek::Nothing => {}
                    Peek::Ready(stamp) => {
                        if best.is_none_or(|(smallest, _)| stamp < smallest) {
                            best = Some((stamp, lane));
                        }
                    }
                    Peek::Lapped => {
                        failure += 1;
                        let cursor = self.cursors[lane];
                        let next = match lane::resume(&view, cursor, failure) {
                            Ok(next) => next,
                            Err(damage) => return Err(self.damage(lane, damage)),
                        };
                        let missed = next - cursor.max(self.floors[lane]).min(next);
                        if missed > 0 {
                            *dropped = dropped.saturating_add(missed);
                            record.set_dropped(*dropped);
                        }
                        self.step(lane, next, record);
                        continue;
                    }
                }
                break;
            }
        }
        Ok(best.map(|(_, lane)| lane))
    }

    /// Finds the newest message of all lanes and moves every cursor up to it.
    pub(crate) fn newest(
        &mut self,
        skipped: &mut u64,
        record: &EndpointRecord,
    ) -> Result<Option<(usize, u64)>> {
        let mut best: Option<(u64, usize, u64)> = None;
        // What comes while the lanes are compared is passed over by none of them: it may be the newest.
        let mut ends = [0; topic::LANE_COUNT];
        for lane in lanes(self.readable()) {
            let view = self.file.lane(lane);
            let end = match lane::join(&view) {
                Ok(end) => end,
                Err(damage) => return Err(self.damage(lane, damage)),
            };
            ends[lane] = end;
            let Some(newest) = end.checked_sub(1).filter(|newest| *newest >= self.cursors[lane]) else {
                continue;
            };
            let stamp = match lane::peek(&view, newest) {
                Peek::Ready(stamp) => stamp,
                // Overwritten just now: the next look finds a newer one.
                Peek::Lapped => u64::MAX,
                // The head only follows what is whole.
                Peek::Nothing => return Err(self.damage(lane, Damage { message: newest, found: end })),
            };
            if best.is_none_or(|(largest, ..)| stamp >= largest) {
                best = Some((stamp, lane, newest));
            }
        }
        let Some((_, chosen, newest)) = best else { return Ok(None) };
        for lane in lanes(self.readable()) {
            let to = if lane == chosen { newest } else { ends[lane] };
            let from = self.cursors[lane];
            if to > from {
                *skipped = skipped.saturating_add(to - from.max(self.floors[lane]).min(to));
                self.step(lane, to, record);
            }
        }
        Ok(Some((chosen, newest)))
    }

    /// Leaves a lane that holds what no publisher writes; the others go on.
    pub(crate) fn damage(&mut self, lane: usize, damage: Damage) -> Error {
        match lane::join(&self.file.lane(lane)) {
            Ok(end) if end != self.cursors[lane] && damage.found != end => self.cursors[lane] = end,
            _ => self.damaged |= 1 << lane,
        }
        Error::Damaged {
            what: format!("{} lane {lane}", self.file.path.display()),
            reason: format!(
                "it holds {} where message {} was expected; restart its publisher",
                damage.found, damage.message
            ),
        }
    }
}

/// Yields the numbers of the bits that are set.
#[inline]
fn lanes(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lane = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        lane
    })
}
