//! Whether systemd-logind removes a user's shared memory when the last session ends (`RemoveIPC`).

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Where systemd looks for its settings, what wins first.
const FOLDERS: [&str; 4] = ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];

/// Below this a user is the system's own, whose shared memory logind leaves alone: the greatest `SYS_UID_MAX` that
/// distributions build systemd with.
const FIRST_USER: u32 = 1000;

/// What decides whether shared memory outlives a logout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Removal {
    /// No logind runs here.
    NoLogind,
    /// This user's is never removed.
    SystemUser,
    /// This user lingers: logind counts the user as logged in for good.
    Lingers,
    /// The settings say no.
    Off,
    /// It is removed when the user's last session ends.
    AtLogout,
}

/// Returns where the system's files are looked for: `/`, or, for tests, the folder that HORUS_SYSTEM_ROOT names.
pub(crate) fn system_root() -> PathBuf {
    env::var_os("HORUS_SYSTEM_ROOT").map_or_else(|| "/".into(), PathBuf::from)
}

/// Looks at the settings below `root` for a user.
pub(crate) fn removal(root: &Path, uid: u32, user: Option<&str>) -> Removal {
    if !root.join("run/systemd/seats").is_dir() {
        return Removal::NoLogind;
    }
    if uid < FIRST_USER {
        return Removal::SystemUser;
    }
    if user.is_some_and(|user| root.join("var/lib/systemd/linger").join(user).exists()) {
        return Removal::Lingers;
    }
    // On unless told otherwise.
    if remove_ipc(&settings(root)).unwrap_or(true) { Removal::AtLogout } else { Removal::Off }
}

/// Returns the texts of the settings in the order in which later ones win: the first `logind.conf` there is, then all
/// drop-ins by name; one folder's drop-in stands for those of the same name in the folders after it.
fn settings(root: &Path) -> Vec<String> {
    let folders: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    let main = folders.iter().map(|folder| folder.join("logind.conf")).find(|path| path.exists());
    let mut drop_ins: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for folder in &folders {
        for entry in fs::read_dir(folder.join("logind.conf.d")).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "conf") {
                drop_ins.entry(entry.file_name()).or_insert_with(|| entry.path());
            }
        }
    }
    // What can't be read says nothing; a link to /dev/null, which hides a file of that name, is empty.
    main.into_iter().chain(drop_ins.into_values()).filter_map(|path| fs::read_to_string(path).ok()).collect()
}

/// Returns what the last valid word on `RemoveIPC` in the section `[Login]` is.
fn remove_ipc(texts: &[String]) -> Option<bool> {
    let mut found = None;
    for text in texts {
        let mut in_section = false;
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
            if let Some(section) = line.strip_prefix('[') {
                in_section = section.trim_end_matches(']') == "Login";
            } else if let Some((key, value)) = line.split_once('=')
                && in_section
                && key.trim() == "RemoveIPC"
            {
                found = boolean(value.trim()).or(found);
            }
        }
    }
    found
}

fn boolean(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A system with logind, and these files.
    fn system(files: &[(&str, &str)]) -> TempDir {
        let dir = TempDir::new().unwrap();
        fs::create_dir_all(dir.path().join("run/systemd/seats")).unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn told(files: &[(&str, &str)]) -> Removal {
        removal(system(files).path(), 1000, Some("ann"))
    }

    #[test]
    fn it_is_on_unless_somebody_says_no() {
        assert_eq!(told(&[]), Removal::AtLogout);
        assert_eq!(told(&[("etc/systemd/logind.conf", "[Login]\n#RemoveIPC=no\n")]), Removal::AtLogout);
        assert_eq!(told(&[("etc/systemd/logind.conf", "[Login]\nRemoveIPC = no\n")]), Removal::Off);
        assert_eq!(told(&[("etc/systemd/logind.conf", "[Other]\nRemoveIPC=no\n")]), Removal::AtLogout);
        assert_eq!(told(&[("etc/systemd/logind.conf", "[Login]\nRemoveIPC=perhaps\n")]), Removal::AtLogout);
    }

    #[test]
    fn drop_ins_win_by_name_and_folders_by_rank() {
        let vendor = ("usr/lib/systemd/logind.conf", "[Login]\nRemoveIPC=no\n");
        assert_eq!(told(&[vendor]), Removal::Off);
        assert_eq!(told(&[vendor, ("etc/systemd/logind.conf", "[Login]\n")]), Removal::AtLogout);
        let early = ("etc/systemd/logind.conf.d/10-a.conf", "[Login]\nRemoveIPC=yes\n");
        let late = ("usr/lib/systemd/logind.conf.d/90-b.conf", "[Login]\nRemoveIPC=off\n");
        assert_eq!(told(&[vendor, early]), Removal::AtLogout);
        assert_eq!(told(&[vendor, early, late]), Removal::Off);
        let hides = ("etc/systemd/logind.conf.d/90-b.conf", "");
        assert_eq!(told(&[vendor, early, late, hides]), Removal::AtLogout);
        assert_eq!(
            told(&[early, ("etc/systemd/logind.conf.d/99.txt", "[Login]\nRemoveIPC=0\n")]),
            Removal::AtLogout
        );
    }

    #[test]
    fn not_everybody_s_is_removed() {
        let system = system(&[("var/lib/systemd/linger/ann", "")]);
        assert_eq!(removal(system.path(), 1000, Some("ann")), Removal::Lingers);
        assert_eq!(removal(system.path(), 1001, Some("bob")), Removal::AtLogout);
        assert_eq!(removal(system.path(), 0, Some("root")), Removal::SystemUser);
        assert_eq!(removal(TempDir::new().unwrap().path(), 1000, None), Removal::NoLogind);
    }
}
