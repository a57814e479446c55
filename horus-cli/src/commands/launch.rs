//! `horus launch`: the processes of a launch file under supervision.

use super::run::{prepare, supervise};
use crate::GlobalArgs;
use crate::context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::usage::is_launch_word;
use horus_launch::policy::STATUS_INTERRUPTED;
use horus_launch::{LaunchFile, LaunchFileError, Search, Surroundings};
use horus_shm::NamespaceName;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Start the processes of a launch file, watch them, and start again what crashes
///
/// The file lists nodes, each with a name and a command; `horus run x.py` as a command is started directly. All share
/// one namespace: --namespace, else the file's, else HORUS_NAMESPACE, else the session's name. A node that fails is
/// started again three times in a row, after 0.1 s, 0.2 s and 0.4 s, unless the file says otherwise. Ctrl+C or SIGTERM
/// stops all of them: SIGTERM, 5 s of grace, SIGKILL.
///
/// Nothing starts if anything in the file is wrong; every fault is shown with its place.
///
/// The exit status is 0 if all ended well or were stopped, 1 if a node gave up, 2 if the file is wrong, 130 after a
/// second Ctrl+C.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus launch robot.yaml
  horus launch robot.yaml -n lab

robot.yaml:
  nodes:
    - name: sensor
      cmd: horus run sensor.py
    - name: controller
      cmd: horus run controller.py
      restart: always")]
pub(crate) struct LaunchArgs {
    /// The launch file, in YAML
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(args: LaunchArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let surroundings = Surroundings {
        var: &|name| std::env::var(name).ok(),
        namespace: global.namespace.clone(),
        namespace_default: context::settings(global).namespace,
    };
    let file = LaunchFile::read(&args.file, &surroundings)?;
    let namespace = NamespaceName::new(file.namespace()).map_err(|error| match file.namespace {
        Some(_) => Failure::from(error),
        None => Failure::from(error)
            .hint("it is the file's name: write `name:` or `namespace:` into it, or use -n"),
    })?;
    let plan = file.plan(&Search::from_env()?).map_err(|(node, error)| {
        let hints = error.hints();
        let told = Failure::new(Exit::Usage, format!("node '{node}': {error}"));
        hints.into_iter().fold(told, Failure::hint)
    })?;
    if let Some(node) = plan.nodes.iter().find(|node| node.cwd.as_ref().is_some_and(|cwd| !cwd.is_dir())) {
        let cwd = node.cwd.as_deref().unwrap_or(&args.file).display();
        return Err(Failure::new(Exit::Usage, format!("node '{}': there is no folder {cwd}", node.name)));
    }
    let root = prepare(global, output);
    output.note(&format!("session: {}, namespace: {namespace}", file.name));
    match supervise(plan, root.map(|root| (root, namespace)), output)? {
        Exit::Child(0) => Ok(Exit::Ok),
        Exit::Child(STATUS_INTERRUPTED) => Ok(Exit::Child(STATUS_INTERRUPTED)),
        _ => Ok(Exit::Failed),
    }
}

impl From<LaunchFileError> for Failure {
    fn from(error: LaunchFileError) -> Failure {
        match &error {
            LaunchFileError::Read { path, source } => told_unreadable(path, source),
            _ => Failure::new(Exit::Usage, error.to_string()).hint("nothing was started"),
        }
    }
}

/// Says why a launch file can't be read.
fn told_unreadable(path: &Path, source: &io::Error) -> Failure {
    let shown = path.display();
    match source.kind() {
        ErrorKind::NotFound if path.to_str().is_some_and(is_launch_word) => Failure::new(
            Exit::Usage,
            format!("'horus launch {shown}' isn't built yet, and no file is named so"),
        )
        .hint("name a launch file: horus launch robot.yaml"),
        ErrorKind::NotFound => Failure::new(Exit::NotFound, format!("launch file '{shown}' not found")),
        ErrorKind::IsADirectory => {
            Failure::new(Exit::Usage, format!("'{shown}' is a folder")).hint("name a launch file in it")
        }
        ErrorKind::InvalidData => {
            Failure::new(Exit::Usage, format!("'{shown}' is no launch file: it isn't UTF-8 text"))
        }
        ErrorKind::PermissionDenied => {
            Failure::new(Exit::Permission, format!("'{shown}' can't be read: {source}"))
        }
        _ => Failure::new(Exit::Usage, format!("'{shown}' can't be read: {source}")),
    }
}
