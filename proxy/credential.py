"""What a client logs in with."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a client logs in with. `repr` hides the password."""

    user: bytes
    password: bytes = field(repr=False)

    @property
    def account(self) -> str:
        """The account's name: the log-in name in lower case."""
        return self.user.decode("utf-8", "replace").strip().lower()
