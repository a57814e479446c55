//! Where the Rust crates of HORUS are, for projects that build against them.

use crate::exit::Exit;
use crate::failure::Failure;
use std::env;
use std::path::{Path, PathBuf};

/// Returns a folder that was named, absolute, if it holds the crates.
pub(super) fn given(folder: &Path) -> Result<PathBuf, Failure> {
    let shown = folder.display();
    match folder.canonicalize() {
        Ok(absolute) if holds_crates(&absolute) => Ok(absolute),
        _ => Err(Failure::new(Exit::NotFound, format!("'{shown}' holds no horus-core"))
            .hint("name a checkout of HORUS, or PREFIX/share/horus/rust of an installed one")),
    }
}

/// Returns those that came with this command.
pub(super) fn own() -> Result<PathBuf, Failure> {
    let exe = env::current_exe()?;
    beside(&exe).or_else(built_from).ok_or_else(|| {
        Failure::new(Exit::NotFound, "the Rust crates of HORUS are not beside this command")
            .hint("name a folder that holds them: --crates DIR")
    })
}

/// Returns the crates that were installed with an executable, or of the checkout that it was built in.
fn beside(exe: &Path) -> Option<PathBuf> {
    let installed = exe.parent()?.parent()?.join("share/horus/rust");
    let above = exe.ancestors().skip(1).map(Path::to_path_buf);
    std::iter::once(installed).chain(above).find(|folder| holds_crates(folder))
}

/// Returns the checkout that a build for development came from, wherever that was built to.
fn built_from() -> Option<PathBuf> {
    if !cfg!(debug_assertions) {
        return None;
    }
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    holds_crates(checkout).then(|| checkout.to_path_buf())
}

fn holds_crates(folder: &Path) -> bool {
    folder.join("horus-core/Cargo.toml").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn installed_crates_win_over_those_of_a_checkout() {
        let dir = tempfile::TempDir::new().unwrap();
        let put = |folder: &str| {
            fs::create_dir_all(dir.path().join(folder).join("horus-core")).unwrap();
            fs::write(dir.path().join(folder).join("horus-core/Cargo.toml"), "").unwrap();
        };
        let exe = dir.path().join("checkout/target/venv/bin/horus");
        assert_eq!(beside(&exe), None);
        put("checkout");
        assert_eq!(beside(&exe), Some(dir.path().join("checkout")));
        put("checkout/target/venv/share/horus/rust");
        assert_eq!(beside(&exe), Some(dir.path().join("checkout/target/venv/share/horus/rust")));
        assert!(given(&dir.path().join("checkout")).is_ok() && given(dir.path()).is_err());
    }
}
