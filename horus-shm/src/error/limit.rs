//! Which limit was reached, as far as the system tells, and how to raise it.

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use std::fs::{self, File};
use std::io::Read;

/// Mappings that one topic may take: who is nearer to the limit than this has reached it.
const MAPPINGS_AT_ONCE: u64 = 8;

/// Returns the limit behind an `EMFILE`, `ENFILE` or `ENOMEM`.
pub(crate) fn of(errno: Errno) -> String {
    match errno {
        Errno::MFILE => {
            let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
            format!(
                "this process may have {files} files open (RLIMIT_NOFILE): close some, or raise it (ulimit -n)"
            )
        }
        Errno::NFILE => "this machine has as many files open as it may: raise it (sysctl fs.file-max)".into(),
        _ => memory(),
    }
}

/// Counts this process's mappings. Needs no memory to speak of: there may be none.
fn mappings() -> Option<u64> {
    let mut maps = File::open("/proc/self/maps").ok()?;
    let mut buffer = [0; 4096];
    let mut lines = 0;
    loop {
        match maps.read(&mut buffer).ok()? {
            0 => return Some(lines),
            n => lines += buffer[..n].iter().filter(|byte| **byte == b'\n').count() as u64,
        }
    }
}

fn memory() -> String {
    let allowed =
        fs::read_to_string("/proc/sys/vm/max_map_count").ok().and_then(|text| text.trim().parse().ok());
    let mapped = mappings();
    if let (Some(allowed), Some(mapped)) = (allowed, mapped)
        && mapped + MAPPINGS_AT_ONCE > allowed
    {
        return format!(
            "this process has {mapped} mappings of the {allowed} it may: close topics, or raise it (sysctl vm.max_map_count)"
        );
    }
    match getrlimit(Resource::As).current {
        Some(bytes) => {
            format!("this process may map {bytes} bytes (RLIMIT_AS): close topics, or raise it (ulimit -v)")
        }
        None => "the machine has no memory left: end some process".into(),
    }
}
