"""What pyftpdlib asks of its surroundings: paths, who may do what; and what the sessions of a process share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from postbuch.archive.reasons import Files
from postbuch.webmail.ftps_library import AbstractedFS
from postbuch.webmail.ftps_visit import Visit
from postbuch.webmail.upstream import Verdict


class VirtualPaths(AbstractedFS):  # type: ignore[misc] # pyftpdlib ships no types
    """Paths as the client writes them, from `/` on; no path of this machine is ever made of them."""

    def validpath(self, path: str) -> bool:
        """Nothing is outside: `ftp2fs` has resolved every `..` below `/`."""
        return path.startswith("/")


class Door:
    """pyftpdlib's authorizer, for sessions that know themselves who they are for."""

    def validate_authentication(self, username: str, password: str, handler: Any) -> None:
        handler.log_in(username, password)

    def get_home_dir(self, _username: str) -> str:
        return "/"

    def get_msg_login(self, _username: str) -> str:
        return str(Files.WELCOME.said())

    def get_msg_quit(self, _username: str) -> str:
        return "Goodbye."

    def has_perm(self, _username: str, perm: str, _path: str | None = None) -> bool:
        return perm in "elr"

    def get_perms(self, _username: str) -> str:
        return "elr"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the sessions of a process have in common.

    `admit`: log-in name, password and client address → what came of it, and the visit when it was right; no verdict
    when there were too many tries. `context`: a TLS context for one client, whose tickets are good for so many seconds.
    """

    admit: Callable[[str, str, str], tuple[Verdict | None, Visit | None]]
    context: Callable[[int], Any]
    requires_resumption: bool
