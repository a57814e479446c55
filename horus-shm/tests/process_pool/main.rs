//! The pool with real processes: what is taken, what stays, what comes back.

#[path = "../process/mod.rs"]
mod process;

mod closing;
mod content;
mod damage;
mod fork;
mod hand;
mod held;
mod pin;
mod place;
mod relay;
mod size;
mod stream;

roles! {
    "hand" => hand::hand,
    "hold" => held::hold,
    "fork_with_handles" => fork::fork_with_handles,
    "rounds" => closing::rounds,
    "topics" => closing::topics,
    "stream_send" => stream::send,
    "stream_receive" => stream::receive,
}
