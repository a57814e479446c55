//! Loom's atomics, of which one access at a time can be made weaker than it is written.
//!
//! `HORUS_WEAKEN=ring/lane.rs:123:45` names an access by where its method (or `fence`) stands in this crate's sources.
//! It is then made Relaxed; a fence is left out, or with `=AcqRel` behind the place made weaker. What the models don't
//! notice then, they don't prove.

pub(crate) use loom::sync::atomic::Ordering;

use std::panic::Location;
use std::sync::OnceLock;

/// Where the access stands that is to be weakened.
struct Site {
    file: String,
    line: u32,
    column: u32,
    /// A fence stays, and orders less.
    as_acq_rel: bool,
}

fn weakened() -> Option<&'static Site> {
    static SITE: OnceLock<Option<Site>> = OnceLock::new();
    SITE.get_or_init(|| {
        let text = std::env::var("HORUS_WEAKEN").ok()?;
        let (place, as_acq_rel) = match text.split_once('=') {
            Some((place, "AcqRel")) => (place, true),
            Some((_, other)) => panic!("HORUS_WEAKEN={text}: '{other}'"),
            None => (text.as_str(), false),
        };
        let mut parts = place.rsplitn(3, ':');
        let mut part =
            || parts.next().unwrap_or_else(|| panic!("HORUS_WEAKEN={text} is no file:line:column"));
        let (column, line, file) = (part(), part(), part());
        let number = |part: &str| part.parse().unwrap_or_else(|_| panic!("HORUS_WEAKEN={text}: '{part}'"));
        Some(Site { file: format!("/src/{file}"), line: number(line), column: number(column), as_acq_rel })
    })
    .as_ref()
}

/// Returns the site that is weakened if it is this one.
fn weakened_at(here: &Location<'_>) -> Option<&'static Site> {
    weakened().filter(|site| {
        site.line == here.line() && site.column == here.column() && here.file().ends_with(&site.file)
    })
}

fn order(written: Ordering, here: &Location<'_>) -> Ordering {
    if weakened_at(here).is_some() { Ordering::Relaxed } else { written }
}

/// As the standard library's `fence`.
#[track_caller]
pub(crate) fn fence(written: Ordering) {
    match weakened_at(Location::caller()) {
        None => loom::sync::atomic::fence(written),
        Some(site) if site.as_acq_rel => loom::sync::atomic::fence(Ordering::AcqRel),
        Some(_) => {}
    }
}

macro_rules! atomic {
    ($name:ident, $int:ty) => {
        /// As the standard library's.
        #[derive(Debug)]
        pub(crate) struct $name(loom::sync::atomic::$name);

        impl $name {
            #[track_caller]
            pub(crate) fn new(value: $int) -> Self {
                Self(loom::sync::atomic::$name::new(value))
            }

            #[track_caller]
            pub(crate) fn load(&self, written: Ordering) -> $int {
                self.0.load(order(written, Location::caller()))
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $int, written: Ordering) {
                self.0.store(value, order(written, Location::caller()));
            }

            #[track_caller]
            pub(crate) fn fetch_add(&self, value: $int, written: Ordering) -> $int {
                self.0.fetch_add(value, order(written, Location::caller()))
            }

            #[track_caller]
            pub(crate) fn fetch_or(&self, value: $int, written: Ordering) -> $int {
                self.0.fetch_or(value, order(written, Location::caller()))
            }
        }
    };
}

atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);
