//! Who holds a file of another layout: said in errors, so that people know what to end.

use crate::error::{Error, Holder};
use crate::life::{census, peers};
use crate::sys::file::{Dir, Inode};
use crate::sys::mappers;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Adds to an error of another layout who holds the file; leaves any other error as it is.
///
/// `participants` tells the nodes of those processes, where it can be read.
pub(crate) fn named(mut error: Error, participants: Option<&Dir>) -> Error {
    name_all(std::slice::from_mut(&mut error), participants);
    error
}

/// As [`named`], for any number of errors at the price of one.
pub(crate) fn name_all(errors: &mut [Error], participants: Option<&Dir>) {
    let outdated: Vec<Inode> = errors.iter().filter_map(|error| inode_of(layout_path(error)?)).collect();
    if outdated.is_empty() {
        return;
    }
    let pids = mappers::of(&outdated);
    let nodes = participants.map(nodes).unwrap_or_default();
    for error in errors {
        let found = layout_path(error).and_then(inode_of).and_then(|inode| pids.get(&inode));
        if let (Error::Layout { in_use, holders, .. }, Some(pids)) = (error, found) {
            *in_use = true;
            holders.extend(pids.iter().map(|pid| {
                let node = nodes.get(pid).cloned().unwrap_or_default();
                Holder { pid: *pid, node }
            }));
        }
    }
}

fn layout_path(error: &Error) -> Option<&Path> {
    if let Error::Layout { path, .. } = error { Some(path) } else { None }
}

fn inode_of(path: &Path) -> Option<Inode> {
    let meta = path.symlink_metadata().ok()?;
    Some(Inode { device: meta.dev(), number: meta.ino() })
}

/// The nodes of each living process that can be read, by process id.
fn nodes(participants: &Dir) -> HashMap<u32, String> {
    // What can't be read has no names to offer.
    let living = peers::living(participants).unwrap_or_default();
    let told = living.iter().filter_map(|peer| Some((peer.pid(), census::node_names(peer).ok()?.join(", "))));
    told.collect()
}
