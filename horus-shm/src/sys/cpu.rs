//! What the processor is asked for beyond what the language knows: its counter of time, and hints.

/// Returns the time stamp counter, which may be read a few nanoseconds early; 0 where there is none to use.
#[inline]
pub(crate) fn ticks() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: reads a counter; every x86-64 processor has it, and Linux lets programs read it unless a program
    // asks for a signal instead (PR_SET_TSC), which then is what it asked for.
    unsafe {
        std::arch::x86_64::_rdtsc()
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    0
}

/// Returns whether [`ticks`] counts at one rate, whatever the core does, as the processor says.
pub(crate) fn has_steady_ticks() -> bool {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::__cpuid;
        const POWER: u32 = 0x8000_0007;
        const INVARIANT_TSC: u32 = 1 << 8;
        __cpuid(0x8000_0000).eax >= POWER && __cpuid(POWER).edx & INVARIANT_TSC != 0
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    false
}

/// Returns how many processors the machine runs, whichever of them this process may use; 1 where that isn't told.
pub(crate) fn online() -> usize {
    // SAFETY: asks for a number, and takes no pointer.
    let count = unsafe { nix::libc::sysconf(nix::libc::_SC_NPROCESSORS_ONLN) };
    usize::try_from(count).unwrap_or(1)
}

/// Asks for the cache line of a byte to be written soon, so that the stores needn't wait for it. Changes nothing.
#[inline]
pub(crate) fn prefetch_to_write(byte: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint: it touches neither registers nor memory and can't fault. Processors without it do nothing.
    unsafe {
        std::arch::asm!("prefetchw byte ptr [{}]", in(reg) byte, options(nostack, preserves_flags));
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pstl1keep, [{}]", in(reg) byte, options(nostack, preserves_flags));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = byte;
}

/// Asks for the cache line of a byte to be read soon. Changes nothing, and the address needn't be mapped.
#[inline]
pub(crate) fn prefetch_to_read(byte: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint that can't fault; every x86-64 processor has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(byte.cast());
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: a hint: it touches neither registers nor memory and can't fault.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) byte, options(nostack, preserves_flags));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = byte;
}
