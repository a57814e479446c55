//! Removing what programs of another layout left: by hand only, and only while none of them lives.

use crate::error::{Error, Result};
use crate::layout::{MAGIC_PARTICIPANT, MAGIC_POOL, MAGIC_TOPIC, head};
use crate::life::clean::{CleanOptions, CleanReport};
use crate::life::namespace::{Folders, check_file};
use crate::sys::file::{self, Dir};
use crate::sys::lock;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// A file of another layout, locked as a whole; the lock goes with it.
struct Outdated<'a> {
    folder: &'a Dir,
    name: String,
    fd: OwnedFd,
}

/// Removes the files of another layout, or in a dry run tells of them, unless one of them is in use.
///
/// What such files hold can't be read, so neither can who still wants them. But whatever the layout, who uses a
/// file holds a lock on it: with all of them locked here nobody is left who could want any. Returns their paths.
pub(crate) fn remove(
    folders: &Folders,
    options: &CleanOptions,
    report: &mut CleanReport,
) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let kinds = [
        (&folders.participants, MAGIC_PARTICIPANT),
        (&folders.pools, MAGIC_POOL),
        (&folders.topics, MAGIC_TOPIC),
    ];
    for (folder, magic) in kinds {
        for name in folder.names()? {
            // What else is wrong with a file is found by those who look for it.
            let Ok(Some(fd)) = folder.open_file(&name, true) else { continue };
            let path = folder.path().join(&name);
            if !matches!(check_file(&fd, &path, magic, None), Err(Error::Layout { .. })) {
                continue;
            }
            if !lock::try_exclusive(&fd, 0, lock::WHOLE, &path)? {
                return Ok(Vec::new());
            }
            found.push(Outdated { folder, name, fd });
        }
    }
    let namespace = folders.topics.path().parent().and_then(|path| path.file_name());
    let namespace = namespace.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    for outdated in &found {
        outdated.remove(folders, &namespace, options, report)?;
    }
    Ok(found.iter().map(|outdated| outdated.folder.path().join(&outdated.name)).collect())
}

impl Outdated<'_> {
    fn remove(
        &self,
        folders: &Folders,
        namespace: &str,
        options: &CleanOptions,
        report: &mut CleanReport,
    ) -> Result<()> {
        let path = self.folder.path().join(&self.name);
        let stat = file::stat(&self.fd, &path)?;
        if !self.folder.leads_to(&self.name, stat.inode)? {
            return Ok(());
        }
        if !options.dry_run {
            self.folder.unlink(&self.name)?;
        }
        report.bytes += stat.taken;
        if std::ptr::eq(self.folder, &folders.participants) {
            let mut pid = [0; 4];
            file::read_at(&self.fd, head::PID as u64, &mut pid, &path)?;
            report.processes.push(u32::from_le_bytes(pid));
        } else if std::ptr::eq(self.folder, &folders.pools) {
            report.pools += 1;
        } else {
            report.topics.push(format!("{namespace}/{}", self.name));
        }
        Ok(())
    }
}
