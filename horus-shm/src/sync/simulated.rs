//! The standard library's atomics, with a step of the simulation before each access.

pub(crate) use std::sync::atomic::Ordering;

/// Nothing: what is simulated is sequentially consistent.
pub(crate) fn fence(_: Ordering) {}

macro_rules! atomic {
    ($name:ident, $int:ty) => {
        /// As the standard library's.
        #[derive(Debug)]
        #[repr(transparent)]
        pub(crate) struct $name(std::sync::atomic::$name);

        impl $name {
            pub(crate) const fn new(value: $int) -> Self {
                Self(std::sync::atomic::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $int {
                crate::sim::step("load");
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $int, order: Ordering) {
                crate::sim::step("store");
                self.0.store(value, order);
            }
        }
    };
}

macro_rules! integer {
    ($name:ident, $int:ty) => {
        atomic!($name, $int);

        impl $name {
            /// # Safety
            /// As the standard library's.
            pub(crate) const unsafe fn from_ptr<'a>(ptr: *mut $int) -> &'a Self {
                // SAFETY: the same layout, and what the caller answers for.
                unsafe { &*ptr.cast::<Self>() }
            }

            pub(crate) const fn as_ptr(&self) -> *mut $int {
                self.0.as_ptr()
            }

            /// Reads without a step, as the kernel does.
            pub(crate) fn unseen(&self) -> $int {
                self.0.load(Ordering::SeqCst)
            }

            pub(crate) fn fetch_add(&self, value: $int, order: Ordering) -> $int {
                crate::sim::step("add");
                self.0.fetch_add(value, order)
            }

            pub(crate) fn fetch_max(&self, value: $int, order: Ordering) -> $int {
                crate::sim::step("max");
                self.0.fetch_max(value, order)
            }

            pub(crate) fn fetch_or(&self, value: $int, order: Ordering) -> $int {
                crate::sim::step("or");
                self.0.fetch_or(value, order)
            }
        }
    };
}

atomic!(AtomicBool, bool);
integer!(AtomicU32, u32);
integer!(AtomicU64, u64);
