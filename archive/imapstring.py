"""Quoted strings as IMAP has them (RFC 9051 section 4.3). Pure."""


def quoted(octets: bytes) -> bytes | None:
    """The octets as one; None where there is CR, LF or NUL among them. Whether 8 bits are taken, the caller knows."""
    if any(octet in octets for octet in b"\r\n\0"):
        return None
    return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
