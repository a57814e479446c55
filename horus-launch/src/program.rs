//! From a name on the command line to the program it means.

use crate::error::FindError;
use std::collections::BTreeSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A program that was found, ready to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// What to call it: the file's stem, the program's or the recipe's name.
    pub name: String,
    /// The executable; absolute.
    pub executable: PathBuf,
    /// What it gets, without its own name: the script first if it is an interpreter.
    pub args: Vec<OsString>,
}

impl Program {
    /// Returns whether a Python interpreter runs it.
    pub fn is_python(&self) -> bool {
        self.args.first().is_some_and(|script| Path::new(script).extension() == Some(OsStr::new("py")))
    }
}

/// A program that is found by its name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The name of its folder.
    pub name: String,
    /// Its `recipe.py`, else its `launch.yaml`.
    pub file: PathBuf,
}

/// Where programs are looked for; a value, so that nothing here depends on the process's surroundings.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The working directory; absolute.
    pub cwd: PathBuf,
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
    /// An activated virtual environment (`VIRTUAL_ENV`).
    pub virtual_env: Option<PathBuf>,
    /// The virtual environment that this very program is installed in, if it is in one.
    pub own_env: Option<PathBuf>,
    /// Where cargo builds to, if not to `target` (`CARGO_TARGET_DIR`).
    pub target_dir: Option<PathBuf>,
    /// Where recipes are (`$XDG_DATA_HOME/horus/recipes`).
    pub recipes: Option<PathBuf>,
}

impl Search {
    /// Returns what this process's environment says.
    ///
    /// # Errors
    /// When the working directory is gone or can't be read.
    pub fn from_env() -> io::Result<Search> {
        let var = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let data_home = var("XDG_DATA_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| var("HOME").map(|home| PathBuf::from(home).join(".local/share")));
        let own_env = env::current_exe().ok().and_then(|exe| {
            let env = exe.parent()?.parent()?.to_path_buf();
            env.join("pyvenv.cfg").is_file().then_some(env)
        });
        Ok(Search {
            cwd: env::current_dir()?,
            path: var("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default(),
            virtual_env: var("VIRTUAL_ENV").map(PathBuf::from),
            own_env,
            target_dir: var("CARGO_TARGET_DIR").map(PathBuf::from),
            recipes: data_home.map(|home| home.join("horus/recipes")),
        })
    }

    /// Returns the program that `name` means: a `.py` file with the project's Python, an executable file as it is,
    /// a bare name from `target/release` or `target/debug` of the working directory or above, then from `PATH`,
    /// then from the recipes.
    ///
    /// # Errors
    /// [`FindError`], which knows what else there is of that name.
    pub fn find(&self, name: &str) -> Result<Program, FindError> {
        let path = self.cwd.join(name);
        if path.is_file() {
            return self.file(&path);
        }
        let has_folder = name.contains('/');
        if path.is_dir() && (has_folder || name == "." || name == "..") {
            return Err(FindError::NotRunnable {
                path: name.into(),
                reason: "is a folder".into(),
                hint: "name a .py file or an executable in it".into(),
            });
        }
        if !has_folder
            && !name.is_empty()
            && Path::new(name).extension() != Some(OsStr::new("py"))
            && let Some(found) = self.bare(name)
        {
            return found;
        }
        Err(self.not_found(name))
    }

    /// Returns the program that a command's first word means, and its arguments. `horus run FILE` means what it would
    /// become, so that no second supervisor stands between.
    ///
    /// # Errors
    /// As [`Search::find`].
    pub fn command(&self, words: &[String]) -> Result<(Program, Vec<OsString>), FindError> {
        let (program, rest) = match words {
            [horus, run, file] if horus == "horus" && run == "run" => (self.find(file)?, &[][..]),
            [horus, run, file, dashes, rest @ ..] if horus == "horus" && run == "run" && dashes == "--" => {
                (self.find(file)?, rest)
            }
            [program, rest @ ..] => (self.find(program)?, rest),
            [] => return Err(self.not_found("")),
        };
        Ok((program, rest.iter().map(OsString::from).collect()))
    }

    fn file(&self, path: &Path) -> Result<Program, FindError> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension() == Some(OsStr::new("py")) {
            return Ok(Program { name, executable: self.python(path)?, args: vec![path.into()] });
        }
        if executable(path) {
            return Ok(Program { name, executable: path.into(), args: Vec::new() });
        }
        let extension = path.extension().and_then(OsStr::to_str);
        let shown = path.strip_prefix(&self.cwd).unwrap_or(path).display().to_string();
        let (reason, hint) = match extension {
            Some("yaml" | "yml") => {
                ("is a launch file, not a program", format!("start it with: horus launch {shown}"))
            }
            _ => ("is not executable", format!("make it so with: chmod +x {shown}")),
        };
        Err(FindError::NotRunnable { path: shown.into(), reason: reason.into(), hint })
    }

    /// Returns the Python for a script: of a `.venv` beside or above it, or of the working directory or above, of
    /// the active virtual environment, of the one that this program is installed in, else of `PATH`.
    ///
    /// # Errors
    /// [`FindError::NoPython`].
    pub fn python(&self, script: &Path) -> Result<PathBuf, FindError> {
        let folder = script.parent().unwrap_or(&self.cwd);
        // The script's real place counts too: a link to a script in a project means that project.
        let real = fs::canonicalize(script).ok();
        let real_folder = real.as_deref().and_then(Path::parent).filter(|real| *real != folder);
        let projects = folder.ancestors().chain(real_folder.into_iter().flat_map(Path::ancestors));
        let envs = projects.chain(self.cwd.ancestors()).map(|project| project.join(".venv"));
        let active = [&self.virtual_env, &self.own_env].into_iter().flatten().cloned();
        for env in envs.chain(active) {
            for python in ["bin/python3", "bin/python"] {
                let python = env.join(python);
                if executable(&python) {
                    return Ok(python);
                }
            }
        }
        self.in_path("python3").ok_or_else(|| FindError::NoPython {
            path: script.into(),
            looked_in: vec![
                ".venv of the file's folder and above".into(),
                "VIRTUAL_ENV".into(),
                "PATH".into(),
            ],
        })
    }

    fn bare(&self, name: &str) -> Option<Result<Program, FindError>> {
        let built =
            self.build_folders().into_iter().map(|folder| folder.join(name)).find(|path| executable(path));
        if let Some(path) = built.or_else(|| self.in_path(name)) {
            return Some(Ok(Program { name: name.into(), executable: path, args: Vec::new() }));
        }
        let recipe = recipe_file(&self.recipes.as_ref()?.join(name))?;
        Some(self.file(&recipe).map(|program| Program { name: name.into(), ..program }))
    }

    /// Returns the recipes, sorted by name. A folder that isn't there or may not be read has none.
    pub fn recipes(&self) -> Vec<Recipe> {
        let folders = self.recipes.iter().flat_map(|recipes| entries(recipes));
        let recipes = folders.filter_map(|folder| {
            let name = folder.file_name()?.to_string_lossy().into_owned();
            Some(Recipe { name, file: recipe_file(&folder)? })
        });
        let mut recipes: Vec<_> = recipes.collect();
        recipes.sort_by(|a, b| a.name.cmp(&b.name));
        recipes
    }

    /// Returns where cargo leaves programs, nearest first; `release` before `debug`.
    fn build_folders(&self) -> Vec<PathBuf> {
        let set = self.target_dir.iter().map(|target| self.cwd.join(target));
        set.chain(self.cwd.ancestors().map(|folder| folder.join("target")))
            .flat_map(|target| [target.join("release"), target.join("debug")])
            .collect()
    }

    fn in_path(&self, name: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| self.cwd.join(folder).join(name)).find(|path| executable(path))
    }

    fn not_found(&self, name: &str) -> FindError {
        let mut looked_in = vec![match Path::new(name).parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.display().to_string(),
            _ => self.cwd.display().to_string(),
        }];
        if !name.contains('/') && !name.ends_with(".py") {
            looked_in.extend(["target/release", "target/debug", "PATH"].map(String::from));
            looked_in.extend(self.recipes.as_ref().map(|recipes| recipes.display().to_string()));
        }
        FindError::NotFound { name: name.into(), looked_in, similar: self.similar(name) }
    }

    /// Returns what could have been meant: scripts and programs of the folder, built programs and recipes.
    fn similar(&self, name: &str) -> Vec<String> {
        let given = Path::new(name);
        let folder = given.parent().unwrap_or(Path::new(""));
        let mut there: BTreeSet<String> = BTreeSet::new();
        for path in entries(&self.cwd.join(folder)) {
            let is_program =
                path.is_file() && (path.extension() == Some(OsStr::new("py")) || executable(&path));
            if let (true, Some(file)) = (is_program, path.file_name()) {
                there.insert(folder.join(file).display().to_string());
            }
        }
        if folder.as_os_str().is_empty() {
            let built = self.build_folders().into_iter().flat_map(|folder| entries(&folder));
            for path in built.filter(|path| executable(path)) {
                there.extend(path.file_name().map(|file| file.to_string_lossy().into_owned()));
            }
            there.extend(self.recipes().into_iter().map(|recipe| recipe.name));
        }
        closest(name, there)
    }
}

/// Returns what a recipe's folder holds to be run.
fn recipe_file(folder: &Path) -> Option<PathBuf> {
    ["recipe.py", "launch.yaml"].iter().map(|file| folder.join(file)).find(|path| path.is_file())
}

/// Returns those of `names` that are close enough to `name` to be a slip of the keyboard, best first.
fn closest(name: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let stem = |name: &str| name.strip_suffix(".py").unwrap_or(name).to_lowercase();
    let mut scored: Vec<_> = names
        .into_iter()
        .map(|other| (strsim::jaro_winkler(&stem(name), &stem(&other)), other))
        // Below this, words share little but their first letter.
        .filter(|(score, _)| *score > 0.85)
        .collect();
    scored.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    scored.into_iter().map(|(_, other)| other).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    // A folder that isn't there or may not be read has nothing to suggest.
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn put(path: &Path, mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A project in `work/deep`, a `PATH` of one folder with a `python3`.
    fn place() -> (TempDir, Search) {
        let dir = TempDir::new().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        put(&root.join("bin/python3"), 0o755);
        fs::create_dir_all(root.join("work/deep")).unwrap();
        let search = Search {
            cwd: root.join("work/deep"),
            path: vec![root.join("bin")],
            recipes: Some(root.join("data/horus/recipes")),
            ..Search::default()
        };
        (dir, search)
    }

    #[test]
    fn a_script_runs_with_the_nearest_virtual_environment() {
        let (_dir, mut search) = place();
        let root = search.cwd.ancestors().nth(2).unwrap().to_path_buf();
        put(&search.cwd.join("node.py"), 0o644);
        assert_eq!(search.find("node.py").unwrap().executable, root.join("bin/python3"));
        put(&root.join("own/bin/python3"), 0o755);
        search.own_env = Some(root.join("own"));
        assert_eq!(search.find("node.py").unwrap().executable, root.join("own/bin/python3"));
        put(&root.join("active/bin/python"), 0o755);
        search.virtual_env = Some(root.join("active"));
        assert_eq!(search.find("node.py").unwrap().executable, root.join("active/bin/python"));
        put(&root.join("work/.venv/bin/python3"), 0o755);
        let found = search.find("node.py").unwrap();
        assert_eq!(found.executable, root.join("work/.venv/bin/python3"));
        assert_eq!((found.name.as_str(), found.args), ("node", vec![search.cwd.join("node.py").into()]));
    }

    #[test]
    fn the_file_s_own_project_wins_over_the_working_directory() {
        let (_dir, search) = place();
        let root = search.cwd.ancestors().nth(2).unwrap().to_path_buf();
        put(&search.cwd.join(".venv/bin/python3"), 0o755);
        put(&root.join("other/.venv/bin/python3"), 0o755);
        put(&root.join("other/src/node.py"), 0o644);
        let found = search.find("../../other/src/node.py").unwrap();
        assert_eq!(fs::canonicalize(found.executable).unwrap(), root.join("other/.venv/bin/python3"));
    }

    #[test]
    fn a_bare_name_prefers_release_then_debug_then_path_then_recipe() {
        let (_dir, search) = place();
        let root = search.cwd.ancestors().nth(2).unwrap().to_path_buf();
        put(&root.join("data/horus/recipes/motor/recipe.py"), 0o644);
        let recipe = search.find("motor").unwrap();
        assert_eq!((recipe.name.as_str(), recipe.is_python()), ("motor", true));
        for place in ["bin/motor", "work/target/debug/motor", "work/target/release/motor"] {
            put(&root.join(place), 0o755);
            assert_eq!(search.find("motor").unwrap().executable, root.join(place));
        }
        put(&search.cwd.join("motor"), 0o755);
        assert_eq!(search.find("motor").unwrap().executable, search.cwd.join("motor"));
    }

    #[test]
    fn horus_run_in_a_command_is_what_it_would_become() {
        let (_dir, search) = place();
        let root = search.cwd.ancestors().nth(2).unwrap().to_path_buf();
        put(&search.cwd.join("node.py"), 0o644);
        put(&root.join("bin/horus"), 0o755);
        let command = |text: &str| {
            let words: Vec<String> = text.split(' ').map(String::from).collect();
            let (program, args) = search.command(&words).unwrap();
            (program.name, args)
        };
        assert_eq!(command("horus run node.py"), ("node".into(), vec![]));
        assert_eq!(
            command("horus run node.py -- --rate 5"),
            ("node".into(), vec!["--rate".into(), "5".into()])
        );
        // With options of its own, or several files, it is a supervisor after all.
        assert_eq!(command("horus run --restart node.py").0, "horus");
        assert_eq!(command("python3 node.py"), ("python3".into(), vec!["node.py".into()]));
    }

    #[test]
    fn what_can_t_be_run_says_what_to_do() {
        let (_dir, search) = place();
        let root = search.cwd.ancestors().nth(2).unwrap().to_path_buf();
        put(&search.cwd.join("start.sh"), 0o644);
        put(&search.cwd.join("robot.yaml"), 0o644);
        put(&root.join("data/horus/recipes/patrol/launch.yaml"), 0o644);
        let hint = |name: &str| search.find(name).unwrap_err().hints().join("; ");
        assert_eq!(hint("start.sh"), "make it so with: chmod +x start.sh");
        assert_eq!(hint("robot.yaml"), "start it with: horus launch robot.yaml");
        assert!(hint("patrol").starts_with("start it with: horus launch /"));
        assert!(matches!(search.find(".."), Err(FindError::NotRunnable { .. })));
        assert!(matches!(search.find(""), Err(FindError::NotFound { .. })));
    }

    #[test]
    fn a_slip_is_met_with_what_is_there() {
        let (_dir, search) = place();
        put(&search.cwd.join("controller.py"), 0o644);
        put(&search.cwd.join("target/release/motor_controller"), 0o755);
        put(&search.cwd.join("target/release/deps.d"), 0o644);
        let similar = |name: &str| match search.find(name) {
            Err(FindError::NotFound { similar, .. }) => similar,
            other => panic!("{other:?}"),
        };
        assert_eq!(similar("controler.py"), ["controller.py"]);
        assert_eq!(similar("controller"), ["controller.py"]);
        assert_eq!(similar("motor_controler"), ["motor_controller"]);
        assert!(similar("quite_other").is_empty());
    }

    #[test]
    fn without_any_python_the_error_says_where_it_looked() {
        let (_dir, mut search) = place();
        search.path.clear();
        put(&search.cwd.join("node.py"), 0o644);
        // A `.venv` above the temporary folder would be somebody else's, and would be used.
        match search.find("node.py") {
            Err(FindError::NoPython { looked_in, .. }) => assert_eq!(looked_in.len(), 3),
            other => panic!("{other:?}"),
        }
    }
}
