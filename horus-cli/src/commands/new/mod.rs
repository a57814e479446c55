//! `horus new`.

mod crates;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Make a folder with a Python node, a Rust node, a launch file and a test
///
/// A simulated robot in Python, and a controller in Rust that drives it to a goal. Both run at once. The Rust node
/// is built against the sources of HORUS that came with this command.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus new patrol
  horus new ~/robots/patrol --crates ~/src/horus")]
pub(crate) struct NewArgs {
    /// The folder to be made; its last part, letters, digits, - and _, is the project's name
    #[arg(value_name = "NAME")]
    name: PathBuf,
    /// The folder that holds horus-core, if not the one that came with this command
    #[arg(long, value_name = "DIR")]
    crates: Option<PathBuf>,
}

/// What the folder holds: a name, and a text in which `{{name}}` and `{{crates}}` stand for what is known only now.
const FILES: &[(&str, &str)] = &[
    ("README.md", include_str!("template/README.md.in")),
    ("robot.py", include_str!("template/robot.py")),
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("src/main.rs", include_str!("template/src/main.rs")),
    ("launch.yaml", include_str!("template/launch.yaml")),
    ("test_nodes.py", include_str!("template/test_nodes.py")),
    (".gitignore", include_str!("template/gitignore")),
];

/// As long as a node's name may be.
const NAME_MAX: usize = 64;

pub(crate) fn run(args: NewArgs, output: &mut Output) -> Result<Exit, Failure> {
    let name = project_name(&args.name)?;
    let crates = match args.crates {
        Some(folder) => crates::given(&folder)?,
        None => crates::own()?,
    };
    make(&args.name, &name, &crates)?;
    for (file, _) in FILES {
        output.line(&args.name.join(file).display().to_string())?;
    }
    output.flush()?;
    let folder = args.name.display();
    output.note(&format!("next: cd {folder}; cargo build; horus launch launch.yaml"));
    Ok(Exit::Ok)
}

/// Returns the last part of the path, if a Cargo package and a Python test may be called that.
fn project_name(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let refuse = |reason: &str| {
        Err(Failure::new(Exit::Usage, format!("'{shown}' can't be a project's name: {reason}"))
            .hint("a letter, then letters, digits, - and _, at most 64: patrol, arm-control"))
    };
    // `..` and `/` have no last part.
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return refuse("it ends in no name");
    };
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return refuse("it doesn't begin with a letter");
    }
    if let Some(odd) = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"-_".contains(*c)) {
        return refuse(&format!("it holds {odd:?}"));
    }
    if name.len() > NAME_MAX {
        return refuse(&format!("it has {} characters", name.len()));
    }
    if name == "horus" || name.starts_with("horus-") {
        return refuse("it would be taken for a part of HORUS");
    }
    Ok(name.to_owned())
}

/// Makes the folder with all its files, or nothing.
fn make(folder: &Path, name: &str, crates: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    fs::create_dir(folder).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(Exit::State, format!("'{shown}' is there already"))
            .hint("choose another name, or remove it"),
        io::ErrorKind::NotFound => {
            let parent = folder.parent().unwrap_or(folder).display();
            Failure::new(Exit::NotFound, format!("'{shown}' can't be made: no folder '{parent}'"))
                .hint(format!("make it first: mkdir -p {parent}"))
        }
        io::ErrorKind::PermissionDenied => {
            Failure::new(Exit::Permission, format!("'{shown}' can't be made: {error}"))
        }
        _ => Failure::new(Exit::Failed, format!("'{shown}' can't be made: {error}")),
    })?;
    fill(folder, name, crates).map_err(|error| {
        // Half a project is of no use; that it was made is a moment ago, so all in it is ours.
        let _ = fs::remove_dir_all(folder);
        Failure::new(Exit::Failed, format!("'{shown}' can't be filled: {error}"))
    })
}

fn fill(folder: &Path, name: &str, crates: &Path) -> io::Result<()> {
    fs::create_dir(folder.join("src"))?;
    let core = toml_string(&crates.join("horus-core").display().to_string());
    for (file, text) in FILES {
        fs::write(folder.join(file), text.replace("{{name}}", name).replace("{{crates}}", &core))?;
    }
    // The versions that HORUS was tested with; cargo drops what isn't needed.
    match fs::read(crates.join("Cargo.lock")) {
        Ok(lock) => fs::write(folder.join("Cargo.lock"), lock),
        Err(_) => Ok(()),
    }
}

/// Returns text as a string of TOML.
fn toml_string(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cargo_or_python_would_choke_on_are_refused() {
        for good in ["patrol", "a", "Arm_2", "deep/arm-control", "/tmp/x9", "dir/"] {
            assert!(project_name(Path::new(good)).is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", ".", "..", "/", "9a", "-a", "a b", "a.b", "ö", "horus", "horus-core", &long] {
            assert!(project_name(Path::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_can_t_leave_its_string() {
        assert_eq!(toml_string("/a \"b\\c\n"), "\"/a \\\"b\\\\c\\u000A\"");
    }
}
