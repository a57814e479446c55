//! What was really sent, and by whom, when: what subscribers say they got is held against it.

use std::sync::{Arc, Mutex, PoisonError};

/// A message that somebody sent, or was killed sending. Times are counts of what the ledger saw.
#[derive(Clone, Copy, Debug)]
struct Sent {
    publisher: u64,
    number: u64,
    began: u64,
    /// None when its publisher was killed on the way.
    ended: Option<u64>,
}

/// Somebody who may hold a topic as a type, until after it let go.
#[derive(Clone, Copy, Debug)]
struct Holder {
    type_name: &'static str,
    ended: Option<u64>,
}

#[derive(Debug, Default)]
struct Book {
    time: u64,
    listeners: usize,
    sent: Vec<Sent>,
    holders: Vec<Holder>,
}

/// What happened in a run, in its true order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<Mutex<Book>>);

/// A message as it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) publisher: u64,
    pub(crate) number: u64,
    pub(crate) latched: bool,
}

/// What a subscriber heard, and since when it must hear all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ear {
    /// Before it began to open.
    pub(crate) came: u64,
    /// After it had opened.
    pub(crate) ready: u64,
    /// When it last began to take all there was.
    pub(crate) looked: u64,
    pub(crate) heard: Vec<Heard>,
}

impl Ledger {
    fn with<T>(&self, act: impl FnOnce(&mut Book) -> T) -> T {
        // A panic while it is held is a failed check, which ends the run.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns a time that is later than all before.
    pub(crate) fn now(&self) -> u64 {
        self.with(|book| {
            book.time += 1;
            book.time
        })
    }

    /// Notes that a listener is ready.
    pub(crate) fn add_listener(&self) {
        self.with(|book| book.listeners += 1);
    }

    /// Returns how many listeners were ready so far.
    pub(crate) fn listeners(&self) -> usize {
        self.with(|book| book.listeners)
    }

    /// Notes that a message is about to be sent; returns its place.
    pub(crate) fn begin(&self, publisher: u64, number: u64) -> usize {
        let began = self.now();
        self.with(|book| {
            book.sent.push(Sent { publisher, number, began, ended: None });
            book.sent.len() - 1
        })
    }

    /// Notes that it was sent.
    pub(crate) fn end(&self, place: usize) {
        let now = self.now();
        self.with(|book| book.sent[place].ended = Some(now));
    }

    /// Notes that somebody may hold the topic as a type until what is returned is dropped, also by a kill.
    pub(crate) fn hold(&self, type_name: &'static str) -> Holding {
        let place = self.with(|book| {
            book.holders.push(Holder { type_name, ended: None });
            book.holders.len() - 1
        });
        Holding { ledger: self.clone(), place }
    }

    /// Returns whether somebody may have held the topic as this type after `since`.
    pub(crate) fn was_held(&self, type_name: &str, since: u64) -> bool {
        self.with(|book| {
            book.holders
                .iter()
                .any(|holder| holder.type_name == type_name && holder.ended.is_none_or(|ended| ended > since))
        })
    }

    /// Returns the newest message of a publisher that was sent by now.
    pub(crate) fn newest(&self, publisher: u64) -> Option<u64> {
        self.with(|book| {
            let of = |sent: &&Sent| sent.publisher == publisher && sent.ended.is_some();
            book.sent.iter().filter(of).map(|sent| sent.number).max()
        })
    }

    /// Checks what somebody heard: all that was sent since it was ready but `missed`, nothing that was sent before it
    /// came, nothing twice, nothing out of order, nothing that nobody sent.
    ///
    /// With `gap` it said that it may have missed some that it couldn't count.
    pub(crate) fn check(&self, ear: &Ear, missed: u64, gap: bool) {
        self.with(|book| {
            let mut last = std::collections::HashMap::new();
            for heard in &ear.heard {
                let sent = book
                    .sent
                    .iter()
                    .find(|sent| (sent.publisher, sent.number) == (heard.publisher, heard.number));
                let Some(sent) = sent else { panic!("{heard:?} was never sent") };
                let is_old = sent.ended.is_some_and(|ended| ended < ear.came);
                assert!(!is_old || heard.latched, "{heard:?} was sent before this subscriber came");
                let before = last.insert(heard.publisher, heard.number);
                assert!(before < Some(heard.number), "{heard:?} came after {before:?}");
            }
            let silent = book.sent.iter().filter(|sent| {
                let got = |heard: &Heard| (heard.publisher, heard.number) == (sent.publisher, sent.number);
                let in_time = sent.began > ear.ready && sent.ended.is_some_and(|ended| ended < ear.looked);
                in_time && !ear.heard.iter().any(got)
            });
            let silent: Vec<_> = silent.collect();
            assert!(
                gap || silent.len() as u64 <= missed,
                "{silent:?} never came, and it knows of {missed} missed; {ear:?}"
            );
        });
    }
}

/// Somebody may hold a topic as a type.
#[derive(Debug)]
pub(crate) struct Holding {
    ledger: Ledger,
    place: usize,
}

impl Drop for Holding {
    fn drop(&mut self) {
        let now = self.ledger.now();
        self.ledger.with(|book| book.holders[self.place].ended = Some(now));
    }
}
