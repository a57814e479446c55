//! What the kernel offers: a Unix socket and a pair of named pipes.
//!
//! A stream socket, since a packet may not be as long as a picture; every message has the same length, so none is
//! written. For `round` the reads don't block and are repeated at once; for `wake` and `spin` they block. Buffers are as
//! large as an ordinary user may have them: what `net.core.wmem_max` gives a socket, 1 MiB a pipe
//! (`fs.pipe-max-size`), so that small messages in a stream don't wait for each other.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::message::Payload;
use crate::side::{self, End, Patience, Side, Work};
use crate::{Arguments, Known, Result};

/// Asked of the socket; the kernel gives what it allows.
const SOCKET_BUFFER: usize = 1 << 20;
const PIPE_BUFFER: usize = 1 << 20;

/// Measures a Unix socket or a pair of pipes.
pub(crate) fn measure(arguments: &Arguments, work: Work) -> Result<Known> {
    let Some(payload @ (Payload::Bytes(_) | Payload::CmdVel)) = Payload::named(&arguments.payload) else {
        return Ok(Known::No);
    };
    let polls = work == Work::Round;
    match work {
        Work::Round | Work::Spin => side::exchange(arguments, &mut open(arguments, payload, polls)?, false)?,
        Work::Wake => side::exchange(arguments, &mut open(arguments, payload, polls)?, true)?,
        Work::Stream => side::stream(arguments, &mut open(arguments, payload, polls)?)?,
        _ => return Ok(Known::No),
    }
    Ok(Known::Yes)
}

/// Two descriptors, of one socket or of two pipes.
#[derive(Debug)]
struct Pair {
    out: OwnedFd,
    back: OwnedFd,
    payload: Payload,
    sent: Vec<u8>,
    came: Vec<u8>,
}

fn open(arguments: &Arguments, payload: Payload, polls: bool) -> Result<Pair> {
    let Arguments { folder, side, .. } = arguments;
    let (out, back) = if arguments.way == "pipe" { pipes(folder, *side)? } else { socket(folder, *side)? };
    if polls {
        for end in [&out, &back] {
            rustix::fs::fcntl_setfl(end, rustix::fs::fcntl_getfl(end)? | OFlags::NONBLOCK)?;
        }
    }
    let bytes = payload.bytes();
    Ok(Pair { out, back, payload, sent: vec![0; bytes], came: vec![0; bytes] })
}

fn socket(folder: &Path, side: Side) -> Result<(OwnedFd, OwnedFd)> {
    let path = folder.join("socket");
    let stream = match side {
        Side::Ping => {
            // Bound under another name, so that whoever finds it finds it listening.
            let listener = UnixListener::bind(folder.join("socket-new"))?;
            std::fs::rename(folder.join("socket-new"), &path)?;
            listener.accept()?.0
        }
        Side::Echo => {
            side::wait_for(&path)?;
            UnixStream::connect(&path)?
        }
    };
    rustix::net::sockopt::set_socket_send_buffer_size(&stream, SOCKET_BUFFER)?;
    Ok((stream.try_clone()?.into(), stream.into()))
}

fn pipes(folder: &Path, side: Side) -> Result<(OwnedFd, OwnedFd)> {
    let path = |side: Side| folder.join(format!("pipe-{}", side.name()));
    for side in [Side::Ping, Side::Echo] {
        match rustix::fs::mknodat(rustix::fs::CWD, path(side), rustix::fs::FileType::Fifo, Mode::RWXU, 0) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // Opened for both, as Linux allows: so neither side waits for the other here.
    let open = |side| rustix::fs::open(path(side), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
    let (out, back) = (open(side)?, open(side.other())?);
    rustix::pipe::fcntl_setpipe_size(&out, PIPE_BUFFER)?;
    Ok((out, back))
}

impl End for Pair {
    fn send(&mut self, number: u64) -> Result<()> {
        self.payload.fill(&mut self.sent, number);
        let mut rest = self.sent.as_slice();
        repeat(self.out.as_fd(), |out| {
            let written = rustix::io::write(out, rest)?;
            rest = &rest[written..];
            Ok(rest.is_empty())
        })
    }

    fn receive(&mut self) -> Result<u64> {
        let (mut filled, came) = (0, &mut self.came);
        repeat(self.back.as_fd(), |back| {
            let read = rustix::io::read(back, &mut came[filled..])?;
            if read == 0 {
                return Err(Errno::PIPE);
            }
            filled += read;
            Ok(filled == came.len())
        })?;
        self.payload.check(&self.came)
    }
}

/// Calls `step` until it says that all is done; at once again where it would have blocked.
fn repeat(
    descriptor: BorrowedFd<'_>,
    mut step: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<bool>,
) -> Result<()> {
    let mut patience = Patience::default();
    loop {
        match step(descriptor) {
            Ok(true) => return Ok(()),
            Ok(false) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => patience.look()?,
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
}
