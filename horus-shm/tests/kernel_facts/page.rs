//! When a file takes a page and when it gives it back.

use crate::process::{Cue, Role, ShmFolder};
use crate::region::{Region, page_bytes, reopen, sparse_file, taken_bytes};
use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::Errno;
use rustix::mm::{Advice, MprotectFlags, ProtFlags};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

const PAGES: usize = 16;
const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);
const PUNCH: FallocateFlags = FallocateFlags::PUNCH_HOLE.union(FallocateFlags::KEEP_SIZE);

fn sixteen_pages(folder: &ShmFolder) -> (OwnedFd, usize) {
    let bytes = PAGES * page_bytes();
    (sparse_file(folder, "file", bytes), bytes)
}

/// Role: maps the file given, reads a byte and reads it again each time it is told to.
pub(crate) fn look_at_punched(cue: &mut Cue) {
    let file = reopen(&cue.argument::<PathBuf>(), OFlags::RDONLY);
    let region = Region::shared(&file, page_bytes(), ProtFlags::READ);
    drop(file);
    cue.say(&region.read(0).to_string());
    while let Some("look") = cue.listen().as_deref() {
        cue.say(&region.read(0).to_string());
    }
}

#[test]
fn reading_a_hole_through_a_mapping_takes_a_page() {
    let folder = ShmFolder::new();
    let (file, bytes) = sixteen_pages(&folder);
    let region = Region::shared(&file, bytes, ProtFlags::READ);
    assert_eq!(taken_bytes(&file), 0, "mapping takes nothing");
    assert_eq!(region.read(0), 0);
    assert!(taken_bytes(&file) >= page_bytes() as u64, "reading does");
}

#[test]
fn reading_a_hole_with_pread_takes_nothing() {
    let folder = ShmFolder::new();
    let (file, bytes) = sixteen_pages(&folder);
    let mut buffer = vec![1; bytes];
    assert_eq!(rustix::io::pread(&file, &mut buffer, 0), Ok(bytes));
    assert!(buffer.iter().all(|byte| *byte == 0));
    assert_eq!(taken_bytes(&file), 0);
}

#[test]
fn reserving_takes_the_pages_at_once_and_touching_them_no_more() {
    let folder = ShmFolder::new();
    let (file, bytes) = sixteen_pages(&folder);
    let half = bytes / 2;
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, half as u64).expect("room");
    assert_eq!(taken_bytes(&file), half as u64);
    let region = Region::shared(&file, half, READ_WRITE);
    region.advise(Advice::LinuxPopulateWrite).expect("reserved");
    for page in 0..PAGES / 2 {
        assert_eq!(region.read(page * page_bytes()), 0);
        region.write(page * page_bytes(), 1);
    }
    assert_eq!(taken_bytes(&file), half as u64);
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, half as u64).expect("again is fine");
    assert_eq!((taken_bytes(&file), region.read(0)), (half as u64, 1), "and keeps what is there");
}

#[test]
fn a_punched_hole_frees_its_memory_though_others_map_it() {
    let folder = ShmFolder::new();
    let (file, bytes) = sixteen_pages(&folder);
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes as u64).expect("room");
    let region = Region::shared(&file, bytes, READ_WRITE);
    region.write(0, 7);
    region.write(page_bytes(), 8);
    let path = folder.path().join("file");
    let mut other = Role::new("look_at_punched").argument(path.display()).spawn();
    other.expect("7");

    rustix::fs::fallocate(&file, PUNCH, 0, page_bytes() as u64).expect("tmpfs punches");
    assert_eq!(taken_bytes(&file), (bytes - page_bytes()) as u64, "one page is free though mapped twice");
    assert_eq!(region.read(page_bytes()), 8, "the next page is untouched");
    assert_eq!(rustix::fs::fstat(&file).expect("open").st_size, bytes as i64, "the file keeps its length");
    other.tell("look");
    other.expect("0");

    std::fs::remove_file(&path).expect("there");
    rustix::fs::fallocate(&file, PUNCH, 0, bytes as u64).expect("a file without a name is punched too");
    assert_eq!(taken_bytes(&file), 0);
    other.finish();
}

#[test]
fn what_is_mapped_outlives_its_name() {
    let folder = ShmFolder::new();
    let (file, bytes) = sixteen_pages(&folder);
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, bytes as u64).expect("room");
    let region = Region::shared(&file, bytes, READ_WRITE);
    region.write(0, 7);
    drop(file);
    std::fs::remove_file(folder.path().join("file")).expect("there");
    assert_eq!(region.read(0), 7);
    region.write(0, 9);
    assert_eq!(region.read(0), 9);
}

#[test]
fn an_unreadable_mapping_takes_no_page_and_opens_later_without_a_descriptor() {
    let folder = ShmFolder::new();
    let (file, bytes) = sixteen_pages(&folder);
    rustix::io::pwrite(&file, &[5], page_bytes() as u64).expect("room");
    let taken = taken_bytes(&file);
    let reader = reopen(&folder.path().join("file"), OFlags::RDONLY);
    let region = Region::shared(&reader, bytes, ProtFlags::empty());
    drop(reader);
    region.protect(page_bytes(), page_bytes(), MprotectFlags::READ).expect("opened for reading");
    assert_eq!(region.read(page_bytes()), 5);
    assert_eq!(taken_bytes(&file), taken, "no page but the one that was there");
    let writable = region.protect(0, page_bytes(), MprotectFlags::READ | MprotectFlags::WRITE);
    assert_eq!(writable, Err(Errno::ACCESS), "but never for writing, if the file wasn't");
}
