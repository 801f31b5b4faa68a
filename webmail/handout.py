"""Octets of the archive as a file: whole, in part (RFC 9110 section 14), or not again (section 13).

They never change, so their SHA-256 is a strong ETag, and what is asked is decided before anything is read. First
`prepared`, then the record of what is `given`, then `filled`: an answer without octets costs none.
"""

import hashlib
from collections.abc import Callable

from flask import Response, request
from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable
from werkzeug.http import is_resource_modified, parse_range_header

from postbuch.webmail import filenames, policy
from postbuch.webmail.policy import Kind

OCTETS = "application/octet-stream"


def prepared(sha256: str, size_octets: int, name: str, content_type: str = OCTETS) -> Response:
    """The answer to this request without its octets. sha256: in hex."""
    policy.mark(Kind.FILE)
    answer = Response(content_type=content_type)
    answer.headers["Content-Disposition"] = filenames.disposition("attachment", name)
    answer.content_length = size_octets
    answer.accept_ranges = "bytes"
    answer.set_etag(sha256)
    try:
        answer.make_conditional(request, accept_ranges=_in_part(answer, size_octets), complete_length=size_octets)
    except RequestedRangeNotSatisfiable:
        answer.status_code = 416
    return answer


def given(answer: Response) -> dict[str, str]:
    """For the record: which octets are given where those are not all."""
    if request.method == "HEAD" or answer.status_code not in (200, 206):
        return {"given": "nothing"}
    found = answer.content_range
    return {"given": f"{found.start}-{(found.stop or 1) - 1}"} if answer.status_code == 206 else {}


def filled(answer: Response, octets: Callable[[], bytes]) -> Response:
    """The answer with its octets, for which the whole is read. What cannot be answered becomes an error."""
    if answer.status_code == 416:
        raise RequestedRangeNotSatisfiable(answer.content_length)
    if answer.status_code == 412:
        raise PreconditionFailed
    if request.method == "HEAD" or answer.status_code == 304:
        return answer
    whole, found = octets(), answer.content_range
    if hashlib.sha256(whole).hexdigest() != answer.get_etag()[0]:  # a part that an older version decoded otherwise
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


def _in_part(answer: Response, size_octets: int) -> bool:
    """Whether the request asks for one range that can be given, or for one behind the end.

    A range of another kind, several ones, or one of what has not changed (sections 13.2.2, 14.2) are passed over.
    """
    asked = parse_range_header(request.headers.get("Range"))
    single = asked is not None and asked.units == "bytes" and len(asked.ranges) == 1
    modified = is_resource_modified(request.environ, answer.headers.get("ETag"))
    return request.method == "GET" and single and modified and size_octets > 0
