"""What can be wrong with a setting or a file that one names: each reason by its name, as in `reasons.py`."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from postbuch.archive.said import Named

# Enough to find it in the file.
MAX_SHOWN_CHARACTERS = 100
# What stands before the host of a URL: the sentence goes to the log.
_PASSWORD = re.compile(r"//[^/\s]*@")


class Setting(Named):
    """Of the configuration, and of the files that Postbuch makes or is given."""

    NO_ADDRESS = "'{text}' is not of the form host:port, for example 0.0.0.0:993"
    NO_ENDPOINT = "'{text}' must look like {scheme}://host:port (schemes: {schemes})"
    NO_PORT = "'{text}' has a port that is not a number from 1 to 65535"
    WITHOUT_TLS = "'{text}' is without TLS, which is accepted for loopback addresses only; use {scheme}://"
    WEB_WITHOUT_TLS = "'{text}' is without TLS, which is accepted for loopback addresses only"
    NO_PORTS = "'{text}' is not a range of ports from 1024 to 65535, for example 50000-50099"
    NO_IPV4 = "'{text}' is not an IPv4 address, for example 192.0.2.1"
    NO_DATABASE_URL = "the database URL must look like mysql://user:password@host/database"
    NO_HTTP_URL = "'{text}' must look like https://host/path"
    NO_NAME_SERVER = "'{text}' is not the IP address of a name server, for example 192.0.2.1"
    STAMP_UNCHECKED = "tsa_url needs tsa_ca_file: a stamp that cannot be checked proves nothing"
    DOMAIN_TWICE = "two upstreams claim the domain '{domain}': '{one}' and '{other}'"
    UPSTREAM_TWICE = "two upstreams have the same name"
    SIGNED_TWICE = "two [[signing]] tables are for the same domain; one key signs"
    NO_WHOLE_NUMBER = "is not a whole number: {text}"
    TOO_SMALL = "is {text}, but at least {number} is needed"
    TOO_LARGE = "is {text}, but at most {number} is possible"
    NO_TRUTH = "is neither true nor false: {text}"
    NO_TEXT = "is not a text in quotes: {text}"
    NO_LIST = "is not a list in brackets: {text}"
    NO_TABLE = "is not a table of settings: {text}"
    NO_CHOICE = "is {text}; possible are {choices}"
    EMPTY = "is empty"
    CHARACTERS = "is '{text}', which has characters that cannot stand there"
    NO_CA_FILE = "the key 'upstream.ca_file': {path}: {cause}"
    CA_FILE_EMPTY = "the key 'upstream.ca_file': {path} holds no certificate in PEM form"
    CA_KEY_UNREADABLE = "{path}: the CA key cannot be read: {cause}"
    CA_KEY_DAMAGED = "{path}: is not a private key; restore it from the backup of the folder"
    CA_KEY_OTHER = "{path}: is not an elliptic curve key; restore it from the backup of the folder"
    CERTIFICATE_MISSING = "{path}: is missing; run `postbuch init` first"
    CERTIFICATE_UNFIT = "{path}: the certificate and {key} do not fit"
    CERTIFICATE_UNUSABLE = "{path}: the certificate and {key} cannot be used: {cause}"
    NO_FOLDER = "{path}: the folder cannot be made or written: {cause}"
    NOT_WRITTEN = "{path}: cannot be written: {cause}"
    SIGNING_UNREADABLE = "the key 'signing.key_file': {path}: cannot be read: {cause}"
    SIGNING_DAMAGED = (
        "the key 'signing.key_file': {path}: is no private key in PEM without a password; "
        "`openssl genrsa -out FILE 2048` makes one"
    )
    SIGNING_OTHER = (
        "the key 'signing.key_file': {path}: is neither an RSA key of at least {bits} bits nor an Ed25519 key, which "
        "are all that DKIM knows"
    )
    NO_FTPS = "the key 'ftps.listen' is empty; name an address, for example 0.0.0.0:21"
    WEB_KEY_UNREADABLE = "{path}: cannot be read or written: {cause}"
    WEB_KEY_DAMAGED = "{path}: is damaged; remove it, and everybody logs in again"
    NO_ASSETS = "{path}: the web assets are missing; `npm ci --prefix webmail && node webmail/build.mjs` builds them"


def of_library(kind: str, found: object, limits: Mapping[str, Any]) -> str | None:
    """What pydantic found wrong with a value, by its name of it (`type`, `input`, `ctx`); None for what it is not.

    <https://docs.pydantic.dev/latest/errors/validation_errors/>
    """
    say = _OF_LIBRARY.get(kind)
    return None if say is None else say(_PASSWORD.sub("//…@", str(found))[:MAX_SHOWN_CHARACTERS], limits)


_OF_LIBRARY: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
                    lambda found, _: Setting.NO_WHOLE_NUMBER.said(text=found)),
    "greater_than_equal": lambda found, limits: Setting.TOO_SMALL.said(text=found, number=limits["ge"]),
    "greater_than": lambda found, limits: Setting.TOO_SMALL.said(text=found, number=limits["gt"] + 1),
    "less_than_equal": lambda found, limits: Setting.TOO_LARGE.said(text=found, number=limits["le"]),
    **dict.fromkeys(("bool_type", "bool_parsing"), lambda found, _: Setting.NO_TRUTH.said(text=found)),
    "string_type": lambda found, _: Setting.NO_TEXT.said(text=found),
    "list_type": lambda found, _: Setting.NO_LIST.said(text=found),
    **dict.fromkeys(("model_type", "dict_type", "model_attributes_type"),
                    lambda found, _: Setting.NO_TABLE.said(text=found)),
    "literal_error": lambda found, limits: Setting.NO_CHOICE.said(
        text=found, choices=limits["expected"].replace(" or ", ", ")
    ),
    **dict.fromkeys(("string_too_short", "too_short"), lambda _found, _: Setting.EMPTY.said()),
    "string_pattern_mismatch": lambda found, _: Setting.CHARACTERS.said(text=found),
}  # fmt: skip
