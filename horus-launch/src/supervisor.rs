//! The thin shell around the policy: one loop that waits for signals, ends of processes, output and deadlines.

use crate::error::SuperviseError;
use crate::output::{Lines, OutputOptions, Printer, Stream, prefixes};
use crate::plan::Plan;
use crate::policy::{Action, Event, NodeIndex, NodeRules, Note, Session};
use crate::process::{self, Child, Exit, Request, Signals};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// What one read takes from a pipe: what the kernel keeps in one by default.
const READ_BYTES: usize = 64 * 1024;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// 0 if all ended well or of being asked to; else the status of the first, in time, that did not; 130 after a
    /// second Ctrl+C.
    pub status: u8,
}

/// Runs the processes of a plan until all are over.
///
/// SIGTERM, SIGHUP and Ctrl+C end the session in order: every group gets SIGTERM, what is left when its grace is
/// over SIGKILL, then processes that left their groups likewise. A second Ctrl+C kills at once.
#[derive(Debug)]
pub struct Supervisor {
    plan: Plan,
    options: OutputOptions,
    witness: Witness,
}

/// Who is told of each end of a process.
struct Witness(Box<dyn FnMut(u32, Exit)>);

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

impl Supervisor {
    /// Returns a supervisor for `plan`; nothing is started yet.
    pub fn new(plan: Plan, options: OutputOptions) -> Supervisor {
        Supervisor { plan, options, witness: Witness(Box::new(|_, _| {})) }
    }

    /// Tells `witness` the process id and the end of each process, once its last words are printed. It is called in
    /// the loop that watches the others, so it must be quick.
    pub fn on_exit(self, witness: impl FnMut(u32, Exit) + 'static) -> Supervisor {
        Supervisor { witness: Witness(Box::new(witness)), ..self }
    }

    /// Runs the session to its end; blocks. Children are killed when the calling thread ends, and orphans among
    /// their descendants become children of this process and are ended with the session, so this process must have
    /// no children of its own; its other threads must have SIGINT, SIGTERM, SIGHUP and SIGCHLD blocked.
    ///
    /// # Errors
    /// When the kernel refuses what supervising needs. All children are killed then.
    pub fn run(self) -> Result<Outcome, SuperviseError> {
        let signals = Signals::catch().map_err(SuperviseError::new("catching signals"))?;
        process::become_subreaper().map_err(SuperviseError::new("becoming the parent of orphans"))?;
        let printer = Printer::start().map_err(SuperviseError::new("starting the output thread"))?;
        let names: Vec<_> = self.plan.nodes.iter().map(|node| node.name.as_str()).collect();
        let rules = self
            .plan
            .nodes
            .iter()
            .map(|node| NodeRules { restart: node.restart, stop_timeout: node.stop_timeout });
        let shell = Shell {
            prefixes: prefixes(&names, self.options),
            verbose: self.options.verbose,
            session: Session::new(rules),
            children: names.iter().map(|_| None).collect(),
            plan: self.plan,
            witness: self.witness,
            pipes: Vec::new(),
            signals,
            printer,
            began: Instant::now(),
            asked: None,
            status: None,
            reader_is_gone: false,
        };
        shell.run()
    }
}

/// One end of a node's output.
#[derive(Debug)]
struct Pipe {
    fd: OwnedFd,
    node: NodeIndex,
    stream: Stream,
    lines: Lines,
}

/// How soon after the first request an interrupt is no second press. `timeout -s INT` signals its child and then its
/// own group, the child once more; a person who presses twice takes longer. Shorter would kill nodes that were to end
/// well; much longer would swallow a press that was meant.
const ECHO: Duration = Duration::from_millis(100);

/// Returns whether interrupts at these two times are one press of Ctrl+C.
fn is_one_press(first: Duration, second: Duration) -> bool {
    second.saturating_sub(first) < ECHO
}

#[derive(Debug)]
struct Shell {
    plan: Plan,
    witness: Witness,
    prefixes: Vec<Vec<u8>>,
    verbose: bool,
    session: Session,
    /// The living process of each node.
    children: Vec<Option<Child>>,
    /// Outlive their node's process if something it started still holds the other end.
    pipes: Vec<Pipe>,
    signals: Signals,
    printer: Printer,
    began: Instant,
    /// When it was first asked to stop, since it began.
    asked: Option<Duration>,
    /// The exit status, once all is over.
    status: Option<u8>,
    reader_is_gone: bool,
}

impl Shell {
    fn run(mut self) -> Result<Outcome, SuperviseError> {
        self.feed(Event::Begin)?;
        let status = loop {
            if let Some(status) = self.status {
                break status;
            }
            self.turn()?;
        };
        self.flush()?;
        Ok(Outcome { status })
    }

    /// Waits for whatever comes first, and deals with all that has come.
    fn turn(&mut self) -> Result<(), SuperviseError> {
        let timeout = self.session.deadline().map(|deadline| deadline.saturating_sub(self.began.elapsed()));
        let fds = [self.signals.as_fd(), self.printer.as_fd()].into_iter();
        let fds = fds.chain(self.pipes.iter().map(|pipe| pipe.fd.as_fd()));
        let fds = fds.chain(self.children.iter().flatten().map(|child| child.as_fd()));
        let mut fds: Vec<_> = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        wait(&mut fds, timeout)?;
        let ready = |index: usize| !fds[index].revents().is_empty();
        let pipes_ready: Vec<_> = (0..self.pipes.len()).map(|index| ready(2 + index)).collect();
        // Output before ends: a node's last words come before the news of its end.
        let mut index = 0;
        self.pipes.retain_mut(|pipe| {
            index += 1;
            !pipes_ready[index - 1] || pipe.read(&self.printer, &self.prefixes) != Read::Closed
        });
        self.ends()?;
        self.requests()?;
        self.printer.acknowledge();
        if self.printer.is_broken() && !self.reader_is_gone {
            self.reader_is_gone = true;
            self.feed(Event::Stop)?;
        }
        self.feed(Event::Tick)
    }

    fn ends(&mut self) -> Result<(), SuperviseError> {
        for index in 0..self.children.len() {
            let Some(child) = &self.children[index] else { continue };
            if let Some(exit) = child.try_wait().map_err(SuperviseError::new("waiting for a node"))? {
                let pid = child.pid().as_raw_nonzero().get().unsigned_abs();
                self.children[index] = None;
                self.drain(index);
                (self.witness.0)(pid, exit);
                self.feed(Event::Exited(index, exit))?;
            }
        }
        Ok(())
    }

    /// Returns whether an interrupt that comes now is the first one come twice.
    fn is_echo(&self) -> bool {
        self.asked.is_some_and(|asked| is_one_press(asked, self.began.elapsed()))
    }

    fn requests(&mut self) -> Result<(), SuperviseError> {
        let mut child_ended = false;
        while let Some(request) = self.signals.next().map_err(SuperviseError::new("reading signals"))? {
            match request {
                Request::Interrupt if self.session.is_stopping() && !self.is_echo() => {
                    self.feed(Event::Kill)?
                }
                Request::Interrupt | Request::Terminate => {
                    self.asked.get_or_insert(self.began.elapsed());
                    self.feed(Event::Stop)?;
                }
                Request::ChildEnded => child_ended = true,
            }
        }
        if child_ended {
            let count = self.strays()?.len();
            self.feed(Event::Strays(count))?;
        }
        Ok(())
    }

    /// Lets the policy decide on an event and on what follows from it, and carries its decisions out.
    fn feed(&mut self, event: Event) -> Result<(), SuperviseError> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let (session, actions) = self.session.clone().step(event, self.began.elapsed());
            self.session = session;
            for action in actions {
                events.extend(self.act(action)?);
            }
        }
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<Option<Event>, SuperviseError> {
        match action {
            Action::Spawn(index) => return Ok(Some(self.spawn(index))),
            Action::Terminate(index) => self.signal(index, Signal::TERM),
            Action::Kill(index) => self.signal(index, Signal::KILL),
            Action::CountStrays => return Ok(Some(Event::Strays(self.strays()?.len()))),
            Action::TerminateStrays => self.signal_strays(Signal::TERM)?,
            Action::KillStrays => self.signal_strays(Signal::KILL)?,
            Action::Say(note) => self.say(note),
            Action::Finish(status) => self.status = Some(status),
        }
        Ok(None)
    }

    fn spawn(&mut self, index: NodeIndex) -> Event {
        let node = &self.plan.nodes[index];
        match Child::spawn(node) {
            Ok((child, [stdout, stderr])) => {
                self.children[index] = Some(child);
                for (fd, stream) in [(stdout, Stream::Out), (stderr, Stream::Err)] {
                    self.pipes.push(Pipe { fd, node: index, stream, lines: Lines::default() });
                }
                Event::Spawned(index)
            }
            Err(error) => {
                let program = node.program.executable.display();
                let text = format!("horus: {} can't be started: {program}: {error}", node.name);
                self.printer.line(Stream::Err, &[text.as_bytes()]);
                Event::SpawnFailed(index)
            }
        }
    }

    fn signal(&self, index: NodeIndex, signal: Signal) {
        if let Some(child) = &self.children[index] {
            child.signal_group(signal);
        }
    }

    fn strays(&self) -> Result<Vec<rustix::process::Pid>, SuperviseError> {
        let known: HashSet<_> = self.children.iter().flatten().map(Child::pid).collect();
        process::strays(&known).map_err(SuperviseError::new("looking for orphans"))
    }

    fn signal_strays(&self, signal: Signal) -> Result<(), SuperviseError> {
        self.strays()?.into_iter().for_each(|pid| process::signal_stray(pid, signal));
        Ok(())
    }

    fn say(&self, note: Note) {
        if self.verbose || note.kind.is_trouble() {
            let text = format!("horus: {} {}", self.plan.nodes[note.node].name, note.kind);
            self.printer.line(Stream::Err, &[text.as_bytes()]);
        }
    }

    /// Takes all that a node has written so far.
    fn drain(&mut self, node: NodeIndex) {
        self.pipes.retain_mut(|pipe| pipe.node != node || pipe.read_all(&self.printer, &self.prefixes));
    }

    /// Waits until all output is written, or until somebody is tired of waiting.
    fn flush(mut self) -> Result<(), SuperviseError> {
        (0..self.children.len()).for_each(|node| self.drain(node));
        for pipe in &mut self.pipes {
            pipe.finish(&self.printer, &self.prefixes);
        }
        self.printer.close();
        while !self.printer.is_done() {
            let fds = [self.signals.as_fd(), self.printer.as_fd()];
            let mut fds = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
            wait(&mut fds, None)?;
            self.printer.acknowledge();
            while let Some(request) = self.signals.next().map_err(SuperviseError::new("reading signals"))? {
                if request != Request::ChildEnded {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // Only after an error is anyone left.
        self.children.iter().flatten().for_each(|child| child.signal_group(Signal::KILL));
    }
}

/// What came of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    Bytes(usize),
    /// Nothing there now.
    Nothing,
    /// The other end is closed.
    Closed,
}

impl Pipe {
    /// Reads once and hands lines on.
    fn read(&mut self, printer: &Printer, prefixes: &[Vec<u8>]) -> Read {
        let mut buffer = [0; READ_BYTES];
        match rustix::io::read(&self.fd, &mut buffer) {
            Ok(0) => {
                self.finish(printer, prefixes);
                Read::Closed
            }
            Ok(count) => {
                let (prefix, stream) = (&prefixes[self.node], self.stream);
                self.lines.push(&buffer[..count], |line| printer.line(stream, &[prefix, line]));
                Read::Bytes(count)
            }
            // EAGAIN; no other error is possible for a pipe that we own.
            Err(_) => Read::Nothing,
        }
    }

    /// Reads what is there now, and not what others may add meanwhile; false when the other end is closed.
    fn read_all(&mut self, printer: &Printer, prefixes: &[Vec<u8>]) -> bool {
        let mut left = rustix::io::ioctl_fionread(&self.fd).unwrap_or(0);
        while left > 0 {
            match self.read(printer, prefixes) {
                Read::Bytes(count) => left = left.saturating_sub(count as u64),
                Read::Nothing => break,
                Read::Closed => return false,
            }
        }
        true
    }

    fn finish(&mut self, printer: &Printer, prefixes: &[Vec<u8>]) {
        let (prefix, stream) = (&prefixes[self.node], self.stream);
        self.lines.finish(|line| printer.line(stream, &[prefix, line]));
    }
}

/// Waits for one of `fds` or for the time to pass; a signal handler of the process ends it early.
fn wait(fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> Result<(), SuperviseError> {
    // Up to a nanosecond early would be a turn in vain; no more.
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    });
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(SuperviseError { call: "waiting", source: error.into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_interrupts_at_once_are_one_press() {
        let first = Duration::from_secs(3);
        assert!(is_one_press(first, first));
        assert!(is_one_press(first, first + ECHO / 2));
        assert!(!is_one_press(first, first + ECHO));
    }
}
