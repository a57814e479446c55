//! What a cleaning removed, in words.

use crate::output::text;
use horus_shm::CleanReport;

/// Returns whether nothing was there to be removed.
pub(crate) fn is_empty(report: &CleanReport) -> bool {
    let lists = [report.topics.len(), report.processes.len(), report.namespaces.len()];
    lists.iter().sum::<usize>() == 0 && report.pools + report.tombstones == 0
}

/// Returns what was removed, in one line.
pub(crate) fn summary(report: &CleanReport) -> String {
    let counted = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let parts = [
        counted(report.processes.len(), "dead process", "dead processes"),
        counted(report.topics.len(), "topic", "topics"),
        counted(report.pools as usize, "pool", "pools"),
        counted(report.tombstones as usize, "crashed node's record", "crashed nodes' records"),
        counted(report.namespaces.len(), "namespace", "namespaces"),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    format!("{}, {}", parts.join(", "), text::bytes(report.bytes))
}
