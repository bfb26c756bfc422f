//! The file in which tasks say that they ran, and when: first and last time per thread, and a count for each task.
//!
//! `suite/stamps.py` describes the layout, makes the file and reads it. A task costs two stores in shared memory and one
//! look at the clock, so that what is measured is the worker.

use std::cell::Cell;
use std::env;
use std::fs::OpenOptions;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use nix::time::{ClockId, clock_gettime};

/// The variable that names the file.
const VARIABLE: &str = "BENCH_STAMPS";

/// Slots in the file; threads beyond them share.
const SLOTS: u64 = 256;

/// Bytes of the header, and of each slot: a cache line, lest threads wait for one another.
const LINE: usize = 64;

thread_local! {
    static SLOT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The mapped file.
struct Stamps {
    start: NonNull<u8>,
    len: usize,
}

// The mapping is never undone, and all access is atomic.
#[expect(unsafe_code, reason = "a raw pointer is not `Send` by itself")]
unsafe impl Send for Stamps {}
#[expect(unsafe_code, reason = "a raw pointer is not `Sync` by itself")]
unsafe impl Sync for Stamps {}

impl Stamps {
    fn open() -> Self {
        let path = env::var_os(VARIABLE).expect("the harness names the file of stamps");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .expect("the harness has made the file of stamps");
        let len = file.metadata().expect("an open file has a length").len();
        let len = usize::try_from(len).expect("the file fits into memory");
        let size = NonZeroUsize::new(len).expect("the file has a header");
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        #[expect(
            unsafe_code,
            reason = "nobody cuts the file short while workers have it"
        )]
        let start = unsafe { mmap(None, size, access, MapFlags::MAP_SHARED, file, 0) };
        Self {
            start: start.expect("the file can be mapped").cast(),
            len,
        }
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset + 8 <= self.len && offset.is_multiple_of(8));
        #[expect(
            unsafe_code,
            reason = "the offset is in the mapping, which is aligned to a page"
        )]
        unsafe {
            AtomicU64::from_ptr(self.start.as_ptr().add(offset).cast())
        }
    }

    fn byte(&self, offset: usize) -> &AtomicU8 {
        assert!(offset < self.len);
        #[expect(unsafe_code, reason = "the offset is in the mapping")]
        unsafe {
            AtomicU8::from_ptr(self.start.as_ptr().add(offset))
        }
    }

    /// Where this thread's slot begins.
    fn slot(&self) -> usize {
        SLOT.get().unwrap_or_else(|| {
            let number = self.word(0).fetch_add(1, Ordering::Relaxed) % SLOTS;
            let slot = LINE + LINE * usize::try_from(number).expect("there are few slots");
            SLOT.set(Some(slot));
            slot
        })
    }
}

/// Notes that task number `n` runs at this moment.
///
/// # Panics
/// If the file cannot be used, or is not made for so many tasks.
pub(crate) fn stamp(n: usize) {
    static STAMPS: OnceLock<Stamps> = OnceLock::new();
    let stamps = STAMPS.get_or_init(Stamps::open);
    let now = now();
    let slot = stamps.slot();
    let tasks = LINE + LINE * usize::try_from(SLOTS).expect("there are few slots");
    stamps.byte(tasks + n).fetch_add(1, Ordering::Relaxed);
    stamps.word(slot).fetch_min(now, Ordering::Relaxed);
    stamps.word(slot + 8).fetch_max(now, Ordering::Relaxed);
    // Last: who sees the count sees the rest.
    stamps.word(slot + 16).fetch_add(1, Ordering::Release);
}

/// Nanoseconds of the clock that all processes share.
fn now() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("the clock can be read");
    u64::try_from(now.tv_sec() * 1_000_000_000 + now.tv_nsec()).expect("time is not negative")
}
