//! zenoh: two sessions as peers, connected by one explicit link, nothing scouted.
//!
//! - The link is a Unix socket in the turn's folder, the quickest of its links between two processes here that carries all sizes.
//! - Publishers are express (nothing is held back to be batched), real-time, and block where there is no room.
//! - Pinging waits in `recv` of a subscriber's channel, echoing sends from its callback, as its own ping and pong do.
//!   There is no polling: zenoh's threads share the side's core, and a spinning one would hold them up. So `round`, `wake`
//!   and `spin` differ in the pause only.
//! - `zenoh` sends bytes that are written for each message; messages of more than 3 KiB go through shared memory all the
//!   same, by its own optimization, which is on by default. `zenoh-shm` allocates each message in shared memory, writes
//!   it there and sends that; pictures have their first word written only.

use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use zenoh::Wait;
use zenoh::bytes::ZBytes;
use zenoh::handlers::FifoChannelHandler;
use zenoh::pubsub::{Publisher, Subscriber};
use zenoh::qos::{CongestionControl, Priority};
use zenoh::sample::Sample;
use zenoh::shm::{BlockOn, GarbageCollect, PosixShmProviderBackend, ShmProvider, ShmProviderBuilder};
use zenoh::{Config, Session};

use crate::message::Payload;
use crate::side::{self, End, PATIENCE, Side, Work};
use crate::{Arguments, Known, Result};

/// Messages that shared memory has room for; some are still being read when the next is made.
const SHM_MESSAGES: usize = 10;
/// And never less than that.
const SHM_LEAST: usize = 1 << 20;

/// Measures zenoh.
pub(crate) fn measure(arguments: &Arguments, work: Work) -> Result<Known> {
    let Some(payload) = Payload::named(&arguments.payload) else { return Ok(Known::No) };
    let shared = arguments.way == "zenoh-shm";
    if matches!(payload, Payload::Image(_)) && !shared {
        return Ok(Known::No);
    }
    if matches!(work, Work::Same | Work::Fan | Work::Join | Work::Memory) {
        return Ok(Known::No);
    }
    let session = session(arguments)?;
    let measured = match work {
        Work::Wake => trips(&session, arguments, payload, shared, true),
        Work::Stream => Pair::open(&session, arguments.side, payload, shared)
            .and_then(|mut pair| side::stream(arguments, &mut pair)),
        Work::Publish => publish(&session, arguments, payload, shared),
        Work::Idle => idle(&session, arguments),
        Work::Open => open(&session, arguments, payload, shared),
        _ => trips(&session, arguments, payload, shared, false),
    };
    let segments = segments()?;
    session.close().wait()?;
    drop(session);
    // zenoh leaves them where the last message of a session was in one.
    for segment in segments {
        let _ = std::fs::remove_file(segment);
    }
    measured.map(|()| Known::Yes)
}

/// The files of shared memory that zenoh has mapped into this process.
fn segments() -> Result<Vec<PathBuf>> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let files = maps.lines().filter_map(|line| line.find("/dev/shm/").map(|at| &line[at..]));
    let mut files: Vec<_> = files.filter(|file| file.ends_with(".zenoh")).map(PathBuf::from).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// A session with the other side's, over one link.
fn session(arguments: &Arguments) -> Result<Session> {
    let link = format!("unixsock-stream/{}", arguments.folder.join("zenoh").display());
    let endpoints = format!("[{link:?}]");
    let mut config = Config::default();
    let mut set =
        |key: &str, value: &str| config.insert_json5(key, value).map_err(|error| format!("{key}: {error}"));
    set("mode", "\"peer\"")?;
    set("scouting/multicast/enabled", "false")?;
    set("scouting/gossip/enabled", "false")?;
    // Who has no other side listens, as the pinging side does.
    let listens = arguments.side == Side::Ping || arguments.work == "idle";
    match listens {
        true => {
            set("listen/endpoints", &endpoints)?;
            set("connect/endpoints", "[]")?;
        }
        false => {
            set("listen/endpoints", "[]")?;
            set("connect/endpoints", &endpoints)?;
            set("connect/timeout_ms", &PATIENCE.as_millis().to_string())?;
            set("connect/retry", "{period_init_ms: 5, period_max_ms: 50, period_increase_factor: 1}")?;
            set("connect/exit_on_failure", "true")?;
            side::wait_for(&arguments.folder.join("zenoh"))?;
        }
    }
    zenoh::open(config).wait()
}

/// What messages are made in.
enum Maker {
    Bytes,
    Shared(ShmProvider<PosixShmProviderBackend>),
}

/// Sends messages.
struct Out {
    publisher: Publisher<'static>,
    payload: Payload,
    maker: Maker,
}

impl Out {
    fn open(session: &Session, key: &str, payload: Payload, shared: bool) -> Result<Out> {
        let publisher = session
            .declare_publisher(key.to_owned())
            .congestion_control(CongestionControl::Block)
            .priority(Priority::RealTime)
            .express(true)
            .wait()?;
        let maker = if shared {
            let room = (SHM_MESSAGES * payload.bytes().next_multiple_of(4096)).max(SHM_LEAST);
            Maker::Shared(ShmProviderBuilder::default_backend(room).wait()?)
        } else {
            Maker::Bytes
        };
        Ok(Out { publisher, payload, maker })
    }

    fn send(&self, number: u64) -> Result<()> {
        let made: ZBytes = match &self.maker {
            Maker::Bytes => {
                let mut bytes = vec![0; self.payload.bytes()];
                self.payload.fill(&mut bytes, number);
                bytes.into()
            }
            Maker::Shared(provider) => {
                let loan = provider.alloc(self.payload.bytes()).with_policy::<BlockOn<GarbageCollect>>();
                let mut bytes = loan.wait()?;
                self.payload.fill(&mut bytes, number);
                bytes.into()
            }
        };
        self.publisher.put(made).wait()
    }
}

/// The number of a message that came; one that was sent in shared memory has to come in it.
fn number(payload: Payload, shared: bool, sample: &Sample) -> Result<u64> {
    match sample.payload().as_shm() {
        Some(bytes) => payload.check(bytes),
        None if shared => Err("a message came by the link, not in shared memory".into()),
        None => payload.check(&sample.payload().to_bytes()),
    }
}

/// A publisher to the other side and a subscriber to it.
struct Pair {
    out: Out,
    back: Subscriber<FifoChannelHandler<Sample>>,
    shared: bool,
}

impl Pair {
    fn open(session: &Session, side: Side, payload: Payload, shared: bool) -> Result<Pair> {
        let back = session.declare_subscriber(format!("bench/{}", side.other().name())).wait()?;
        Ok(Pair {
            out: Out::open(session, &format!("bench/{}", side.name()), payload, shared)?,
            back,
            shared,
        })
    }

    fn matched(&self) -> Result<()> {
        wait_for_match(&self.out)
    }
}

impl End for Pair {
    fn send(&mut self, number: u64) -> Result<()> {
        self.out.send(number)
    }

    fn receive(&mut self) -> Result<u64> {
        let sample = self.back.recv_timeout(PATIENCE)?.ok_or_else(side::silence)?;
        number(self.out.payload, self.shared, &sample)
    }
}

/// Returns once the other side is known to listen.
fn wait_for_match(out: &Out) -> Result<()> {
    let since = Instant::now();
    while !out.publisher.matching_status().wait()?.matching() {
        if since.elapsed() > PATIENCE {
            return Err("the other side doesn't listen".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn trips(
    session: &Session,
    arguments: &Arguments,
    payload: Payload,
    shared: bool,
    pauses: bool,
) -> Result<()> {
    let Arguments { folder, side, .. } = arguments;
    match side {
        Side::Ping => {
            let mut pair = Pair::open(session, *side, payload, shared)?;
            pair.matched()?;
            side::exchange(arguments, &mut pair, pauses)
        }
        Side::Echo => {
            let out = Out::open(session, "bench/echo", payload, shared)?;
            let total = arguments.warmup + arguments.samples;
            let (done, ended) = mpsc::channel();
            let mut due = 0;
            let answer = move |sample: Sample| {
                let ended = answer(&out, shared, &sample, due, pauses);
                due += 1;
                if ended.is_err() || due == total {
                    tell(&done, ended);
                }
            };
            let _subscriber = session.declare_subscriber("bench/ping").callback_mut(answer).wait()?;
            side::meet(folder, *side)?;
            ended.recv_timeout(Duration::from_secs(60))?.map_err(Into::into)
        }
    }
}

/// Sends back what came, if it is the message that is due.
fn answer(out: &Out, shared: bool, sample: &Sample, due: u64, pauses: bool) -> Result<()> {
    let number = number(out.payload, shared, sample)?;
    side::expect(number, due)?;
    if pauses {
        side::stay_busy();
    }
    out.send(number)
}

fn tell(done: &Sender<std::result::Result<(), String>>, ended: Result<()>) {
    // Nobody listens any more where the side has ended already.
    let _ = done.send(ended.map_err(|error| error.to_string()));
}

/// Sends to subscribers that take every message and do nothing with it: a subscriber of zenoh can't not read.
fn publish(session: &Session, arguments: &Arguments, payload: Payload, shared: bool) -> Result<()> {
    match arguments.side {
        Side::Ping => {
            let out = Out::open(session, "bench/ping", payload, shared)?;
            if arguments.subscribers > 0 {
                wait_for_match(&out)?;
            }
            side::publish(arguments, |number| out.send(number))
        }
        Side::Echo => {
            let open = || session.declare_subscriber("bench/ping").callback(drop).wait();
            let _listening = (0..arguments.subscribers).map(|_| open()).collect::<zenoh::Result<Vec<_>>>()?;
            side::listen_without_reading(arguments)
        }
    }
}

/// Blocks on a subscriber for good. Its session listens for the other side, which nobody starts.
fn idle(session: &Session, arguments: &Arguments) -> Result<()> {
    let back = session.declare_subscriber("bench/idle").wait()?;
    // This side is killed; what it has mapped stays good without a name.
    for segment in segments()? {
        std::fs::remove_file(segment)?;
    }
    std::fs::File::create(arguments.folder.join("echo"))?;
    loop {
        back.recv()?;
    }
}

/// A key that wasn't there, a publisher, a subscriber and a message through both, in a session that is open.
fn open(session: &Session, arguments: &Arguments, payload: Payload, shared: bool) -> Result<()> {
    side::again(arguments, |number| {
        let before = Instant::now();
        let key = format!("bench/open/{number}");
        let back = session.declare_subscriber(&key).wait()?;
        let out = Out::open(session, &key, payload, shared)?;
        out.send(number)?;
        let sample = back.recv_timeout(PATIENCE)?.ok_or_else(side::silence)?;
        side::expect(self::number(payload, shared, &sample)?, number)?;
        Ok(before.elapsed())
    })
}
