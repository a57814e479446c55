//! Which processes have a file mapped, as `/proc` tells: for words only, never for a decision.

use crate::sys::file::Inode;
use std::collections::HashMap;
use std::fs;

/// Returns, for each of some files, the processes that have it mapped, by id. Another user's and those of other
/// PID namespaces can't be seen. Reads every process's list: some milliseconds, for errors alone.
pub(crate) fn of(wanted: &[Inode]) -> HashMap<Inode, Vec<u32>> {
    let mut found: HashMap<Inode, Vec<u32>> = HashMap::new();
    for pid in processes() {
        // Gone by now, or not ours to look at.
        let Ok(maps) = fs::read_to_string(format!("/proc/{pid}/maps")) else { continue };
        for inode in maps.lines().filter_map(inode_of).filter(|inode| wanted.contains(inode)) {
            let pids = found.entry(inode).or_default();
            if pids.last() != Some(&pid) {
                pids.push(pid);
            }
        }
    }
    found
}

fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// Reads the file of a line such as `7f…-7f… rw-s 00010000 00:19 4711   /dev/shm/…`; none for anonymous memory.
fn inode_of(line: &str) -> Option<Inode> {
    let mut fields = line.split_ascii_whitespace().skip(3);
    let (major, minor) = fields.next()?.split_once(':')?;
    let number = fields.next()?.parse().ok().filter(|number| *number != 0)?;
    let half = |text| u32::from_str_radix(text, 16).ok();
    Some(Inode { device: rustix::fs::makedev(half(major)?, half(minor)?), number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::Dir;
    use crate::sys::map::{Access, Mapping};
    use std::os::fd::AsFd;
    use std::path::Path;

    #[test]
    fn who_maps_a_file_is_found_until_it_lets_go() {
        let folder = Dir::open(Path::new("/dev/shm")).expect("there on Linux");
        let fd = folder.nameless(4096).expect("a hole costs nothing");
        let inode = crate::sys::file::stat(&fd, folder.path()).expect("open").inode;
        let other = Inode { number: u64::MAX, ..inode };
        let map = Mapping::new(fd.as_fd(), 4096, Access::Read, false, folder.path()).expect("room");
        let found = of(&[other, inode]);
        assert_eq!(found.get(&inode), Some(&vec![std::process::id()]));
        assert_eq!(found.get(&other), None);
        drop(map);
        assert!(of(&[inode]).is_empty(), "an open file alone is no use of it");
    }

    #[test]
    fn anonymous_memory_is_no_file() {
        assert_eq!(inode_of("7f00-7f01 rw-p 00000000 00:00 0 [heap]"), None);
        let line = "7f00-7f01 rw-s 00010000 00:1a 4711      /dev/shm/x y";
        assert_eq!(inode_of(line), Some(Inode { device: rustix::fs::makedev(0, 0x1a), number: 4711 }));
    }
}
