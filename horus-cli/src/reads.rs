//! How often subscribers read: their counters, watched for a moment.

use crate::failure::Failure;
use crate::interrupt;
use crate::rate::is_silence;
use horus_shm::{Census, EndpointInfo, Namespace, ParticipantInfo, Role, now_ns};
use std::collections::HashMap;

/// How long counters are watched at most: long enough for a 5 Hz reader, short enough for a list.
const WATCHED_NS: u64 = 500_000_000;
/// How often they are looked at meanwhile.
const LOOK_AGAIN_NS: u64 = 10_000_000;
/// Enough to tell a rate: so much time between the first and the last time that a counter was seen to move.
const ENOUGH_NS: u64 = 100_000_000;

/// A subscriber: its process, when it joined, its topic.
type Key = (u64, u64, String);

/// How often each of some subscribers reads, in Hz.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    rates: HashMap<Key, f64>,
}

/// What was seen of one counter.
#[derive(Debug, Clone, Copy)]
struct Counter {
    last: u64,
    /// When it was first seen to move, and what it said then.
    first_move: Option<(u64, u64)>,
    last_move_ns: u64,
}

impl Reads {
    /// Watches the living subscribers of a namespace that `wanted` says yes to, for at most half a second; no time at
    /// all if there are none.
    pub(crate) fn watch(
        namespace: &Namespace,
        census: &Census,
        wanted: impl Fn(&EndpointInfo) -> bool,
    ) -> Result<Reads, Failure> {
        Reads::watch_all([(namespace, census)], wanted)
    }

    /// As [`Reads::watch`], for several namespaces at once.
    pub(crate) fn watch_all<'a>(
        seen: impl IntoIterator<Item = (&'a Namespace, &'a Census)> + Clone,
        wanted: impl Fn(&EndpointInfo) -> bool,
    ) -> Result<Reads, Failure> {
        let mut counters = HashMap::new();
        let before = seen.clone().into_iter().flat_map(|(_, census)| subscribers(&census.participants));
        for (key, endpoint) in before.filter(|(_, endpoint)| wanted(endpoint)) {
            let counter = Counter { last: endpoint.received, first_move: None, last_move_ns: 0 };
            counters.insert(key, counter);
        }
        let (began_ns, mut now) = (now_ns(), now_ns());
        let mut living = Vec::new();
        while now < began_ns + WATCHED_NS && !counters.values().all(Counter::is_enough) {
            if !interrupt::pause_until(now + LOOK_AGAIN_NS)? {
                break;
            }
            now = now_ns();
            living.clear();
            for (namespace, _) in seen.clone() {
                living.extend(ParticipantInfo::living(namespace)?);
            }
            for (key, endpoint) in subscribers(&living) {
                if let Some(counter) = counters.get_mut(&key) {
                    counter.look(endpoint.received, now);
                }
            }
        }
        let newest = subscribers(&living).filter_map(|(key, endpoint)| {
            let rate = counters.get(&key)?.rate(endpoint, now.saturating_sub(began_ns), now);
            Some((key, rate))
        });
        Ok(Reads { rates: newest.collect() })
    }

    /// Returns how often a subscriber reads; nothing of one that wasn't watched, or has left meanwhile.
    pub(crate) fn rate(&self, participant: &ParticipantInfo, endpoint: &EndpointInfo) -> Option<f64> {
        self.rates.get(&key(participant, endpoint)).copied()
    }
}

fn key(participant: &ParticipantInfo, endpoint: &EndpointInfo) -> Key {
    (participant.id, endpoint.joined_ns, endpoint.topic.clone())
}

fn subscribers(participants: &[ParticipantInfo]) -> impl Iterator<Item = (Key, &EndpointInfo)> {
    participants.iter().filter(|participant| participant.alive).flat_map(|participant| {
        let subscribers = participant.endpoints.iter().filter(|endpoint| endpoint.role != Role::Publisher);
        subscribers.map(move |endpoint| (key(participant, endpoint), endpoint))
    })
}

impl Counter {
    fn look(&mut self, received: u64, now_ns: u64) {
        if received == self.last {
            return;
        }
        self.last = received;
        self.last_move_ns = now_ns;
        self.first_move.get_or_insert((now_ns, received));
    }

    fn is_enough(&self) -> bool {
        self.first_move.is_some_and(|(first_ns, _)| self.last_move_ns - first_ns >= ENOUGH_NS)
    }

    /// Returns the rate from one move to the last one, or for a slow reader that of its life, as far as that fits what
    /// was seen in `watched_ns`.
    fn rate(&self, endpoint: &EndpointInfo, watched_ns: u64, now_ns: u64) -> f64 {
        if let Some((first_ns, first)) = self.first_move
            && self.last_move_ns > first_ns
        {
            return (self.last - first) as f64 * 1e9 / (self.last_move_ns - first_ns) as f64;
        }
        let life_ns = now_ns.saturating_sub(endpoint.joined_ns);
        if life_ns == 0 || watched_ns == 0 {
            return 0.0;
        }
        // What it received last was sent no later than it was read.
        let quiet_ns = now_ns.saturating_sub(endpoint.last_ns.max(endpoint.joined_ns));
        if self.first_move.is_none() && is_silence(quiet_ns, endpoint.received, life_ns) {
            return 0.0;
        }
        let moves = if self.first_move.is_some() { 2.0 } else { 1.0 };
        (endpoint.received as f64 * 1e9 / life_ns as f64).min(moves * 1e9 / watched_ns as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn endpoint(received: u64, joined_ns: u64, last_ns: u64) -> EndpointInfo {
        EndpointInfo {
            role: Role::Subscriber,
            topic: "t".into(),
            node: None,
            lane: None,
            sent: 0,
            received,
            dropped: 0,
            dropped_ns: 0,
            skipped: 0,
            copies: 0,
            depth_asked: 0,
            last_ns,
            joined_ns,
            current: true,
        }
    }

    fn counter(last: u64) -> Counter {
        Counter { last, first_move: None, last_move_ns: 0 }
    }

    #[test]
    fn the_rate_is_counted_from_move_to_move() {
        let mut counter = counter(1000);
        for (received, ms) in [(1000, 5), (1010, 30), (1010, 80), (1020, 130), (1030, 230)] {
            counter.look(received, ms * S / 1000);
        }
        assert!(counter.is_enough());
        // Read in batches of ten, ten times a second.
        assert_eq!(counter.rate(&endpoint(1030, 0, S), S / 2, S), 100.0);
    }

    #[test]
    fn a_slow_reader_has_the_rate_of_its_life() {
        let mut slow = counter(5);
        assert_eq!(slow.rate(&endpoint(5, 0, 9 * S), S / 2, 10 * S), 0.5);
        slow.look(6, 10 * S);
        assert_eq!(slow.rate(&endpoint(6, 0, 10 * S), S / 2, 12 * S), 0.5);
        assert!(!slow.is_enough());
    }

    #[test]
    fn a_reader_that_has_stopped_reads_nothing() {
        let stopped = counter(6000);
        assert_eq!(stopped.rate(&endpoint(6000, 0, 60 * S), S / 2, 100 * S), 0.0);
        // Just stopped: no more than fits half a second without a read.
        assert_eq!(stopped.rate(&endpoint(6000, 0, 60 * S), S / 2, 61 * S), 2.0);
        assert_eq!(stopped.rate(&endpoint(0, 0, 0), S / 2, 100 * S), 0.0);
    }
}
