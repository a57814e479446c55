#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| horus_fuzz::run("launch_file", bytes));
