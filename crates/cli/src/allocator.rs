//! The allocator, and for how long it keeps what was freed.

use libmimalloc_sys::{mi_option_set, mi_option_set_default, mi_option_t};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of `mi_option_e` (mimalloc.h, the same in versions 2 and 3), which the bindings do not name.
const PURGE_DELAY: mi_option_t = 15;
/// Milliseconds; mimalloc's own default is a second.
const KEPT: i32 = 5_000;
/// Nothing is given back.
const ALL: i32 = -1;

/// Has freed memory kept for longer before it is given back to the system. Ingest frees what it will need again a moment later, and giving it back
/// interrupts all threads: on virtual machines where that is dear it took a tenth of a run. `MIMALLOC_PURGE_DELAY` still has the last word.
#[expect(unsafe_code, reason = "the allocator's options have no safe interface")]
pub(crate) fn keep_freed_memory() {
    // SAFETY: the function stores a number, and there is no other thread yet: this is called before anything else.
    unsafe { mi_option_set_default(PURGE_DELAY, KEPT.into()) }
}

/// At the end of the program the system takes all memory at once: mimalloc need not give it back piece by piece before.
#[expect(unsafe_code, reason = "the allocator's options have no safe interface")]
pub(crate) fn leave_memory() {
    // SAFETY: the function stores a number, which is read whole wherever it is read.
    unsafe { mi_option_set(PURGE_DELAY, ALL.into()) }
}
