//! A topic's publishers and subscribers, as `list -v` and `info` show them.

use crate::output::text;
use crate::reads::Reads;
use crate::traffic::{Endpoints, endpoint_rate, language_name, role_name, topic_rate};
use horus_shm::{EndpointInfo, ParticipantInfo, Role, TopicInfo};
use serde_json::{Value, json};
use std::time::Duration;

/// How long ago a subscriber may have dropped to be warned about.
const RECENT: Duration = Duration::from_secs(5);

/// One topic's endpoints, with all it takes to tell of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parties<'a> {
    pub(super) topic: &'a TopicInfo,
    pub(super) endpoints: &'a Endpoints<'a>,
    pub(super) reads: &'a Reads,
    pub(super) now_ns: u64,
}

impl Parties<'_> {
    fn all(&self) -> &[(&ParticipantInfo, &EndpointInfo)] {
        self.endpoints.at(&self.topic.name)
    }

    /// Returns how often an endpoint sends, from its ring, or reads, of late.
    fn rate(&self, participant: &ParticipantInfo, endpoint: &EndpointInfo) -> f64 {
        self.reads
            .rate(participant, endpoint)
            .unwrap_or_else(|| endpoint_rate(self.topic, participant, endpoint, self.now_ns))
    }

    /// Returns an object for each.
    pub(super) fn json(&self) -> Value {
        let list = self.all().iter().map(|(participant, endpoint)| {
            json!({
                "role": role_name(endpoint.role),
                "pid": participant.pid,
                "node": endpoint.node,
                "language": language_name(participant.language),
                "rate_hz": self.rate(participant, endpoint),
                "sent": endpoint.sent,
                "received": endpoint.received,
                "dropped": endpoint.dropped,
            })
        });
        list.collect()
    }

    /// Returns a line for each.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |(participant, endpoint): &(&ParticipantInfo, &EndpointInfo)| {
            let node = text::escaped(endpoint.node.as_deref().unwrap_or("-"));
            let (pid, language) = (participant.pid, language_name(participant.language));
            let rate = text::hertz(Some(self.rate(participant, endpoint)));
            let (role, counts) = match endpoint.role {
                Role::Publisher if endpoint.copies > 0 => {
                    ("pub", format!("sent {}, copied {}", endpoint.sent, endpoint.copies))
                }
                Role::Publisher => ("pub", format!("sent {}", endpoint.sent)),
                Role::Subscriber | Role::UntypedSubscriber => {
                    ("sub", format!("received {}, dropped {}", endpoint.received, endpoint.dropped))
                }
            };
            format!("{role}  {node}  pid {pid}  {language}  {rate}  {counts}")
        };
        self.all().iter().map(line).collect()
    }

    /// Returns advice for each subscriber that missed messages of late.
    pub(super) fn lagging(&self) -> Vec<String> {
        let sends = topic_rate(self.topic, self.now_ns);
        let is_behind = |endpoint: &EndpointInfo| {
            let since_ns = self.now_ns.saturating_sub(endpoint.dropped_ns);
            endpoint.role != Role::Publisher && endpoint.dropped > 0 && since_ns < RECENT.as_nanos() as u64
        };
        let behind = self.all().iter().filter(|(_, endpoint)| is_behind(endpoint));
        let advice = behind.map(|(participant, endpoint)| {
            format!(
                "{} reads {}, topic sends {}; raise its rate, raise depth, or use recv_latest",
                who(participant, endpoint),
                text::about_hertz(self.rate(participant, endpoint)),
                text::about_hertz(sends),
            )
        });
        advice.collect()
    }

    /// Returns a note for each endpoint that asked for another depth than the topic has.
    pub(super) fn other_depths(&self) -> Vec<String> {
        let asked = self.all().iter().filter(|(_, endpoint)| endpoint.depth_asked != 0);
        let note = asked.map(|(participant, endpoint)| {
            format!(
                "{} asked for depth {}; the topic has {}, which whoever made it chose",
                who(participant, endpoint),
                endpoint.depth_asked,
                self.topic.depth
            )
        });
        note.collect()
    }
}

/// Names an endpoint's node, or says that it has none.
fn who(participant: &ParticipantInfo, endpoint: &EndpointInfo) -> String {
    let name = endpoint.node.as_deref().unwrap_or(role_name(endpoint.role));
    format!("{} (pid {})", text::escaped(name), participant.pid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use horus_shm::{Census, LaneInfo, Language, TopicName, TopicSpec};

    const S: u64 = 1_000_000_000;

    fn reader(node: Option<&str>, dropped: u64, dropped_ns: u64) -> EndpointInfo {
        EndpointInfo {
            role: Role::Subscriber,
            topic: "t".into(),
            node: node.map(String::from),
            lane: None,
            sent: 0,
            received: 100,
            dropped,
            dropped_ns,
            skipped: 0,
            copies: 0,
            depth_asked: 0,
            last_ns: 99 * S,
            joined_ns: 90 * S,
            current: true,
        }
    }

    fn process(pid: u32, endpoint: EndpointInfo) -> ParticipantInfo {
        ParticipantInfo {
            id: u64::from(pid),
            pid,
            pid_is_ours: true,
            alive: true,
            language: Language::Rust,
            started_ns: 0,
            nodes: vec![],
            endpoints: vec![endpoint],
            pinned_blocks: 0,
        }
    }

    fn topic() -> TopicInfo {
        let spec = TopicSpec { kind: 2, type_name: "dict".into(), schema: vec![], capacity: 8, depth: 8 };
        let lane = LaneInfo {
            index: 0,
            owner: 9,
            owner_alive: true,
            pid: 9,
            base: 0,
            head: 3,
            bytes: 0,
            latched: false,
            stamps: vec![99 * S, 99 * S + S / 100, 99 * S + S / 50],
        };
        let name = TopicName::new("t").unwrap();
        TopicInfo { name, spec, depth: 8, slot_bytes: 64, generation: 1, shm_bytes: 0, lanes: vec![lane] }
    }

    #[test]
    fn only_who_missed_messages_of_late_is_named() {
        let participants = vec![
            process(12, reader(Some("log"), 3, 97 * S)),
            process(2, reader(None, 3, 80 * S)),
            process(3, reader(None, 0, 0)),
        ];
        let census = Census { participants, ..Census::default() };
        let (topic, endpoints, reads) = (topic(), Endpoints::of(&census), Reads::default());
        let parties = Parties { topic: &topic, endpoints: &endpoints, reads: &reads, now_ns: 100 * S };
        let hint =
            "log (pid 12) reads 10 Hz, topic sends 100 Hz; raise its rate, raise depth, or use recv_latest";
        assert_eq!(parties.lagging(), [hint]);
        assert!(parties.other_depths().is_empty());
    }

    #[test]
    fn who_asked_for_another_depth_is_named() {
        let viewer = EndpointInfo { depth_asked: 256, ..reader(None, 0, 0) };
        let census = Census { participants: vec![process(7, viewer)], ..Census::default() };
        let (topic, endpoints, reads) = (topic(), Endpoints::of(&census), Reads::default());
        let parties = Parties { topic: &topic, endpoints: &endpoints, reads: &reads, now_ns: 100 * S };
        let note = "subscriber (pid 7) asked for depth 256; the topic has 8, which whoever made it chose";
        assert_eq!(parties.other_depths(), [note]);
    }
}
