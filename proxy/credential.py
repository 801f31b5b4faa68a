"""What a client logs in with."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a client, or we for him, log in with. `repr` hides the password."""

    user: bytes
    password: bytes = field(repr=False)
    opens: str = ""  # the account, where the log-in name does not say it

    @property
    def account(self) -> str:
        """The account's name: the log-in name in lower case, if it is not another."""
        return self.opens or self.user.decode("utf-8", "replace").strip().lower()
