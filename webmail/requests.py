"""What a browser asks for, with an address as old programs write it read by its meaning."""

from typing import Any
from urllib.parse import quote

import flask

from postbuch.archive import percent

# Our forms are small; a marked page of letters is the largest.
MAX_FORM_OCTETS = 262_144


def written(asked: flask.Request) -> str:
    """The path and the arguments as they were asked for, written so that `login.local_path` takes them."""
    path = quote(asked.path, safe="/~@:!$&'()*+,;=-._")
    # Browsers leave a backslash in arguments as it is, where it does no harm: it escapes in the links of lists.
    arguments = asked.query_string.decode("latin-1").replace("\\", "%5C")
    return f"{path}?{arguments}" if arguments else path


class Request(flask.Request):
    """Links in Word, Excel and CRM programs may have their umlauts in Windows-1252; the rest of the web is UTF-8."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if b"%" in self.query_string:
            self.query_string = percent.as_utf8(self.query_string.decode("latin-1")).encode("latin-1")

    @property
    def want_form_data_parsed(self) -> bool:
        """Only what our forms send: none has a file. Of multipart a part without a name would be one without a key."""
        return self.mimetype == "application/x-www-form-urlencoded"
