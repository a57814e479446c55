//! A thread that writes to our stdout and stderr, so that a terminal that is held or a pipe that is full never holds
//! up the loop that watches the nodes.

use rustix::event::{EventfdFlags, eventfd};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// How much may wait to be written. A second of a busy log on a slow terminal; beyond it lines are dropped and
/// counted, for the nodes must not wait.
const QUEUE_BYTES_MAX: usize = 8 << 20;

/// Where a line goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<(Stream, Vec<u8>)>,
    bytes: usize,
    /// Lines that found no room since the last one that did.
    dropped: u64,
    /// No more lines will come.
    closed: bool,
    /// All has been written.
    done: bool,
    /// Nobody reads our stdout any more.
    broken: bool,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Raised when `done` or `broken` turn true.
    event: OwnedFd,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it holds the lock, and a queue of lines is whole at every moment.
        self.queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn raise(&self) {
        // Fails only when the counter is full; it is readable then.
        let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
    }
}

/// Writes lines in the order they come, stdout and stderr each as it should be.
#[derive(Debug)]
pub(crate) struct Printer {
    shared: Arc<Shared>,
}

impl Printer {
    /// Starts the thread; it inherits the caller's signal mask.
    pub(crate) fn start() -> io::Result<Printer> {
        Printer::start_with(|stream, bytes| match stream {
            Stream::Out => {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
            Stream::Err => io::stderr().lock().write_all(bytes),
        })
    }

    fn start_with(
        write: impl FnMut(Stream, &[u8]) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Printer> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new(), event });
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name("output".into()).spawn(move || print(&theirs, write))?;
        Ok(Printer { shared })
    }

    /// Takes a line, given in parts and without its newline; never blocks. Without room it is dropped and counted.
    pub(crate) fn line(&self, stream: Stream, parts: &[&[u8]]) {
        let bytes = parts.iter().map(|part| part.len()).sum::<usize>() + 1;
        let mut queue = self.shared.lock();
        if queue.bytes + bytes > QUEUE_BYTES_MAX {
            queue.dropped += 1;
            return;
        }
        queue.push_dropped();
        let mut line = Vec::with_capacity(bytes);
        parts.iter().for_each(|part| line.extend_from_slice(part));
        line.push(b'\n');
        queue.push(stream, line);
        self.shared.changed.notify_one();
    }

    /// Says that no line will come any more; [`Printer::is_done`] turns true once all are written.
    pub(crate) fn close(&self) {
        let mut queue = self.shared.lock();
        queue.push_dropped();
        queue.closed = true;
        self.shared.changed.notify_one();
    }

    /// Returns whether all is written after [`Printer::close`].
    pub(crate) fn is_done(&self) -> bool {
        self.shared.lock().done
    }

    /// Returns whether our stdout's reader is gone.
    pub(crate) fn is_broken(&self) -> bool {
        self.shared.lock().broken
    }

    /// Takes notice of the event that [`AsFd`] shows.
    pub(crate) fn acknowledge(&self) {
        // Fails only when there is nothing to take.
        let _ = rustix::io::read(&self.shared.event, &mut [0u8; 8]);
    }
}

impl AsFd for Printer {
    /// Readable when [`Printer::is_done`] or [`Printer::is_broken`] have turned true.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.event.as_fd()
    }
}

impl Queue {
    fn push(&mut self, stream: Stream, line: Vec<u8>) {
        self.bytes += line.len();
        self.lines.push_back((stream, line));
    }

    fn push_dropped(&mut self) {
        if self.dropped > 0 {
            let line = format!("horus: {} lines dropped: output is read too slowly\n", self.dropped);
            self.dropped = 0;
            self.push(Stream::Err, line.into_bytes());
        }
    }
}

fn print(shared: &Shared, mut write: impl FnMut(Stream, &[u8]) -> io::Result<()>) {
    let mut batch: Vec<u8> = Vec::new();
    let mut out_is_gone = false;
    while let Some(stream) = take(shared, &mut batch) {
        // A stderr that nobody reads, or a disk that is full, is no reason to stop a robot; a reader of our stdout
        // that left is how a pipeline ends.
        let failed = write(stream, &batch).is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        if failed && stream == Stream::Out && !out_is_gone {
            out_is_gone = true;
            shared.lock().broken = true;
            shared.raise();
        }
    }
    shared.lock().done = true;
    shared.raise();
}

/// Waits for lines and moves those at the front that go to one stream to `batch`; none when there will be no more.
fn take(shared: &Shared, batch: &mut Vec<u8>) -> Option<Stream> {
    batch.clear();
    let mut queue = shared.lock();
    let stream = loop {
        if let Some((stream, _)) = queue.lines.front() {
            break *stream;
        }
        if queue.closed {
            return None;
        }
        queue = shared.changed.wait(queue).unwrap_or_else(|poisoned| poisoned.into_inner());
    };
    while let Some((_, line)) =
        queue.lines.pop_front_if(|(next, _)| *next == stream && batch.len() < 64 * 1024)
    {
        queue.bytes -= line.len();
        batch.extend_from_slice(&line);
    }
    Some(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn wait_done(printer: &Printer) {
        while !printer.is_done() {
            let mut fds = [rustix::event::PollFd::new(printer, rustix::event::PollFlags::IN)];
            rustix::event::poll(&mut fds, None).unwrap();
            printer.acknowledge();
        }
    }

    #[test]
    fn lines_keep_their_order_over_both_streams() {
        let (sender, written) = mpsc::channel();
        let printer = Printer::start_with(move |stream, bytes| {
            sender.send((stream, bytes.to_vec())).unwrap();
            Ok(())
        })
        .unwrap();
        printer.line(Stream::Out, &[b"a | ", b"1"]);
        printer.line(Stream::Err, &[b"a | ", b"2"]);
        printer.line(Stream::Out, &[b"a | ", b"3"]);
        printer.close();
        wait_done(&printer);
        let all: Vec<_> = written.iter().collect();
        assert_eq!(all.concat_lines(), "Out a | 1\nErr a | 2\nOut a | 3\n");
    }

    trait Concat {
        fn concat_lines(&self) -> String;
    }

    impl Concat for Vec<(Stream, Vec<u8>)> {
        fn concat_lines(&self) -> String {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            self.iter()
                .flat_map(|(stream, bytes)| {
                    text(bytes).lines().map(|l| format!("{stream:?} {l}\n")).collect::<Vec<_>>()
                })
                .collect()
        }
    }

    #[test]
    fn without_a_reader_lines_are_dropped_and_counted_and_nobody_waits() {
        let (go, gate) = mpsc::channel::<()>();
        let (sender, written) = mpsc::channel();
        let printer = Printer::start_with(move |_, bytes| {
            let _ = gate.recv();
            sender.send(bytes.to_vec()).unwrap();
            Ok(())
        })
        .unwrap();
        let line = vec![b'x'; 1023];
        let sent = 4 * QUEUE_BYTES_MAX / 1024;
        for _ in 0..sent {
            printer.line(Stream::Out, &[&line]);
        }
        printer.close();
        drop(go);
        wait_done(&printer);
        let text = String::from_utf8(written.iter().collect::<Vec<_>>().concat()).unwrap();
        let whole = text.lines().filter(|l| l.len() == 1023).count();
        let told =
            text.lines().find_map(|l| l.strip_prefix("horus: ")?.split(' ').next()?.parse::<usize>().ok());
        assert_eq!(whole + told.unwrap(), sent);
        assert!(whole >= QUEUE_BYTES_MAX / 1024, "a whole queue was kept: {whole}");
    }

    #[test]
    fn a_reader_that_left_is_noticed_and_the_rest_goes_nowhere() {
        let printer = Printer::start_with(|_, _| Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        printer.line(Stream::Out, &[b"1"]);
        printer.line(Stream::Out, &[b"2"]);
        printer.close();
        wait_done(&printer);
        assert!(printer.is_broken());
    }
}
