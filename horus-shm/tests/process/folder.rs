//! A root folder for shared memory that is one test's own.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A fresh folder of mode 0700 on `/dev/shm`, to be given to children as `HORUS_SHM_DIR`; removed with all in it
/// when dropped, also when the test panics.
#[derive(Debug)]
pub(crate) struct ShmFolder {
    path: PathBuf,
}

impl ShmFolder {
    /// Makes the folder. Its name holds this process's id and a count, so that tests run side by side.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only uniqueness counts.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/dev/shm/horus-test-{}-{count}", std::process::id()));
        // A killed run with the same process id may have left one.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::DirBuilder::new().mode(0o700).create(&path).expect("/dev/shm is writable");
        Self { path }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All files below it, as paths relative to it, sorted; folders end in `/`.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            // A folder or file may go while others clean.
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                let relative = entry.path().strip_prefix(&self.path).expect("is below").display().to_string();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    found.push(format!("{relative}/"));
                    folders.push(entry.path());
                } else {
                    found.push(relative);
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for ShmFolder {
    fn drop(&mut self) {
        // Dropped after the children (they are declared later in a test), so nobody makes files in it any more.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
