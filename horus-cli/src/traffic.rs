//! What a topic's rings tell of its traffic.

use crate::rate::{is_silence, since_silence};
use horus_core::{Kind, Schema};
use horus_shm::{
    Census, EndpointInfo, LaneInfo, Language, NodeState, ParticipantInfo, Role, TopicInfo, TopicName,
    TopicSpec,
};
use std::collections::HashMap;

/// Returns the rate at which a lane is written, in Hz, from the stamps in its ring; 0 after a silence.
pub(crate) fn lane_rate(lane: &LaneInfo, now_ns: u64) -> f64 {
    // Stamps of the former owner of the lane say nothing of this one.
    let own = lane.head.saturating_sub(lane.base).min(lane.stamps.len() as u64) as usize;
    let stamps = since_silence(&lane.stamps[lane.stamps.len() - own..]);
    let (Some(first), Some(last)) = (stamps.first(), stamps.last()) else { return 0.0 };
    let intervals = (stamps.len() - 1) as u64;
    let span_ns = last.saturating_sub(*first);
    if intervals == 0 || span_ns == 0 || is_silence(now_ns.saturating_sub(*last), intervals, span_ns) {
        return 0.0;
    }
    intervals as f64 * 1e9 / span_ns as f64
}

/// Returns the rate of all of a topic's lanes together, in Hz.
pub(crate) fn topic_rate(topic: &TopicInfo, now_ns: u64) -> f64 {
    // From 0: the sum of no floats is -0.
    topic.lanes.iter().fold(0.0, |sum, lane| sum + lane_rate(lane, now_ns))
}

/// A topic as `topic list` shows it.
#[derive(Debug)]
pub(crate) struct Traffic<'a> {
    pub(crate) topic: &'a TopicInfo,
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize,
    pub(crate) rate_hz: f64,
    pub(crate) messages: u64,
    pub(crate) dropped: u64,
    /// Seconds since the newest message.
    pub(crate) age_s: Option<f64>,
}

/// The living publishers and subscribers of a namespace, by topic: found once, for there may be thousands of both.
#[derive(Debug)]
pub(crate) struct Endpoints<'a> {
    by_topic: HashMap<&'a str, Vec<(&'a ParticipantInfo, &'a EndpointInfo)>>,
}

impl<'a> Endpoints<'a> {
    pub(crate) fn of(census: &'a Census) -> Endpoints<'a> {
        let mut by_topic: HashMap<&str, Vec<_>> = HashMap::new();
        for participant in census.participants.iter().filter(|participant| participant.alive) {
            for endpoint in &participant.endpoints {
                by_topic.entry(&endpoint.topic).or_default().push((participant, endpoint));
            }
        }
        Endpoints { by_topic }
    }

    /// Returns those of one topic.
    pub(crate) fn at(&self, topic: &TopicName) -> &[(&'a ParticipantInfo, &'a EndpointInfo)] {
        self.by_topic.get(topic.as_str()).map_or(&[], Vec::as_slice)
    }

    /// Returns how many will get what is sent next: an endpoint is written down before it stands at the topic.
    pub(crate) fn listeners(&self, topic: &TopicName) -> usize {
        self.at(topic)
            .iter()
            .filter(|(_, endpoint)| endpoint.role != Role::Publisher && endpoint.current)
            .count()
    }

    /// Returns how many subscribe to a topic.
    pub(crate) fn subscribers(&self, topic: &TopicName) -> usize {
        self.at(topic).iter().filter(|(_, endpoint)| endpoint.role != Role::Publisher).count()
    }
}

impl<'a> Traffic<'a> {
    pub(crate) fn of(topic: &'a TopicInfo, endpoints: &Endpoints<'_>, now_ns: u64) -> Traffic<'a> {
        let here = endpoints.at(&topic.name);
        let subscribers = endpoints.subscribers(&topic.name);
        let newest = topic.lanes.iter().filter_map(|lane| lane.stamps.last()).max();
        Traffic {
            topic,
            publishers: here.len() - subscribers,
            subscribers,
            rate_hz: topic_rate(topic, now_ns),
            messages: topic.lanes.iter().map(|lane| lane.head).sum(),
            dropped: here.iter().map(|(_, endpoint)| endpoint.dropped).sum(),
            age_s: newest.map(|stamp| now_ns.saturating_sub(*stamp) as f64 / 1e9),
        }
    }
}

/// Returns what a topic holds: `typed`, `dict`, `image`, …; `untyped` if no publisher has said yet.
pub(crate) fn kind_name(code: u8) -> &'static str {
    Kind::from_code(code).map_or("untyped", Kind::name)
}

/// Returns what a typed topic's messages are made of; nothing of what isn't typed, or can't be read.
pub(crate) fn schema_of(spec: &TopicSpec) -> Option<Schema> {
    let is_typed = Kind::from_code(spec.kind) == Some(Kind::Typed);
    is_typed.then(|| Schema::decode(&spec.schema).ok()).flatten()
}

/// Returns how often an endpoint sends, from its ring, or reads, over its life.
pub(crate) fn endpoint_rate(
    topic: &TopicInfo,
    participant: &ParticipantInfo,
    endpoint: &EndpointInfo,
    now_ns: u64,
) -> f64 {
    match endpoint.role {
        Role::Publisher => {
            let is_own = |lane: &&LaneInfo| lane.owner == participant.id && Some(lane.index) == endpoint.lane;
            topic.lanes.iter().find(is_own).map_or(0.0, |lane| lane_rate(lane, now_ns))
        }
        Role::Subscriber | Role::UntypedSubscriber => {
            let life_ns = now_ns.saturating_sub(endpoint.joined_ns);
            if life_ns == 0 { 0.0 } else { endpoint.received as f64 * 1e9 / life_ns as f64 }
        }
    }
}

/// Returns which way an endpoint's messages go, in a word.
pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Publisher => "publisher",
        Role::Subscriber | Role::UntypedSubscriber => "subscriber",
    }
}

/// Returns what a living node is at, in a word.
pub(crate) fn state_name(state: NodeState) -> &'static str {
    match state {
        NodeState::Running => "Running",
        NodeState::Stopped => "Stopped",
        NodeState::Error => "Error",
    }
}

/// Returns what a process is written in, in a word.
pub(crate) fn language_name(language: Language) -> &'static str {
    match language {
        Language::Rust => "rust",
        Language::Python => "python",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(base: u64, stamps: &[u64]) -> LaneInfo {
        let head = base + stamps.len() as u64;
        let stamps = stamps.to_vec();
        LaneInfo {
            index: 0,
            owner: 1,
            owner_alive: true,
            pid: 1,
            base,
            head,
            bytes: 0,
            latched: false,
            stamps,
        }
    }

    const S: u64 = 1_000_000_000;

    #[test]
    fn the_rate_is_intervals_over_time() {
        assert_eq!(lane_rate(&lane(0, &[S, S + S / 10, S + S / 5]), S + S / 5), 10.0);
        assert_eq!(lane_rate(&lane(0, &[S]), S), 0.0);
        assert_eq!(lane_rate(&lane(0, &[]), S), 0.0);
        assert_eq!(lane_rate(&lane(0, &[S, S]), S), 0.0);
    }

    #[test]
    fn silence_is_two_seconds_or_three_periods() {
        let fast = lane(0, &[S, S + S / 100]);
        assert!(lane_rate(&fast, 3 * S) > 0.0);
        assert_eq!(lane_rate(&fast, 4 * S), 0.0);
        let slow = lane(0, &[S, 6 * S]);
        assert_eq!(lane_rate(&slow, 20 * S), 0.2);
        assert_eq!(lane_rate(&slow, 22 * S), 0.0);
    }

    #[test]
    fn a_former_owner_s_messages_don_t_count() {
        let mut lane = lane(0, &[S, S + 10, 2 * S, 2 * S + S / 10]);
        lane.base = 2;
        assert_eq!(lane_rate(&lane, 2 * S + S / 10), 10.0);
    }
}
