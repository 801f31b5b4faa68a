"""Octets as text, by the charset they claim and by what they are. Pure, linear, never raises on content."""

# Codecs that are no charset of a mail: slow by design (punycode is quadratic) or not text.
_NO_CHARSET = {"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "utf_7_imap"}


def decode_octets(octets: bytes, charset: str | None) -> str:
    """Octets as text: by the charset they claim, else UTF-8, else Windows-1252. Never raises."""
    for name in (charset, "utf-8"):
        if not name or name.lower().replace("-", "_") in _NO_CHARSET:
            continue
        try:
            return octets.decode(name)
        except (LookupError, ValueError, UnicodeError):
            continue
        except Exception:  # noqa: S112 - some codecs raise their own (zlib.error, binascii.Error, AssertionError)
            continue
    return octets.decode("cp1252", "replace")
