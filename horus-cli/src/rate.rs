//! How often a topic is published, told from its rings alone.

use horus_shm::TopicInfo;
use std::collections::{HashMap, VecDeque};

/// The shortest silence after which a topic counts as silent; slow ones get three of their periods.
const SILENCE_NS: u64 = 2_000_000_000;

/// Watches one topic by looking at its rings again and again.
///
/// The rate is the difference of the rings' own counts over the time between the stamps at both ends, so it is exact at
/// any speed. Intervals are those between neighbours that a look found in the rings; where more was written between
/// two looks than a ring holds, they are a sample.
#[derive(Debug)]
pub(crate) struct Watch {
    window: usize,
    /// The rate is counted over this long at least, even if that is more messages than the window.
    span_min_ns: u64,
    generation: u64,
    lanes: HashMap<u8, LaneSeen>,
    /// The messages ever sent, and when the last of them was, at each look that found new ones.
    history: VecDeque<(u64, u64)>,
    /// Nanoseconds between neighbours, in the order they were found.
    intervals: VecDeque<u64>,
    /// The newest stamp.
    last_ns: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct LaneSeen {
    head: u64,
    last_ns: u64,
}

/// What a look told of one lane.
struct Fresh {
    /// Stamps that weren't there at the look before, and the one before them if nothing lies between.
    stamps: Vec<u64>,
    /// Whether the last stamp is that of the newest message.
    is_whole: bool,
}

/// A topic's rate and intervals within the window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) rate_hz: f64,
    /// None until there is an interval.
    pub(crate) intervals: Option<Intervals>,
    /// The messages that the rate was counted over.
    pub(crate) window: u64,
    /// How long nothing has come, if that is silence.
    pub(crate) silent_s: Option<f64>,
}

/// Intervals in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Intervals {
    pub(crate) min_s: f64,
    pub(crate) max_s: f64,
    pub(crate) std_s: f64,
    pub(crate) p50_s: f64,
    pub(crate) p99_s: f64,
}

impl Watch {
    /// Returns a watch that reports on the last `window` messages, and counts the rate over `span_min_ns` at least:
    /// 10,000 messages of a fast topic are a few milliseconds, over which a rate means little.
    pub(crate) fn new(window: usize, span_min_ns: u64) -> Watch {
        let (history, intervals) = (VecDeque::new(), VecDeque::new());
        Watch { window, span_min_ns, generation: 0, lanes: HashMap::new(), history, intervals, last_ns: None }
    }

    /// Takes in what the topic's rings hold now; `now_ns` is from just before they were read.
    pub(crate) fn look(&mut self, topic: &TopicInfo, now_ns: u64) {
        if self.generation != topic.generation {
            *self = Watch { generation: topic.generation, ..Watch::new(self.window, self.span_min_ns) };
        }
        let total: u64 = topic.lanes.iter().map(|lane| lane.head).sum();
        if self.history.back().is_some_and(|(_, seen)| total <= *seen) {
            return;
        }
        let is_first = self.history.is_empty();
        let fresh = self.fresh(topic);
        let mut merged: Vec<u64> = fresh.iter().flat_map(|fresh| fresh.stamps.iter().copied()).collect();
        merged.sort_unstable();
        let Some(newest) = merged.last().copied() else { return };
        let newest = newest.max(self.last_ns.unwrap_or(0));
        // Only where every lane's stamps are known are neighbours in the list neighbours in time.
        let starts = fresh.iter().filter_map(|fresh| fresh.stamps.first()).max().copied().unwrap_or(0);
        let ends = fresh.iter().filter_map(|fresh| fresh.stamps.last()).min().copied().unwrap_or(0);
        let known_to = if fresh.iter().all(|fresh| fresh.is_whole) { newest } else { ends };
        let known: Vec<u64> =
            merged.iter().copied().filter(|stamp| (starts..=known_to).contains(stamp)).collect();
        self.intervals.extend(known.windows(2).map(|pair| pair[1] - pair[0]));
        let is_whole = fresh.iter().all(|fresh| fresh.is_whole);
        if is_first && is_whole && known.len() > 1 {
            self.history.push_back((starts, total - (known.len() as u64 - 1)));
        }
        // Without the newest message's own stamp the time of the look is next best, off by the time of a look.
        self.history.push_back((if is_whole { newest } else { now_ns.max(newest) }, total));
        self.last_ns = Some(newest);
        self.trim(total);
    }

    /// Returns what is new in each lane that has something new, and remembers what was seen.
    fn fresh(&mut self, topic: &TopicInfo) -> Vec<Fresh> {
        let mut all = Vec::new();
        for lane in &topic.lanes {
            let held = u64::from(topic.depth).min(lane.head);
            let before = self.lanes.get(&lane.index).copied();
            let advance = lane.head - before.map_or(0, |seen| seen.head).min(lane.head);
            let mut stamps: Vec<u64> = match before {
                Some(seen) => lane.stamps.iter().copied().filter(|stamp| *stamp > seen.last_ns).collect(),
                // What a former owner of the lane left says nothing of this one.
                None => {
                    let own = (lane.head - lane.base.min(lane.head)) as usize;
                    lane.stamps[lane.stamps.len().saturating_sub(own)..].to_vec()
                }
            };
            let Some(&last_ns) = stamps.last() else { continue };
            // The census looks at 1,024 slots at most, the newest.
            let is_whole = lane.stamps.len() as u64 == held.min(1024);
            if let Some(seen) = before.filter(|_| is_whole && stamps.len() as u64 == advance) {
                stamps.insert(0, seen.last_ns);
            }
            self.lanes.insert(lane.index, LaneSeen { head: lane.head, last_ns });
            all.push(Fresh { stamps, is_whole });
        }
        all
    }

    fn trim(&mut self, total: u64) {
        let newest_ns = self.history.back().map_or(0, |(ns, _)| *ns);
        let is_surplus = |(ns, count): (u64, u64)| {
            total - count >= self.window as u64 && newest_ns.saturating_sub(ns) >= self.span_min_ns
        };
        while self.history.len() > 2 && is_surplus(self.history[1]) {
            self.history.pop_front();
        }
        let surplus = self.intervals.len().saturating_sub(self.window);
        self.intervals.drain(..surplus);
    }

    /// Returns how soon to look again so that no ring is written over between two looks, in nanoseconds.
    pub(crate) fn patience_ns(&self, depth: u32) -> u64 {
        // A millisecond is where looking costs more than it tells, a tenth of a second is what a person sees.
        let ring_ns = self.rate_hz().map_or(0.0, |rate| f64::from(depth) / rate * 1e9);
        ((ring_ns / 2.0) as u64).clamp(1_000_000, 100_000_000)
    }

    fn rate_hz(&self) -> Option<f64> {
        let (first, last) = (self.history.front()?, self.history.back()?);
        let span_ns = last.0.saturating_sub(first.0);
        (span_ns > 0).then(|| (last.1 - first.1) as f64 * 1e9 / span_ns as f64)
    }

    /// Returns what is known now; nothing before two messages came, or one and then silence.
    pub(crate) fn report(&self, now_ns: u64) -> Option<Report> {
        let silent_ns = now_ns.saturating_sub(self.last_ns?);
        let rate = self.rate_hz();
        let period_ns = rate.map_or(0, |rate| (1e9 / rate) as u64);
        let is_silent = silent_ns > SILENCE_NS.max(3 * period_ns);
        if rate.is_none() && !is_silent {
            return None;
        }
        let (first, last) = (self.history.front()?, self.history.back()?);
        Some(Report {
            rate_hz: if is_silent { 0.0 } else { rate.unwrap_or(0.0) },
            intervals: intervals(&self.intervals),
            window: last.1 - first.1,
            silent_s: is_silent.then_some(silent_ns as f64 / 1e9),
        })
    }
}

fn intervals(found: &VecDeque<u64>) -> Option<Intervals> {
    let mut sorted: Vec<f64> = found.iter().map(|interval| *interval as f64 / 1e9).collect();
    sorted.sort_by(f64::total_cmp);
    let (min_s, max_s) = (*sorted.first()?, *sorted.last()?);
    let count = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    let variance = sorted.iter().map(|interval| (interval - mean).powi(2)).sum::<f64>() / count;
    // The nearest rank: a value that occurred.
    let rank = |part: f64| sorted[((part * count).ceil() as usize).clamp(1, sorted.len()) - 1];
    Some(Intervals { min_s, max_s, std_s: variance.sqrt(), p50_s: rank(0.5), p99_s: rank(0.99) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use horus_shm::{LaneInfo, TopicName, TopicSpec};

    const MS: u64 = 1_000_000;

    /// A topic of depth 8 whose lanes were sent to at these times, in milliseconds.
    fn topic(lanes: &[&[u64]]) -> TopicInfo {
        let depth = 8;
        let lane = |(index, sent): (usize, &&[u64])| LaneInfo {
            index: index as u8,
            owner: 1,
            owner_alive: true,
            base: 0,
            head: sent.len() as u64,
            bytes: 0,
            stamps: sent[sent.len().saturating_sub(depth)..].iter().map(|ms| ms * MS).collect(),
        };
        TopicInfo {
            name: TopicName::new("t").unwrap(),
            spec: TopicSpec { kind: 2, type_name: "dict".into(), schema: vec![], capacity: 8, depth: 8 },
            depth: depth as u32,
            slot_bytes: 64,
            generation: 1,
            shm_bytes: 0,
            lanes: lanes.iter().enumerate().map(lane).collect(),
        }
    }

    fn every(period_ms: u64, count: u64) -> Vec<u64> {
        (1..=count).map(|n| n * period_ms).collect()
    }

    #[test]
    fn one_look_is_enough_when_messages_are_there() {
        let mut watch = Watch::new(1000, 0);
        watch.look(&topic(&[&every(100, 5)]), 500 * MS);
        let report = watch.report(500 * MS).unwrap();
        assert_eq!((report.rate_hz, report.window, report.silent_s), (10.0, 4, None));
        let intervals = report.intervals.unwrap();
        assert_eq!(
            (intervals.min_s, intervals.max_s, intervals.std_s, intervals.p99_s),
            (0.1, 0.1, 0.0, 0.1)
        );
    }

    #[test]
    fn the_count_is_the_ring_s_own_however_much_was_missed() {
        let mut watch = Watch::new(1_000_000, 0);
        watch.look(&topic(&[&every(1, 10)]), 10 * MS);
        watch.look(&topic(&[&every(1, 100_000)]), 100_000 * MS);
        let report = watch.report(100_000 * MS).unwrap();
        assert_eq!((report.rate_hz, report.window), (1000.0, 99_997));
        // Seven within the first ring, seven within the last; nothing across the gap.
        assert_eq!(watch.intervals.len(), 14);
        assert_eq!(report.intervals.unwrap().max_s, 0.001);
    }

    #[test]
    fn looks_that_touch_leave_no_interval_out() {
        let mut watch = Watch::new(1000, 0);
        let sent = [0, 10, 20, 50, 60, 70];
        for count in 1..=sent.len() {
            watch.look(&topic(&[&sent[..count]]), sent[count - 1] * MS);
        }
        assert_eq!(watch.intervals, [10, 10, 30, 10, 10].map(|ms| ms * MS));
        watch.look(&topic(&[&sent]), 80 * MS);
        assert_eq!(watch.intervals.len(), 5, "nothing new");
    }

    #[test]
    fn several_publishers_are_one_stream() {
        let mut watch = Watch::new(1000, 0);
        watch.look(&topic(&[&[10, 30, 50], &[20, 40, 60]]), 60 * MS);
        assert_eq!(watch.report(60 * MS).unwrap().rate_hz, 100.0);
        assert_eq!(watch.intervals.iter().copied().max(), Some(10 * MS));
    }

    #[test]
    fn only_the_window_counts() {
        let mut watch = Watch::new(4, 0);
        let mut sent = every(100, 4);
        watch.look(&topic(&[&sent]), 400 * MS);
        for n in 1..=8 {
            sent.push(400 + 10 * n);
            watch.look(&topic(&[&sent]), (400 + 10 * n) * MS);
        }
        let report = watch.report(480 * MS).unwrap();
        assert_eq!((report.rate_hz, report.window), (100.0, 4));
        assert_eq!(report.intervals.unwrap().max_s, 0.01);
    }

    #[test]
    fn a_fast_topic_s_rate_is_counted_over_a_while() {
        let mut watch = Watch::new(4, 100 * MS);
        for count in [10, 60, 110, 160, 210] {
            watch.look(&topic(&[&every(1, count)]), count * MS);
        }
        assert_eq!(watch.report(210 * MS).unwrap().window, 100);
    }

    #[test]
    fn silence_is_told_after_two_seconds_or_three_periods() {
        let mut watch = Watch::new(1000, 0);
        assert_eq!(watch.report(0), None);
        watch.look(&topic(&[&[1000]]), 1000 * MS);
        assert_eq!(watch.report(3000 * MS), None);
        assert_eq!(watch.report(3001 * MS).unwrap().silent_s, Some(2.001));
        watch.look(&topic(&[&[1000, 2000]]), 2000 * MS);
        assert_eq!(watch.report(4500 * MS).unwrap().rate_hz, 1.0);
        assert_eq!(watch.report(5001 * MS).unwrap().rate_hz, 0.0);
    }

    #[test]
    fn a_topic_made_anew_begins_anew() {
        let mut watch = Watch::new(1000, 0);
        watch.look(&topic(&[&every(10, 100)]), 1000 * MS);
        let mut anew = topic(&[&[2000, 2100]]);
        anew.generation = 2;
        watch.look(&anew, 2100 * MS);
        assert_eq!(watch.report(2100 * MS).unwrap().rate_hz, 10.0);
    }
}
