"""Octets of the archive as a file: whole, in part (RFC 9110 section 14), or not again (section 13).

They never change, so their SHA-256 is a strong ETag, and what is asked is decided before anything is read (`prepared`).
What is given is put on record before, and an answer without octets costs no reading (`given`).
"""

import hashlib
from collections.abc import Callable

from flask import Response, request
from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable

from postbuch.webmail import filenames, policy
from postbuch.webmail.policy import Kind

OCTETS = "application/octet-stream"


def prepared(sha256: str, size_octets: int, name: str, content_type: str = OCTETS) -> Response:
    """The answer to this request without its octets, in the order of section 13.2.2. sha256: in hex."""
    policy.mark(Kind.FILE)
    answer = Response(content_type=content_type)
    answer.headers["Content-Disposition"] = filenames.disposition("attachment", name)
    answer.content_length = size_octets
    answer.accept_ranges = "bytes"
    answer.set_etag(sha256)
    if request.if_match and not request.if_match.contains(sha256):
        answer.status_code = 412
    elif request.if_none_match.contains_weak(sha256):
        answer.status_code = 304
    elif asked := _in_part(answer.headers["ETag"], size_octets):
        begin, end = asked
        answer.status_code = 206 if begin < end else 416
        if begin < end:
            answer.content_length = end - begin
            answer.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size_octets}"
    return answer


def given(answer: Response, octets: Callable[[], bytes], record: Callable[[dict[str, str]], None]) -> Response:
    """The answer with its octets, for which the whole is read. What cannot be answered becomes an error.

    record: puts a download on record, with what is said here of it where not all octets are given.
    """
    found = answer.content_range
    if request.method == "HEAD" or answer.status_code not in (200, 206):
        record({"given": "nothing"})
    else:
        record({"given": f"{found.start}-{(found.stop or 1) - 1}"} if answer.status_code == 206 else {})
    if answer.status_code == 416:
        raise RequestedRangeNotSatisfiable(answer.content_length)
    if answer.status_code == 412:
        raise PreconditionFailed
    if request.method == "HEAD" or answer.status_code == 304:
        return answer
    whole = octets()
    if hashlib.sha256(whole).hexdigest() != answer.get_etag()[0]:  # a part that an older version decoded otherwise
        if answer.status_code == 206:
            record({})
        return _as_it_is(answer, whole)
    answer.set_data(whole[found.start : found.stop] if answer.status_code == 206 else whole)
    return answer


def _as_it_is(answer: Response, whole: bytes) -> Response:
    """All octets, with nothing said of them that would have parts of two files put together."""
    for name in ("ETag", "Accept-Ranges", "Content-Range"):
        answer.headers.pop(name, None)
    answer.status_code = 200
    answer.set_data(whole)
    return answer


def _in_part(etag: str, size_octets: int) -> tuple[int, int] | None:
    """Begin and end of the one range that is asked for; the end is the begin where that is behind all octets.

    A range of another kind, several ones, or one of what was there before (If-Range) are passed over.
    """
    asked = request.range
    if request.method != "GET" or asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or not size_octets:
        return None
    if request.headers.get("If-Range", etag) != etag:
        return None
    begin, end = asked.ranges[0]
    if begin < 0:  # the last ones, all of them where there are no more (section 14.1.2)
        begin = max(begin + size_octets, 0)
    return begin, max(min(end or size_octets, size_octets), begin)
