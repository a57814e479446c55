//! The root folder and the namespaces in it.

use crate::error::{Error, Result};
use crate::layout::{self, LAYOUT_VERSION, MAGIC_PARTICIPANT, MAGIC_POOL, MAGIC_ROOT, MAGIC_TOPIC, head};
use crate::life::holders;
use crate::life::peers;
use crate::name::NamespaceName;
use crate::sync::{AtomicU32, AtomicU64};
use crate::sys::file::{self, Dir, Inode};
use crate::sys::lock::{self, Held};
use crate::sys::map::{Access, Mapping};
use rustix::fs::Mode;
use rustix::io::Errno;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file beside the namespaces that orders cleaners.
pub(crate) const LOCK_FILE: &str = "lock";
/// The file beside the namespaces that counts joins and topics made.
pub(crate) const JOINS_FILE: &str = "joins";

const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Where shared memory is and which namespace to use; empty fields take the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The root folder; `/dev/shm/horus-<uid>` when left out.
    pub shm_dir: Option<PathBuf>,
    /// The namespace; derived from the terminal's session when left out.
    pub namespace: Option<String>,
}

impl Settings {
    /// Returns what `HORUS_SHM_DIR` and `HORUS_NAMESPACE` say; an empty value counts as none.
    pub fn from_env() -> Self {
        let text = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            shm_dir: text("HORUS_SHM_DIR").map(PathBuf::from),
            namespace: text("HORUS_NAMESPACE").map(|value| value.to_string_lossy().into_owned()),
        }
    }
}

/// The folder that holds every namespace of one user. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Root {
    inner: Arc<RootInner>,
}

#[derive(Debug)]
struct RootInner {
    dir: Dir,
    joins: Mapping,
    /// Which file `joins` is.
    joins_inode: Inode,
}

impl Root {
    /// Opens the root folder, making it and its two files if they are missing.
    ///
    /// # Errors
    /// [`Error::Root`] when it belongs to another user, others may enter it, it is a link, or it isn't on
    /// a tmpfs; [`Error::Permission`] when it can't be opened at all.
    pub fn open(settings: &Settings) -> Result<Self> {
        let path = match &settings.shm_dir {
            // Absolute, so that it stays the same folder wherever this process goes.
            Some(path) => std::path::absolute(path).map_err(|e| Error::os("getcwd", path, e))?,
            None => default_root(),
        };
        let made = match rustix::fs::mkdir(&path, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(no_parent(path)),
            Err(e) => return Err(Error::os("mkdir", &path, e)),
        };
        let dir = Dir::open(&path).map_err(|error| not_a_folder(&path, error))?;
        check_root(&dir).inspect_err(|_| {
            if made {
                // A folder where none can be used helps nobody; one that stays harms nobody.
                let _ = rustix::fs::rmdir(&path);
            }
        })?;
        let (joins, joins_inode) = open_joins(&dir)?;
        dir.open_or_make(LOCK_FILE)?;
        Ok(Self { inner: Arc::new(RootInner { dir, joins, joins_inode }) })
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        self.inner.dir.path()
    }

    /// Returns the names of the namespaces that are there, sorted.
    ///
    /// # Errors
    /// What reading the folder gives.
    pub fn namespaces(&self) -> Result<Vec<NamespaceName>> {
        let mut found = Vec::new();
        for name in self.inner.dir.names()? {
            if let Ok(namespace) = NamespaceName::new(&name)
                && self.inner.dir.stat_name(&name)?.is_some_and(|stat| stat.is_folder)
            {
                found.push(namespace);
            }
        }
        Ok(found)
    }

    /// Returns a namespace by name, whether or not anybody is in it.
    pub fn namespace(&self, name: &NamespaceName) -> Namespace {
        Namespace { root: self.clone(), name: name.clone() }
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.inner.dir
    }

    /// Returns the word that each joining process adds to.
    pub(crate) fn joins(&self) -> &AtomicU64 {
        self.inner.joins.word(layout::root::JOINS)
    }

    /// Returns the futex that whoever gives a topic its name adds to.
    pub(crate) fn topics_made(&self) -> &AtomicU32 {
        self.inner.joins.half(layout::root::TOPICS_MADE)
    }

    /// Returns whether this process opened it, rather than the parent it was forked from.
    pub(crate) fn is_ours(&self) -> bool {
        self.inner.joins.is_ours()
    }

    /// Returns whether its path and its file `joins` still lead to what is open here. After the folder, or all
    /// that is in it, was removed and made anew, others count their joins in another file: a pool's owner that
    /// reads the old one would miss their pins.
    pub(crate) fn is_current(&self) -> Result<bool> {
        let dir = &self.inner.dir;
        // Not through an open folder: the path may lead to another folder by now.
        let named = match rustix::fs::lstat(dir.path()) {
            Ok(stat) => file::Stat::from(stat).inode,
            Err(Errno::NOENT) => return Ok(false),
            Err(e) => return Err(Error::os("stat", dir.path(), e)),
        };
        Ok(named == dir.stat()?.inode && dir.leads_to(JOINS_FILE, self.inner.joins_inode)?)
    }
}

fn default_root() -> PathBuf {
    PathBuf::from(format!("/dev/shm/horus-{}", rustix::process::getuid().as_raw()))
}

fn no_parent(path: PathBuf) -> Error {
    let parent = path.parent().unwrap_or(&path).display();
    let reason = format!("{parent} is not a folder that is there; make it, on a tmpfs, or set HORUS_SHM_DIR");
    Error::Root { path, reason }
}

// The path may be anybody's slip, /etc or / among them: what to do to it hangs on whose it is.
fn not_a_folder(path: &Path, error: Error) -> Error {
    match &error {
        Error::Os { source, .. }
            if matches!(Errno::from_io_error(source), Some(Errno::LOOP | Errno::NOTDIR)) =>
        {
            Error::Root { path: path.to_owned(), reason: "it is a link or not a folder; set HORUS_SHM_DIR to a folder on a tmpfs, or remove it if nobody needs it".into() }
        }
        _ => error,
    }
}

fn check_root(dir: &Dir) -> Result<()> {
    let refuse = |reason: String| Err(Error::Root { path: dir.path().to_owned(), reason });
    let stat = dir.stat()?;
    let uid = rustix::process::getuid().as_raw();
    if stat.uid != uid {
        return refuse(format!(
            "it belongs to uid {}, this process runs as uid {uid}; run both as the same user",
            stat.uid
        ));
    }
    if stat.mode & 0o777 != 0o700 {
        return refuse(format!(
            "its mode is {:04o}, it must be 0700; chmod 700 it if HORUS alone uses it, or set HORUS_SHM_DIR to another",
            stat.mode
        ));
    }
    let kind = rustix::fs::fstatfs(dir).map_err(|e| Error::os("fstatfs", dir.path(), e))?.f_type as u64;
    if kind != TMPFS_MAGIC {
        return refuse("it is not on a tmpfs; set HORUS_SHM_DIR to a folder on one, such as /dev/shm".into());
    }
    Ok(())
}

/// Opens the file `joins`, making it whole first if it is missing.
fn open_joins(dir: &Dir) -> Result<(Mapping, Inode)> {
    let path = dir.path().join(JOINS_FILE);
    for _ in 0..3 {
        if let Some(fd) = dir.open_file(JOINS_FILE, true)? {
            check_file(&fd, &path, MAGIC_ROOT, Some(layout::root::SIZE))
                .map_err(|error| holders::named(error, None))?;
            let map = Mapping::new(fd.as_fd(), layout::root::SIZE, Access::ReadWrite, false, &path)?;
            return Ok((map, file::stat(&fd, &path)?.inode));
        }
        let fd = dir.nameless(layout::root::SIZE)?;
        file::reserve(&fd, 0, layout::root::SIZE, &path)?;
        let map = Mapping::new(fd.as_fd(), layout::root::SIZE, Access::ReadWrite, false, &path)?;
        write_head(&map, MAGIC_ROOT, layout::root::SIZE);
        if dir.link(fd.as_fd(), JOINS_FILE)? {
            return Ok((map, file::stat(&fd, &path)?.inode));
        }
    }
    Err(Error::Busy { what: path.display().to_string(), reason: "it comes and goes".into() })
}

/// Writes what every file begins with; only while the file has no name.
pub(crate) fn write_head(map: &Mapping, magic: u64, size: u64) {
    map.fill(head::MAGIC, &magic.to_le_bytes());
    map.fill(head::VERSION, &LAYOUT_VERSION.to_le_bytes());
    map.fill(head::PID, &process_id().to_le_bytes());
    map.fill(head::SIZE, &size.to_le_bytes());
}

/// Checks that a file is one of ours and of this layout; returns its size.
pub(crate) fn check_file(fd: impl AsFd, path: &Path, magic: u64, size: Option<u64>) -> Result<u64> {
    let refuse = |reason: String| Err(Error::Refused { path: path.to_owned(), reason });
    let fd = fd.as_fd();
    let stat = file::stat(fd, path)?;
    if let Some(reason) = file::untrusted(&stat) {
        return refuse(reason);
    }
    let mut bytes = [0; head::BYTES];
    if file::read_at(fd, 0, &mut bytes, path)? < head::BYTES {
        return refuse(format!("it has {} bytes, too few for a file of HORUS; remove it", stat.size));
    }
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let half = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    if word(head::MAGIC) != magic {
        let kinds = [MAGIC_TOPIC, MAGIC_PARTICIPANT, MAGIC_POOL, MAGIC_ROOT];
        return refuse(match kinds.contains(&word(head::MAGIC)) {
            true => "it is a file of HORUS, but of another kind; remove it".into(),
            false => "it is not a file of HORUS; remove it".into(),
        });
    }
    if half(head::VERSION) != LAYOUT_VERSION {
        return Err(Error::Layout {
            path: path.to_owned(),
            ours: LAYOUT_VERSION,
            theirs: half(head::VERSION),
            pid: half(head::PID),
            in_use: lock::held(fd, 0, lock::WHOLE, path)? != Held::Free,
            holders: Vec::new(),
        });
    }
    if word(head::SIZE) != stat.size || size.is_some_and(|size| size != stat.size) {
        return refuse(format!(
            "it has {} bytes, its header says {}; end who uses it, and remove it",
            stat.size,
            word(head::SIZE)
        ));
    }
    Ok(stat.size)
}

/// One namespace: a folder in which topics of one robot or project meet. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Namespace {
    root: Root,
    name: NamespaceName,
}

/// The folders of a namespace.
#[derive(Debug)]
pub(crate) struct Folders {
    pub(crate) topics: Dir,
    pub(crate) participants: Dir,
    pub(crate) pools: Dir,
}

pub(crate) const TOPICS: &str = "topics";
pub(crate) const PARTICIPANTS: &str = "participants";
pub(crate) const POOLS: &str = "pools";
pub(crate) const TOMBSTONES: &str = "tombstones";

impl Namespace {
    /// Opens the root and returns the namespace that the settings name, or else this terminal's.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::NoSession`], and what [`Root::open`] gives.
    pub fn open(settings: &Settings) -> Result<Self> {
        let name = match &settings.namespace {
            Some(name) => NamespaceName::new(name)?,
            None => session_namespace()?,
        };
        Ok(Self { root: Root::open(settings)?, name })
    }

    /// Returns its name.
    pub fn name(&self) -> &NamespaceName {
        &self.name
    }

    /// Returns the root it is in.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Asks whether the participant of this id lives now. One that has left, or that can't be read, doesn't.
    ///
    /// # Errors
    /// What opening the namespace's folders gives.
    pub fn is_alive(&self, participant: u64) -> Result<bool> {
        Ok(self.folders()?.is_some_and(|folders| peers::is_alive(&folders.participants, participant)))
    }

    /// Opens the same namespace again, for a forked child that lacks its parent's mappings, or after the root
    /// was removed and made anew.
    pub(crate) fn reopened(&self) -> Result<Self> {
        let settings = Settings { shm_dir: Some(self.root.path().to_owned()), namespace: None };
        Ok(Self { root: Root::open(&settings)?, name: self.name.clone() })
    }

    /// Opens its folders, or nothing when nobody ever joined, or all have left.
    pub(crate) fn folders(&self) -> Result<Option<Folders>> {
        let open = || {
            let dir = self.root.dir().open_dir(self.name.as_str())?;
            Ok(Folders {
                topics: dir.open_dir(TOPICS)?,
                participants: dir.open_dir(PARTICIPANTS)?,
                pools: dir.open_dir(POOLS)?,
            })
        };
        match open() {
            Ok(folders) => Ok(Some(folders)),
            Err(error) if Error::is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes and opens its folders. A cleaner may remove them at once: who links into them tries again.
    pub(crate) fn make_folders(&self) -> Result<Folders> {
        for _ in 0..1000 {
            let made = (|| {
                self.root.dir().make_dir(self.name.as_str())?;
                let dir = self.root.dir().open_dir(self.name.as_str())?;
                for name in [PARTICIPANTS, TOPICS, POOLS] {
                    dir.make_dir(name)?;
                }
                self.folders()
            })();
            match made {
                Ok(Some(folders)) => return Ok(folders),
                Ok(None) => {}
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Busy {
            what: format!("namespace '{}'", self.name),
            reason: "its folder comes and goes".into(),
        })
    }

    /// Opens the namespace's own folder, or nothing when it is gone.
    pub(crate) fn dir(&self) -> Result<Option<Dir>> {
        match self.root.dir().open_dir(self.name.as_str()) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Derives a namespace from the terminal's session: its id, its leader's start time and the PID namespace.
fn session_namespace() -> Result<NamespaceName> {
    let refuse = |reason: &str| Error::NoSession { reason: reason.into() };
    let session = nix::unistd::getsid(None).map_err(|_| refuse("the session can't be read"))?.as_raw();
    if session == 0 {
        return Err(refuse("its session was begun outside this PID namespace"));
    }
    let stat = std::fs::read_to_string(format!("/proc/{session}/stat"))
        .map_err(|_| refuse("the session's first process is gone or in another PID namespace"))?;
    // The name in parentheses may hold anything; the start time is the 20th field after it.
    let started = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().nth(19))
        .and_then(|field| field.parse::<u64>().ok())
        .ok_or_else(|| refuse("the start time of the session's first process can't be read"))?;
    NamespaceName::new(&format!("session-{session}-{started:x}-{:x}", pid_namespace()))
}

/// Returns this process's id.
pub(crate) fn process_id() -> u32 {
    #[cfg(shuttle)]
    return crate::sim::pid();
    #[cfg(not(shuttle))]
    std::process::id()
}

/// Returns the inode of this process's PID namespace, 0 where it can't be read.
pub(crate) fn pid_namespace() -> u64 {
    rustix::fs::stat("/proc/self/ns/pid").map_or(0, |stat| stat.st_ino)
}
