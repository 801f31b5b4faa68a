"""What people take a file for, by its type and name. Pure."""

import mimetypes

FAMILIES = (
    "pdf", "image", "document", "sheet", "slides", "text", "mail", "calendar", "archive", "audio", "video", "file",
)
_BY_TYPE = {
    "application/pdf": "pdf",
    "text/calendar": "calendar",
    "text/csv": "sheet",
    "message/rfc822": "mail",
    "application/zip": "archive",
    "application/gzip": "archive",
    "application/msword": "document",
    "application/rtf": "document",
    "application/vnd.ms-excel": "sheet",
    "application/vnd.ms-powerpoint": "slides",
}


def family(content_type: str, name: str = "") -> str:
    """One of FAMILIES, by what a sender says of it."""
    if content_type in _BY_TYPE:
        return _BY_TYPE[content_type]
    for word, found in (("wordprocessing", "document"), ("spreadsheet", "sheet"), ("presentation", "slides")):
        if word in content_type:
            return found
    major = content_type.partition("/")[0]
    if major in ("image", "audio", "video", "text"):
        return major
    guessed = mimetypes.guess_type(name)[0]
    return family(guessed) if guessed and guessed != content_type else "file"
