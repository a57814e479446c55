//! What iceoryx2 costs beside a message's way: sends nobody reads, many ports, opening, memory, a sleeper.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::{Duration, Instant};

use iceoryx2::prelude::*;

use super::{BUFFER, Message, Sleeping, node, poll, send, service};
use crate::side::{self, End, Side};
use crate::{Arguments, Result};

/// Send and receive in one thread.
pub(super) fn same<M: Message>(arguments: &Arguments) -> Result<()> {
    let node = node(arguments)?;
    let service = service::<M>(&node, "same", [1, 1], BUFFER)?;
    let (out, back) = (service.publisher_builder().create()?, service.subscriber_builder().create()?);
    let clock_cost = Duration::from_nanos(side::clock_cost_ns());
    side::again(arguments, |number| {
        let before = Instant::now();
        send(&out, number)?;
        let got = poll(&back)?;
        let took = before.elapsed();
        side::expect(got, number)?;
        Ok(took.saturating_sub(clock_cost))
    })
}

/// Sends beside as many subscribers as are asked for, none of which reads; the oldest message makes room.
pub(super) fn publish<M: Message>(arguments: &Arguments) -> Result<()> {
    let node = node(arguments)?;
    let service = service::<M>(&node, "ping", [1, arguments.subscribers], BUFFER)?;
    match arguments.side {
        Side::Ping => {
            let out = service.publisher_builder().create()?;
            side::publish(arguments, |number| send(&out, number))
        }
        Side::Echo => {
            let open = || service.subscriber_builder().create();
            let _listening =
                (0..arguments.subscribers).map(|_| open()).collect::<std::result::Result<Vec<_>, _>>()?;
            side::listen_without_reading(arguments)
        }
    }
}

/// All publishers send, each subscriber gets all, one answer goes back.
pub(super) fn fan<M: Message>(arguments: &Arguments) -> Result<()> {
    let (publishers, subscribers) = (arguments.publishers, arguments.subscribers);
    let node = node(arguments)?;
    let there = service::<M>(&node, "ping", [publishers, subscribers], BUFFER)?;
    let back = service::<M>(&node, "echo", [1, 1], BUFFER)?;
    match arguments.side {
        Side::Ping => {
            let open = || there.publisher_builder().create();
            let out = (0..publishers).map(|_| open()).collect::<std::result::Result<Vec<_>, _>>()?;
            let back = back.subscriber_builder().create()?;
            side::exchange(
                arguments,
                &mut Fan { send: |n| out.iter().try_for_each(|out| send(out, n)), receive: || poll(&back) },
                false,
            )
        }
        Side::Echo => {
            let open = || there.subscriber_builder().create();
            let from = (0..subscribers).map(|_| open()).collect::<std::result::Result<Vec<_>, _>>()?;
            let out = back.publisher_builder().create()?;
            let receive = || {
                let mut first = None;
                for subscriber in &from {
                    for _ in 0..publishers {
                        let number = poll(subscriber)?;
                        side::expect(number, *first.get_or_insert(number))?;
                    }
                }
                first.ok_or_else(|| "nobody to receive from".into())
            };
            side::exchange(arguments, &mut Fan { send: |n| send(&out, n), receive }, false)
        }
    }
}

/// An end made of two functions.
struct Fan<S, R> {
    send: S,
    receive: R,
}

impl<S: FnMut(u64) -> Result<()>, R: FnMut() -> Result<u64>> End for Fan<S, R> {
    fn send(&mut self, number: u64) -> Result<()> {
        (self.send)(number)
    }

    fn receive(&mut self) -> Result<u64> {
        (self.receive)()
    }
}

/// A service that wasn't there, a publisher, a subscriber and a message through both.
fn first_message<M: Message>(node: &Node<ipc::Service>, number: u64) -> Result<()> {
    let service = service::<M>(node, &format!("open-{number}"), [1, 1], BUFFER)?;
    let (back, out) = (service.subscriber_builder().create()?, service.publisher_builder().create()?);
    send(&out, number)?;
    side::expect(poll(&back)?, number)
}

/// From nothing to the first message, in a process that has a node. What was opened is closed within the time too, as
/// there is no keeping it without growing; it is a small part.
pub(super) fn open<M: Message>(arguments: &Arguments) -> Result<()> {
    let node = node(arguments)?;
    side::again(arguments, |number| {
        let before = Instant::now();
        first_message::<M>(&node, number)?;
        Ok(before.elapsed())
    })
}

/// From nothing to the first message, in processes of their own.
pub(super) fn join<M: Message>(arguments: &Arguments) -> Result<()> {
    if arguments.warmup + arguments.samples == 1 {
        let before = Instant::now();
        first_message::<M>(&node(arguments)?, 0)?;
        let took = before.elapsed().as_nanos() as u64;
        return side::write(arguments, "samples", &[took]);
    }
    let samples = arguments.folder.join("samples");
    side::again(arguments, |_| {
        let mut one = Command::new("/proc/self/exe");
        one.args(["--side", "ping", "--work", "join", "--warmup", "0", "--samples", "1"]);
        one.args(["--way", &arguments.way, "--payload", &arguments.payload]);
        one.args(["--core", &arguments.core.to_string()]).arg("--folder").arg(&arguments.folder);
        let ended = one.status()?;
        if !ended.success() {
            return Err(format!("a joining process ended with {ended}").into());
        }
        let took: [u8; 8] = fs::read(&samples)?.as_slice().try_into()?;
        Ok(Duration::from_nanos(u64::from_le_bytes(took)))
    })
}

/// Blocks on an event for good.
pub(super) fn idle<M: Message>(arguments: &Arguments) -> Result<()> {
    let sleeping = Sleeping::<M>::open(&node(arguments)?, Side::Echo)?;
    fs::File::create(arguments.folder.join("echo"))?;
    loop {
        sleeping.listener.blocking_wait(|_| {})?;
    }
}

/// Shared memory and files of a service with one publisher that has sent, and of the node beside it.
pub(super) fn memory<M: Message>(arguments: &Arguments) -> Result<()> {
    let node = node(arguments)?;
    let process = taken(arguments)?;
    let service = service::<M>(&node, "memory", [1, 1], BUFFER)?;
    let out = service.publisher_builder().create()?;
    send(&out, 0)?;
    let all = taken(arguments)?;
    side::write(arguments, "samples", &[all - process])?;
    side::write(arguments, "samples-process", &[process])
}

/// Bytes really taken by what this turn made.
fn taken(arguments: &Arguments) -> Result<u64> {
    let prefix = side::shm_prefix(&arguments.folder);
    let mut bytes = blocks_below(&arguments.folder.join("iceoryx2"))?;
    for entry in fs::read_dir("/dev/shm")? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            bytes += entry.metadata()?.blocks() * 512;
        }
    }
    Ok(bytes)
}

fn blocks_below(folder: &std::path::Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?;
        bytes += if found.is_dir() { blocks_below(&entry.path())? } else { found.blocks() * 512 };
    }
    Ok(bytes)
}
