"""The commented example of the configuration, made from the models so that it cannot drift from them.

It stands in `docs/configuration.md`; a test holds the two together.
"""

from typing import Any

from postbuch.archive.config import (
    Config,
    Database,
    Dns,
    Ftps,
    Imap,
    Ledger,
    Section,
    Signing,
    Submission,
    Upstream,
    Verify,
    Web,
)

_EXAMPLE_UPSTREAM: dict[str, Any] = {
    "name": "provider",
    "domains": ["firma.example"],
    "imap": "imaps://imap.provider.example:993",
    "submission": "smtps://smtp.provider.example:465",
}
_EXAMPLE_SIGNING: dict[str, Any] = {"domain": "firma.example", "selector": "postbuch", "key_file": "dkim.pem"}
_SECTIONS: dict[str, type[Section]] = {
    "database": Database, "imap": Imap, "submission": Submission, "web": Web, "ftps": Ftps, "ledger": Ledger,
    "verify": Verify, "dns": Dns,
}


def example() -> str:
    """The file as text."""
    lines = [f'data_dir = "{Config.model_fields["data_dir"].default}"']
    for name, model in _SECTIONS.items():
        lines += ["", f"[{name}]", *_keys(model, {})]
    lines += ["", "[[upstream]]", *_keys(Upstream, _EXAMPLE_UPSTREAM)]
    # As a comment: the key has to be made first.
    lines += ["", *(f"# {line}" for line in ("[[signing]]", *_keys(Signing, _EXAMPLE_SIGNING)))]
    return "\n".join(lines) + "\n"


def _keys(model: type[Section], values: dict[str, Any]) -> list[str]:
    out = []
    for key, field in model.model_fields.items():
        setting = f"{key} = {_toml(values.get(key, field.get_default(call_default_factory=True)))}"
        out.append(f"{setting:<40} # {field.description}" if field.description else setting)
    return out


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value) if isinstance(value, int) else '"' + str(value) + '"'
