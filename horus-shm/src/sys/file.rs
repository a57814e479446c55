//! Files and folders, always reached from an open folder and never through a link.

use crate::error::{Error, Result};
use crate::fail::step;
use rustix::fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What tells two files apart, whatever their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Inode {
    pub(crate) device: u64,
    pub(crate) number: u64,
}

/// What we ask of a file before trusting it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    pub(crate) inode: Inode,
    pub(crate) size: u64,
    /// Bytes really taken.
    pub(crate) taken: u64,
    pub(crate) uid: u32,
    pub(crate) mode: u32,
    pub(crate) links: u64,
    pub(crate) is_file: bool,
    pub(crate) is_folder: bool,
}

impl From<rustix::fs::Stat> for Stat {
    fn from(stat: rustix::fs::Stat) -> Self {
        let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        Self {
            inode: Inode { device: stat.st_dev, number: stat.st_ino },
            size: stat.st_size as u64,
            taken: stat.st_blocks as u64 * 512,
            uid: stat.st_uid,
            mode: stat.st_mode & 0o7777,
            links: stat.st_nlink,
            is_file: kind.is_file(),
            is_folder: kind.is_dir(),
        }
    }
}

/// An open folder; everything in it is reached from here.
#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

impl Dir {
    /// Opens a folder by path, refusing a link in its last part.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd =
            rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|e| Error::os("open", path, e))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Opens a folder within this one, which must be of this user.
    pub(crate) fn open_dir(&self, name: &str) -> Result<Self> {
        step("open_dir");
        let path = self.path.join(name);
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty()).map_err(|e| match e {
            Errno::LOOP | Errno::NOTDIR => self.refusal(name, "not a folder"),
            e => Error::os("open", &path, e),
        })?;
        let folder = Self { fd, path };
        match foreign(&folder.stat()?) {
            Some(reason) => Err(Error::Refused { path: folder.path, reason }),
            None => Ok(folder),
        }
    }

    /// What is said of a name that leads to something else than is wanted there.
    fn refusal(&self, name: &str, not: &str) -> Error {
        let link = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink());
        let is = if link { "a symbolic link" } else { not };
        Error::Refused { path: self.path.join(name), reason: format!("it is {is}; remove it") }
    }

    /// Makes a folder of ours alone; there being one already is fine.
    pub(crate) fn make_dir(&self, name: &str) -> Result<()> {
        step("mkdir");
        match rustix::fs::mkdirat(&self.fd, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(e) => Err(Error::os("mkdir", self.path.join(name), e)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what the kernel says of the folder itself.
    pub(crate) fn stat(&self) -> Result<Stat> {
        stat(&self.fd, &self.path)
    }

    /// Returns what the kernel says of a name in this folder, or nothing when it is gone.
    pub(crate) fn stat_name(&self, name: &str) -> Result<Option<Stat>> {
        step("stat_name");
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(Error::os("stat", self.path.join(name), e)),
        }
    }

    /// Returns whether `name` leads to this inode now.
    pub(crate) fn leads_to(&self, name: &str, inode: Inode) -> Result<bool> {
        Ok(self.stat_name(name)?.is_some_and(|stat| stat.inode == inode))
    }

    /// Opens a file, or nothing when there is none.
    pub(crate) fn open_file(&self, name: &str, writable: bool) -> Result<Option<OwnedFd>> {
        step("open");
        let mode = if writable { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = mode | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT) => Ok(None),
            // A folder, a socket, a device without its driver.
            Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::NODEV) => {
                Err(self.refusal(name, NOT_REGULAR))
            }
            Err(e) => Err(Error::os("open", self.path.join(name), e)),
        }
    }

    /// Opens a file that is wanted whether or not it is there yet.
    pub(crate) fn open_or_make(&self, name: &str) -> Result<OwnedFd> {
        step("open_or_make");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let path = self.path.join(name);
        let fd = match rustix::fs::openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => fd,
            Err(Errno::LOOP | Errno::ISDIR | Errno::NXIO | Errno::NODEV) => {
                return Err(self.refusal(name, NOT_REGULAR));
            }
            Err(e) => return Err(Error::os("open", path, e)),
        };
        match untrusted(&stat(&fd, &path)?) {
            Some(reason) => Err(Error::Refused { path, reason }),
            None => Ok(fd),
        }
    }

    /// Makes a file without a name and of the given size, all of it a hole.
    pub(crate) fn nameless(&self, size: u64) -> Result<OwnedFd> {
        limit_of_files(&self.path, size)?;
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, ".", flags, Mode::RUSR | Mode::WUSR)
            .map_err(|e| Error::os("open(O_TMPFILE)", &self.path, e))?;
        rustix::fs::ftruncate(&fd, size).map_err(|e| Error::os("ftruncate", &self.path, e))?;
        Ok(fd)
    }

    /// Gives a nameless file its name; false when there is a file of that name.
    pub(crate) fn link(&self, fd: BorrowedFd<'_>, name: &str) -> Result<bool> {
        step("linkat");
        let source = format!("/proc/self/fd/{}", fd.as_raw_fd());
        match rustix::fs::linkat(CWD, source, &self.fd, name, AtFlags::SYMLINK_FOLLOW) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(e) => Err(Error::os("linkat", self.path.join(name), e)),
        }
    }

    /// Exchanges what two names lead to, in one step.
    pub(crate) fn exchange(&self, one: &str, other: &str) -> Result<()> {
        step("exchange");
        rustix::fs::renameat_with(&self.fd, one, &self.fd, other, RenameFlags::EXCHANGE)
            .map_err(|e| Error::os("renameat2(RENAME_EXCHANGE)", self.path.join(other), e))
    }

    /// Gives a file another name, replacing what had it.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<()> {
        step("rename");
        rustix::fs::renameat(&self.fd, from, &self.fd, to)
            .map_err(|e| Error::os("rename", self.path.join(to), e))
    }

    /// Removes a name; its being gone already is fine.
    pub(crate) fn unlink(&self, name: &str) -> Result<()> {
        step("unlink");
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(e) => Err(Error::os("unlink", self.path.join(name), e)),
        }
    }

    /// Removes an empty folder; false when it isn't empty.
    pub(crate) fn remove_dir(&self, name: &str) -> Result<bool> {
        step("rmdir");
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            Err(Errno::NOTDIR) => Err(self.refusal(name, "not a folder")),
            Err(e) => Err(Error::os("rmdir", self.path.join(name), e)),
        }
    }

    /// Returns the names in this folder, sorted; those that aren't UTF-8 are none of ours.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        step("getdents");
        let entries =
            rustix::fs::Dir::read_from(&self.fd).map_err(|e| Error::os("getdents", &self.path, e))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| Error::os("getdents", &self.path, e))?;
            if let Ok(name) = entry.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

const NOT_REGULAR: &str = "not a regular file";

/// Says why a file is not ours to trust, or nothing.
pub(crate) fn untrusted(stat: &Stat) -> Option<String> {
    if stat.is_file { foreign(stat) } else { Some(format!("it is {NOT_REGULAR}; remove it")) }
}

/// Says that a file or folder is another user's, or nothing.
fn foreign(stat: &Stat) -> Option<String> {
    let ours = rustix::process::getuid().as_raw();
    (stat.uid != ours).then(|| {
        format!("it belongs to uid {}, this process runs as uid {ours}; run both as the same user", stat.uid)
    })
}

/// Returns what the kernel says of an open file.
pub(crate) fn stat(fd: impl AsFd, path: &Path) -> Result<Stat> {
    rustix::fs::fstat(fd).map(Stat::from).map_err(|e| Error::os("fstat", path, e))
}

/// Reserves the pages of a part of a file, so that touching them can't fail later.
///
/// At most 16 MiB a call, so that a signal doesn't start the whole over. What takes several calls is first held
/// against the room there is: a tmpfs may be larger than the memory behind it, and then the kernel would end some
/// process, not refuse.
///
/// # Errors
/// [`Error::ShmFull`] with the bytes asked for; the part has no pages then.
pub(crate) fn reserve(fd: impl AsFd, start: u64, bytes: u64, path: &Path) -> Result<()> {
    step("fallocate");
    const PIECE: u64 = 16 << 20;
    let fd = fd.as_fd();
    if bytes > PIECE && room(fd).is_some_and(|room| bytes > room) {
        return Err(Error::ShmFull { path: path.to_owned(), bytes });
    }
    let mut done = 0;
    while done < bytes {
        let piece = PIECE.min(bytes - done);
        match rustix::fs::fallocate(fd, FallocateFlags::KEEP_SIZE, start + done, piece) {
            Ok(()) => done += piece,
            Err(Errno::INTR) => {}
            Err(e) => {
                if done > 0 {
                    // What was got before it was full goes back at once. A failure leaves it to the next try.
                    let _ = punch(fd, start, done, path);
                }
                return Err(match e {
                    Errno::NOSPC | Errno::DQUOT => Error::ShmFull { path: path.to_owned(), bytes },
                    e => Error::os("fallocate", path, e),
                });
            }
        }
    }
    Ok(())
}

/// Returns how many bytes the file's file system and the machine's memory still have, as far as they tell.
fn room(fd: BorrowedFd<'_>) -> Option<u64> {
    let of_disk = rustix::fs::fstatvfs(fd).ok().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    let of_memory = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    of_disk.into_iter().chain(of_memory).min()
}

/// Returns what `/proc/meminfo` says can be had: memory and swap, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let field = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some((field("MemAvailable:")? + field("SwapFree:").unwrap_or(0)).saturating_mul(1024))
}

/// Gives the pages of a part of a file back, also where they are mapped.
pub(crate) fn punch(fd: impl AsFd, start: u64, bytes: u64, path: &Path) -> Result<()> {
    step("punch");
    let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    loop {
        match rustix::fs::fallocate(fd.as_fd(), mode, start, bytes) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(e) => return Err(Error::os("fallocate(FALLOC_FL_PUNCH_HOLE)", path, e)),
        }
    }
}

/// Reads a part of a file without mapping it, so that a hole stays a hole; short at the end of the file.
pub(crate) fn read_at(fd: impl AsFd, start: u64, bytes: &mut [u8], path: &Path) -> Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        step("pread");
        // The simulation reads in pieces, for the kernel doesn't keep others from writing meanwhile.
        let end = if cfg!(shuttle) { bytes.len().min(done + 64) } else { bytes.len() };
        match rustix::io::pread(fd.as_fd(), &mut bytes[done..end], start + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(Errno::INTR) => {}
            Err(e) => return Err(Error::os("pread", path, e)),
        }
    }
    Ok(done)
}

/// Refuses a size that the kernel would answer with SIGXFSZ.
fn limit_of_files(path: &Path, size: u64) -> Result<()> {
    match rustix::process::getrlimit(rustix::process::Resource::Fsize).current {
        Some(limit) if limit < size => Err(Error::TooLarge {
            what: format!("a file in {} (ulimit -f)", path.display()),
            bytes: size,
            limit,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_machine_has_is_refused_before_it_is_tried() {
        let folder = Dir::open(Path::new("/dev/shm")).expect("there on Linux");
        let fd = folder.nameless(1 << 50).expect("a hole costs nothing");
        let refused = reserve(&fd, 0, 1 << 50, folder.path());
        assert!(matches!(refused, Err(Error::ShmFull { bytes, .. }) if bytes == 1 << 50), "{refused:?}");
        assert_eq!(stat(&fd, folder.path()).expect("open").taken, 0);
    }

    #[test]
    fn memory_that_can_be_had_is_what_is_available_and_swap() {
        let meminfo = "MemTotal: 100 kB\nMemFree: 5 kB\nMemAvailable:   30 kB\nSwapFree:  2 kB\n";
        assert_eq!(available(meminfo), Some(32 * 1024));
        assert_eq!(available("MemTotal: 100 kB\n"), None);
    }
}
