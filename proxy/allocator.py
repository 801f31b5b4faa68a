"""How the C library keeps memory that the process gave back for a moment.

By default glibc asks the kernel for every block above 128 KiB anew and gives what is free at the end of its heap back
at once. A chunk of 256 KiB lives for a millisecond here: each time the kernel would clear its pages again, a sixth of
the processor time of a large download.
"""

import ctypes

# mallopt(3): M_TRIM_THRESHOLD and M_MMAP_THRESHOLD in <malloc.h>; setting one keeps glibc from moving either.
_TRIM, _MMAP = -1, -3
# 8 MiB stay in hand: the blocks of a dozen downloads at the same moment, half of what a message of 100 MB may cost.
KEPT_OCTETS = 8 * 1024 * 1024
# 1 MiB: above every block of a transfer (512 KiB at most); larger ones are rare and go back to the kernel.
LARGE_OCTETS = 1024 * 1024


def keep_freed_memory() -> None:
    """Set both limits. Does nothing where the C library has no such thing (musl)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP, LARGE_OCTETS)
        mallopt(_TRIM, KEPT_OCTETS)
