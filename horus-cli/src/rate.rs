//! How often, and how much, a topic is published, told from its rings alone.

use crate::spread::Spread;
use horus_shm::{LaneInfo, TopicInfo};
use std::collections::{HashMap, VecDeque};

/// The shortest silence after which a topic counts as silent; slow ones get three of their periods.
const SILENCE_NS: u64 = 2_000_000_000;

/// Returns whether nothing for `quiet_ns` is silence in a topic that sent `intervals + 1` messages in `span_ns`.
pub(crate) fn is_silence(quiet_ns: u64, intervals: u64, span_ns: u64) -> bool {
    quiet_ns > SILENCE_NS.max(3 * span_ns.checked_div(intervals).unwrap_or(0))
}

/// Returns the stamps that came after the last silence among them.
pub(crate) fn since_silence(stamps: &[u64]) -> &[u64] {
    let Some(last) = stamps.last() else { return stamps };
    let mut start = stamps.len() - 1;
    while start > 0 {
        let intervals = (stamps.len() - 1 - start) as u64;
        // A single interval may be a pause or a slow topic's period: nothing tells which.
        if intervals > 0 && is_silence(stamps[start] - stamps[start - 1], intervals, last - stamps[start]) {
            break;
        }
        start -= 1;
    }
    &stamps[start..]
}

/// Watches one topic by looking at its rings again and again.
///
/// The rate is the difference of the rings' own counts over the time between the stamps at both ends, so it is exact at
/// any speed. Intervals are those between neighbours that a look found in the rings; where more was written between
/// two looks than a ring holds, they are a sample. A silence begins everything anew.
#[derive(Debug)]
pub(crate) struct Watch {
    window: usize,
    /// The rate is counted over this long at least, even if that is more messages than the window.
    span_min_ns: u64,
    generation: u64,
    lanes: HashMap<u8, LaneSeen>,
    /// What had been sent at each look that found something new.
    history: VecDeque<Point>,
    /// Nanoseconds between neighbours, in the order they were found.
    intervals: VecDeque<u64>,
    /// When it was first looked at.
    since_ns: Option<u64>,
    /// The newest stamp.
    last_ns: Option<u64>,
}

/// A moment, and what had been sent by then.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// When the newest message was sent.
    ns: u64,
    messages: u64,
    /// None for a moment before the first look: a ring counts bytes and doesn't say of which message.
    bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
struct LaneSeen {
    sent: u64,
    head: u64,
    bytes: u64,
}

/// What a look told of one lane.
struct Fresh<'a> {
    /// Stamps that weren't there at the look before, as far as the ring holds them.
    stamps: &'a [u64],
    /// Whether these are all that are new.
    is_all: bool,
}

/// A topic's rate and intervals within the window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) rate_hz: f64,
    /// In seconds; none until there is an interval.
    pub(crate) intervals: Option<Spread>,
    /// How many messages after the first the rate was counted over.
    pub(crate) window: u64,
    pub(crate) silence: Option<Silence>,
}

/// A topic's flow of bytes within the window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flow {
    pub(crate) bytes_per_s: f64,
    pub(crate) messages_per_s: f64,
    pub(crate) mean_bytes: f64,
    /// The messages that it was counted over.
    pub(crate) window: u64,
    pub(crate) silence: Option<Silence>,
}

/// How long nothing has come, if that is silence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Silence {
    /// For so many seconds.
    For(f64),
    /// Nothing ever came.
    Ever,
}

impl Watch {
    /// Returns a watch that reports on the last `window` messages, and counts the rate over `span_min_ns` at least:
    /// 10,000 messages of a fast topic are a few milliseconds, over which a rate means little.
    pub(crate) fn new(window: usize, span_min_ns: u64) -> Watch {
        Watch {
            window,
            span_min_ns,
            generation: 0,
            lanes: HashMap::new(),
            history: VecDeque::new(),
            intervals: VecDeque::new(),
            since_ns: None,
            last_ns: None,
        }
    }

    /// Takes in what the topic's rings hold now; `now_ns` is from just before they were read.
    pub(crate) fn look(&mut self, topic: &TopicInfo, now_ns: u64) {
        if self.since_ns.is_none() || self.generation != topic.generation {
            let anew = Watch::new(self.window, self.span_min_ns);
            *self = Watch { generation: topic.generation, since_ns: Some(now_ns), ..anew };
        }
        let fresh: Vec<_> = topic.lanes.iter().filter_map(|lane| self.fresh(lane, now_ns)).collect();
        if fresh.is_empty() {
            return;
        }
        // Before this, some lane's stamps were written over; from here on all are known, in their order.
        let gap = fresh.iter().filter(|fresh| !fresh.is_all).filter_map(|fresh| fresh.stamps.first());
        let (gap, is_all) = (gap.max().copied().unwrap_or(0), fresh.iter().all(|fresh| fresh.is_all));
        let mut known: Vec<u64> = fresh.iter().flat_map(|fresh| fresh.stamps).copied().collect();
        known.retain(|stamp| *stamp >= gap);
        known.sort_unstable();
        // Without the newest message's own stamp the time of the look is next best, off by the time of a look.
        let is_known = fresh.iter().all(|fresh| !fresh.stamps.is_empty());
        let newest_ns = known.last().copied().filter(|_| is_known).unwrap_or(now_ns);
        let newest_ns = newest_ns.max(self.last_ns.unwrap_or(0));

        if let (true, Some(last_ns), Some(first)) = (is_all, self.last_ns, known.first()) {
            let (intervals, span_ns) = self.span().unwrap_or_default();
            if is_silence(first.saturating_sub(last_ns), intervals, span_ns) {
                self.history.clear();
                self.intervals.clear();
            }
        }
        let messages: u64 = self.lanes.values().map(|seen| seen.sent).sum();
        let is_first = self.history.is_empty();
        let before = self.last_ns.filter(|_| !is_first && is_all);
        let run = if is_first { since_silence(&known) } else { &known };
        let run: Vec<u64> = before.into_iter().chain(run.iter().copied()).collect();
        // A publisher held up between its stamp and its message may come in behind the look before.
        self.intervals.extend(run.windows(2).map(|pair| pair[1].saturating_sub(pair[0])));
        if is_first && is_known && run.len() > 1 {
            let earlier = messages - (run.len() as u64 - 1);
            self.history.push_back(Point { ns: run[0], messages: earlier, bytes: None });
        }
        let bytes = self.lanes.values().map(|seen| seen.bytes).sum();
        self.history.push_back(Point { ns: newest_ns, messages, bytes: Some(bytes) });
        self.last_ns = Some(newest_ns);
        self.trim(messages);
    }

    /// Returns what is new in a lane, up to the time of the look, and remembers what was seen; nothing where nothing is.
    ///
    /// The lanes are read one after the other. Only up to a moment before all of that do they add up.
    fn fresh<'a>(&mut self, lane: &'a LaneInfo, now_ns: u64) -> Option<Fresh<'a>> {
        let later = lane.stamps.iter().rev().take_while(|stamp| **stamp > now_ns).count();
        // All that is left was sent since: then the ring's own count is as near as it gets.
        let later = if later == lane.stamps.len() { 0 } else { later };
        let stamps = &lane.stamps[..lane.stamps.len() - later];
        let before = self.lanes.get(&lane.index).copied();
        let sent = lane.head - later as u64;
        let (since, earlier) = match before {
            Some(seen) => (seen.sent, (seen.head, seen.bytes)),
            // What a former owner of the lane left says nothing of this one.
            None => (lane.base.min(sent), (0, 0)),
        };
        let count = sent.saturating_sub(since);
        let mean = lane.bytes.saturating_sub(earlier.1).checked_div(lane.head.saturating_sub(earlier.0));
        let bytes = lane.bytes - (mean.unwrap_or(0) * later as u64).min(lane.bytes);
        if before.is_none() || count > 0 {
            self.lanes.insert(lane.index, LaneSeen { sent, head: lane.head, bytes });
        }
        let held = count.min(stamps.len() as u64) as usize;
        (count > 0).then(|| Fresh { stamps: &stamps[stamps.len() - held..], is_all: held as u64 == count })
    }

    fn trim(&mut self, messages: u64) {
        let newest_ns = self.history.back().map_or(0, |point| point.ns);
        let is_surplus = |point: Point| {
            messages - point.messages >= self.window as u64
                && newest_ns.saturating_sub(point.ns) >= self.span_min_ns
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

    /// Returns over how many intervals the rate is counted, and how long they took.
    fn span(&self) -> Option<(u64, u64)> {
        let (first, last) = (self.history.front()?, self.history.back()?);
        Some((last.messages - first.messages, last.ns.saturating_sub(first.ns)))
    }

    fn rate_hz(&self) -> Option<f64> {
        let (intervals, span_ns) = self.span()?;
        (span_ns > 0).then(|| intervals as f64 * 1e9 / span_ns as f64)
    }

    fn silence(&self, now_ns: u64) -> Option<Silence> {
        let Some(last_ns) = self.last_ns else {
            let waited_ns = now_ns.saturating_sub(self.since_ns?);
            return (waited_ns > SILENCE_NS).then_some(Silence::Ever);
        };
        let quiet_ns = now_ns.saturating_sub(last_ns);
        let (intervals, span_ns) = self.span().unwrap_or_default();
        is_silence(quiet_ns, intervals, span_ns).then_some(Silence::For(quiet_ns as f64 / 1e9))
    }

    /// Returns what is known now; nothing before two messages came, or silence.
    pub(crate) fn report(&self, now_ns: u64) -> Option<Report> {
        let (silence, rate) = (self.silence(now_ns), self.rate_hz());
        if rate.is_none() && silence.is_none() {
            return None;
        }
        let rate_hz = if silence.is_some() { 0.0 } else { rate.unwrap_or(0.0) };
        let intervals = Spread::of(self.intervals.iter().map(|interval| *interval as f64 / 1e9));
        Some(Report { rate_hz, intervals, window: self.span().map_or(0, |(count, _)| count), silence })
    }

    /// Returns how many bytes flow now; nothing before there was a message after the first look, or silence.
    pub(crate) fn flow(&self, now_ns: u64) -> Option<Flow> {
        let silence = self.silence(now_ns);
        let counted = || {
            let first =
                self.history.iter().find_map(|point| Some((point.ns, point.messages, point.bytes?)))?;
            let last = self.history.back()?;
            let span_ns = last.ns.saturating_sub(first.0);
            let (window, bytes) = (last.messages - first.1, last.bytes?.saturating_sub(first.2));
            (window > 0 && span_ns > 0).then_some((window, bytes as f64, span_ns as f64 / 1e9))
        };
        match (silence, counted()) {
            (None, None) => None,
            (None, Some((window, bytes, seconds))) => Some(Flow {
                bytes_per_s: bytes / seconds,
                messages_per_s: window as f64 / seconds,
                mean_bytes: bytes / window as f64,
                window,
                silence,
            }),
            (Some(_), counted) => {
                let (window, mean_bytes) = counted.map_or((0, 0.0), |(n, bytes, _)| (n, bytes / n as f64));
                Some(Flow { bytes_per_s: 0.0, messages_per_s: 0.0, mean_bytes, window, silence })
            }
        }
    }
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
            pid: 1,
            base: 0,
            head: sent.len() as u64,
            bytes: 100 * sent.len() as u64,
            latched: false,
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
        assert_eq!((report.rate_hz, report.window, report.silence), (10.0, 4, None));
        let intervals = report.intervals.unwrap();
        assert_eq!((intervals.min, intervals.max, intervals.std, intervals.p99), (0.1, 0.1, 0.0, 0.1));
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
        assert_eq!(report.intervals.unwrap().max, 0.001);
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
        assert_eq!(report.intervals.unwrap().max, 0.01);
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
        assert_eq!(watch.report(3001 * MS).unwrap().silence, Some(Silence::For(2.001)));
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

    #[test]
    fn what_is_sent_while_lanes_are_read_counts_at_the_next_look() {
        let mut watch = Watch::new(1000, 0);
        // The second lane was read a while after the first, which had sent as much by then.
        watch.look(&topic(&[&[10, 30, 50], &[20, 40, 60, 80, 100]]), 55 * MS);
        assert_eq!(watch.report(60 * MS).unwrap().window, 4, "10 to 50");
        watch.look(&topic(&[&[10, 30, 50, 70, 90], &[20, 40, 60, 80, 100]]), 105 * MS);
        let report = watch.report(105 * MS).unwrap();
        assert_eq!((report.rate_hz, report.window), (100.0, 9));
        assert_eq!(report.intervals.unwrap().max, 0.01);
        assert_eq!(watch.intervals.len(), 9);
    }

    #[test]
    fn one_lane_s_message_comes_after_the_other_s() {
        let mut watch = Watch::new(1000, 0);
        watch.look(&topic(&[&[10, 50], &[20, 60]]), 60 * MS);
        watch.look(&topic(&[&[10, 50, 70], &[20, 60]]), 70 * MS);
        assert_eq!(watch.intervals, [10, 30, 10, 10].map(|ms| ms * MS));
    }

    #[test]
    fn a_silence_begins_everything_anew() {
        let mut watch = Watch::new(1000, 0);
        let mut sent = vec![10, 60_000, 60_100, 60_200];
        watch.look(&topic(&[&sent]), 60_200 * MS);
        assert_eq!(watch.report(60_200 * MS).unwrap().rate_hz, 10.0, "what is older is of another time");
        sent.extend([100_000, 100_010, 100_020]);
        watch.look(&topic(&[&sent]), 100_020 * MS);
        let report = watch.report(100_020 * MS).unwrap();
        assert_eq!((report.rate_hz, report.window), (100.0, 2));
    }

    #[test]
    fn a_slow_topic_is_no_silence() {
        assert_eq!(since_silence(&[0, 5, 10, 15].map(|s| s * 1000 * MS)).len(), 4);
        assert_eq!(since_silence(&[0, 600_000, 600_100, 600_200].map(|ms| ms * MS)).len(), 3);
        assert_eq!(since_silence(&[7]), [7]);
        assert!(since_silence(&[]).is_empty());
    }

    #[test]
    fn a_topic_where_nothing_came_is_silent_too() {
        let mut watch = Watch::new(1000, 0);
        watch.look(&topic(&[&[]]), 1000 * MS);
        watch.look(&topic(&[&[]]), 2900 * MS);
        assert_eq!(watch.report(3000 * MS), None);
        let report = watch.report(3001 * MS).unwrap();
        assert_eq!((report.rate_hz, report.window, report.silence), (0.0, 0, Some(Silence::Ever)));
        assert_eq!(watch.flow(3001 * MS).unwrap().silence, Some(Silence::Ever));
    }

    #[test]
    fn bytes_flow_from_the_first_look_on() {
        let mut watch = Watch::new(1000, 0);
        watch.look(&topic(&[&every(10, 10), &every(10, 10)]), 100 * MS);
        assert_eq!(watch.flow(100 * MS), None);
        watch.look(&topic(&[&every(10, 110), &every(10, 115)]), 1100 * MS);
        let flow = watch.flow(1100 * MS).unwrap();
        assert_eq!((flow.bytes_per_s, flow.messages_per_s, flow.mean_bytes), (20_000.0, 200.0, 100.0));
        assert_eq!(flow.window, 200);
        assert_eq!(watch.flow(5000 * MS).unwrap().silence, Some(Silence::For(3.9)));
        assert_eq!(watch.flow(5000 * MS).unwrap().bytes_per_s, 0.0);
    }
}
