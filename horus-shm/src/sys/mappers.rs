//! Which processes have a file mapped, as `/proc` tells: for words only, never for a decision.

use crate::sys::file::Inode;
use std::collections::HashMap;
use std::fs;

/// Returns, for each of some files, the processes that have it mapped, by id. Another user's and those of other
/// PID namespaces can't be seen. Reads every process's list: some milliseconds, for errors alone.
pub(crate) fn of(wanted: &[Inode]) -> HashMap<Inode, Vec<u32>> {
    let mut found: HashMap<Inode, Vec<Mapper>> = HashMap::new();
    for pid in processes() {
        // Gone by now, or not ours to look at.
        let Ok(maps) = fs::read_to_string(format!("/proc/{pid}/maps")) else { continue };
        for line in maps.lines() {
            let Some(inode) = inode_of(line).filter(|inode| wanted.contains(inode)) else { continue };
            let mappers = found.entry(inode).or_default();
            if mappers.last().is_none_or(|last| last.pid != pid) {
                let place = line.split(' ').next().unwrap_or_default().to_owned();
                mappers.push(Mapper { pid, place });
            }
        }
    }
    let pids = |mappers: Vec<Mapper>| {
        mappers.iter().filter(|mapper| !mapper.is_about_to_exec(&mappers)).map(|mapper| mapper.pid).collect()
    };
    found.into_iter().map(|(inode, mappers)| (inode, pids(mappers))).collect()
}

/// A process and where in its memory it has a file.
struct Mapper {
    pid: u32,
    place: String,
}

impl Mapper {
    /// Whether it is a child that only borrows its parent's memory, between vfork and exec: a fork that goes on has none
    /// of our mappings, and a program of its own has them elsewhere.
    fn is_about_to_exec(&self, all: &[Mapper]) -> bool {
        if !all.iter().any(|other| other.pid != self.pid && other.place == self.place) {
            return false;
        }
        let Ok(stat) = fs::read_to_string(format!("/proc/{}/stat", self.pid)) else { return true };
        // The name stands in brackets and may hold anything; state and parent come behind it.
        let parent =
            stat.rsplit(')').next().and_then(|rest| rest.split_ascii_whitespace().nth(1)?.parse().ok());
        all.iter().any(|other| Some(other.pid) == parent && other.place == self.place)
    }
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
    fn a_child_with_its_parent_s_memory_is_about_to_exec() {
        let mut child =
            std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let mapper = |pid, place: &str| Mapper { pid, place: place.to_owned() };
        let ours = mapper(std::process::id(), "7f00-7f01");
        let (borrowed, own) = (mapper(child.id(), "7f00-7f01"), mapper(child.id(), "7e00-7e01"));
        // Two that happen to have it at one place, neither the other's parent.
        let stranger = mapper(1, "7f00-7f01");
        let all = [ours, borrowed, own, stranger];
        assert_eq!(
            all.iter().map(|mapper| mapper.is_about_to_exec(&all)).collect::<Vec<_>>(),
            [false, true, false, false]
        );
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn anonymous_memory_is_no_file() {
        assert_eq!(inode_of("7f00-7f01 rw-p 00000000 00:00 0 [heap]"), None);
        let line = "7f00-7f01 rw-s 00010000 00:1a 4711      /dev/shm/x y";
        assert_eq!(inode_of(line), Some(Inode { device: rustix::fs::makedev(0, 0x1a), number: 4711 }));
    }
}
