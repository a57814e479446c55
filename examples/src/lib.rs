//! Rust nodes to copy from, one program each in `src/bin`; the Python ones lie beside this crate.
