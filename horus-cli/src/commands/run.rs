//! `horus run`: one program in our place, or several under supervision.

use crate::GlobalArgs;
use crate::commands::doctor::{REMOVE_IPC_ADVICE, REMOVE_IPC_FOUND};
use crate::context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::logind::{self, Removal};
use crate::output::Output;
use horus_launch::policy::RestartPolicy;
use horus_launch::{Exit as Ended, NodePlan, OutputOptions, Plan, Search, Supervisor, replace};
use horus_shm::{Error, Namespace, NamespaceName, Root, now_ns, tell_end};
use std::ffi::OsString;
use std::io;

/// Run Python files and programs
///
/// A .py file runs with the project's Python (a .venv beside or above the file or the working directory,
/// VIRTUAL_ENV, then python3), an executable file as it is, a bare name from target/release, target/debug, PATH, or
/// the recipes.
///
/// One FILE takes this command's place (same process). Several are supervised: their output is shown line by line
/// behind their names, they share one namespace, and Ctrl+C or SIGTERM stops all of them: SIGTERM, 5 s of grace,
/// SIGKILL. A second Ctrl+C kills them at once.
///
/// The exit status is the program's, 128 and the signal's number if one ended it; with several the first that isn't
/// 0; 130 after a second Ctrl+C.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  horus run camera.py
  horus run camera.py detector.py controller.py
  horus run motor_controller --restart
  horus run sensor.py --env RATE=50 -- --device /dev/ttyUSB0")]
pub(crate) struct RunArgs {
    /// A .py file, an executable file, or the name of a program
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Start a program again when it fails: 3 times in a row, after 0.1 s, 0.2 s and 0.4 s
    #[arg(long)]
    restart: bool,
    /// Set a variable in the programs' environment
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    env: Vec<(OsString, OsString)>,
    /// Arguments for the programs
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

pub(crate) fn run(args: RunArgs, global: &GlobalArgs, output: &mut Output) -> Result<Exit, Failure> {
    let search = Search::from_env()?;
    let programs = args.files.iter().map(|file| search.find(file)).collect::<Result<Vec<_>, _>>()?;
    let mut plan = Plan::new(programs);
    let is_supervised = args.restart || plan.nodes.len() > 1;
    let namespace = namespace(global, is_supervised)?;
    for node in &mut plan.nodes {
        node.args.clone_from(&args.args);
        node.env.clone_from(&args.env);
        node.env.extend(namespace.iter().map(|name| ("HORUS_NAMESPACE".into(), name.into())));
        if args.restart {
            node.restart = RestartPolicy::on_failure();
        }
    }
    let root = prepare(global, output);
    match (&plan.nodes[..], namespace) {
        ([only], _) if !is_supervised => Err(cannot_start(only, &replace(only))),
        (_, Some(namespace)) => {
            output.note(&format!("namespace: {namespace}"));
            let place = root.zip(NamespaceName::new(&namespace).ok());
            supervise(plan, place, output)
        }
        (_, None) => supervise(plan, None, output),
    }
}

/// Cleans up and warns before anything is started. Nothing comes back for a folder that can't be opened: the node that
/// needs it tells, and a program that uses no topics does without.
pub(super) fn prepare(global: &GlobalArgs, output: &Output) -> Option<Root> {
    let root = Root::open(&context::settings(global)).ok();
    if let Some(root) = &root {
        context::clean(root, output);
    }
    warn_of_removal(output);
    root
}

/// Warns where shared memory won't outlive this user's logout: a robot started over ssh stops talking when the
/// connection ends.
fn warn_of_removal(output: &Output) {
    let uid = rustix::process::getuid().as_raw();
    let user = context::user_name(uid);
    if logind::removal(&logind::system_root(), uid, user.as_deref()) == Removal::AtLogout {
        output.warning(REMOVE_IPC_FOUND);
        output.hint(REMOVE_IPC_ADVICE);
    }
}

/// Returns the namespace to hand to the programs: what was given, for several else this terminal's, or without a
/// terminal a new one, so that they meet. A single program finds its own if none was given.
fn namespace(global: &GlobalArgs, is_supervised: bool) -> Result<Option<String>, Failure> {
    let settings = context::settings(global);
    match (&settings.namespace, is_supervised) {
        (Some(given), _) => Ok(Some(NamespaceName::new(given)?.to_string())),
        (None, false) => Ok(None),
        (None, true) => match Namespace::open(&settings) {
            Ok(namespace) => Ok(Some(namespace.name().to_string())),
            // The process id alone comes again; with the time it names this run.
            Err(Error::NoSession { .. }) => Ok(Some(format!("run-{}-{}", std::process::id(), now_ns()))),
            Err(error) => Err(error.into()),
        },
    }
}

pub(super) fn supervise(
    mut plan: Plan,
    place: Option<(Root, NamespaceName)>,
    output: &mut Output,
) -> Result<Exit, Failure> {
    for node in &mut plan.nodes {
        // Into a pipe Python would keep its lines for itself until it has 8 KiB of them.
        let unset = std::env::var_os("PYTHONUNBUFFERED").is_none();
        if unset && node.program.is_python() && !node.env.iter().any(|(key, _)| key == "PYTHONUNBUFFERED") {
            node.env.push(("PYTHONUNBUFFERED".into(), "1".into()));
        }
    }
    output.prompt("Press Ctrl+C to stop");
    let options = OutputOptions { colour: output.colour, verbose: output.verbose };
    let supervisor = Supervisor::new(plan, options).on_exit(move |pid, exit| {
        if let Some((root, namespace)) = &place
            && exit != Ended::Code(0)
        {
            // What can't be noted now is noted by whoever cleans next, without how it ended.
            let _ = tell_end(root, namespace, pid, &exit.to_string());
        }
    });
    let outcome = supervisor.run()?;
    Ok(Exit::Child(outcome.status))
}

fn cannot_start(node: &NodePlan, error: &io::Error) -> Failure {
    let program = node.program.executable.display();
    let exit = match error.kind() {
        io::ErrorKind::PermissionDenied => Exit::Permission,
        io::ErrorKind::NotFound => Exit::NotFound,
        _ => Exit::Failed,
    };
    let failure = Failure::new(exit, format!("'{program}' can't be started: {error}"));
    match error.kind() {
        io::ErrorKind::NotFound => failure.hint("the interpreter named in its first line is not there"),
        _ => failure,
    }
}

fn key_value(text: &str) -> Result<(OsString, OsString), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("expected KEY=VALUE".into()),
    }
}
