"""What the operating system says of a file or a connection, as reasons that have their German.

The sentence in English is the system's own, so that logs and tables say what every other program says.
"""

from postbuch.archive.said import Named


class System(Named):
    """The usual ones by the names of errno.h, in the words of glibc; a test holds them to it."""

    EPERM = "Operation not permitted"
    ENOENT = "No such file or directory"
    EIO = "Input/output error"
    EACCES = "Permission denied"
    EEXIST = "File exists"
    EXDEV = "Invalid cross-device link"
    ENOTDIR = "Not a directory"
    EISDIR = "Is a directory"
    EINVAL = "Invalid argument"
    EMFILE = "Too many open files"
    EFBIG = "File too large"
    ENOSPC = "No space left on device"
    EROFS = "Read-only file system"
    EPIPE = "Broken pipe"
    ENAMETOOLONG = "File name too long"
    ENOTEMPTY = "Directory not empty"
    ELOOP = "Too many levels of symbolic links"
    EADDRINUSE = "Address already in use"
    EADDRNOTAVAIL = "Cannot assign requested address"
    ENETUNREACH = "Network is unreachable"
    ECONNRESET = "Connection reset by peer"
    ETIMEDOUT = "Connection timed out"
    ECONNREFUSED = "Connection refused"
    EHOSTUNREACH = "No route to host"
    EDQUOT = "Disk quota exceeded"


def cause(error: OSError) -> str:
    """What the system says of it; what is none of these, as a library of TLS says it, stays as it is.

    By the words and not by the number: those of `ssl` and `getaddrinfo` count otherwise.
    """
    words = error.strerror or str(error)
    known = _BY_WORDS.get(words)
    return words if known is None else known.said()


_BY_WORDS = {each.value: each for each in System}
