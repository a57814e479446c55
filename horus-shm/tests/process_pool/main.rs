//! The pool with real processes: what is taken, what stays, what comes back.

#[path = "../process/mod.rs"]
mod process;

mod closing;
mod content;
mod hand;
mod held;
mod place;
mod relay;
mod size;
mod stream;

roles! {
    "hand" => hand::hand,
    "hold" => held::hold,
    "stream_send" => stream::send,
    "stream_receive" => stream::receive,
}
