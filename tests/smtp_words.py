"""Random SMTP sessions from a seed, behind the log-in: whole transactions and what is wrong with them."""

import random
from dataclasses import dataclass

GOOD = ("anna@firma.example", "bernd@x.example", "carla+weg@firma.example", "\"d e\"@x.example")
# What `smtp_server.py` refuses, each in its own way.
REFUSED = ("niemand@x.example", "spaeter@x.example", "voll@x.example")
BODIES = (
    b"Subject: eins\r\n\r\nGuten Tag\r\n", b"Subject: Punkt\r\n\r\n..\r\n.. zwei\r\n", b"\r\n", b"",
    b"Subject: lang\r\n\r\n" + b"x" * 900 + b"\r\n", b"Subject: roh \xe4\r\n\r\n\xf6\r\n",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """What is sent in one go, and how many replies answer it."""

    octets: bytes
    replies: int = 1


class Dialogues:
    """`steps(count)` gives a session's lines; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0

    def steps(self, count: int) -> list[Said]:
        made: list[Said] = []
        while len(made) < count:
            made += self._random.choices((self._transaction, self._stray), (3, 1))[0]()
        return made

    def _often(self, share: float) -> bool:
        return self._random.random() < share

    def _case(self, word: bytes) -> bytes:
        return word if self._often(0.7) else self._random.choice((word.lower(), word.title()))

    def _path(self, verb: bytes, address: str, parameters: list[bytes]) -> bytes:
        """MAIL or RCPT, spaced as clients do it."""
        space = self._random.choice((b"", b"", b"", b" "))
        tail = b"".join(b" " + each for each in parameters) + self._random.choice((b"", b"", b"", b" "))
        return self._case(verb) + space + b"<" + address.encode() + b">" + tail + b"\r\n"

    def _mail(self) -> bytes:
        parameters = [b"SIZE=%d" % self._random.randint(1, 5000), b"BODY=8BITMIME", b"RET=HDRS", b"ENVID=a+2Bb",
                      b"SMTPUTF8"]  # fmt: skip
        chosen = self._random.sample(parameters, self._random.choice((0, 0, 1, 2)))
        return self._path(b"MAIL FROM:", self._random.choice(("anna@firma.example", "", "weg@firma.example")), chosen)

    def _rcpt(self) -> bytes:
        parameters = [b"NOTIFY=SUCCESS,FAILURE", b"ORCPT=rfc822;a@b"]
        chosen = self._random.sample(parameters, self._random.choice((0, 0, 0, 1, 2)))
        address = self._random.choice(GOOD if self._often(0.65) else REFUSED)
        return self._path(b"RCPT TO:", address, chosen)

    def _transaction(self) -> list[Said]:
        lines = [self._mail(), *(self._rcpt() for _ in range(self._random.choice((1, 1, 2, 3, 5))))]
        if self._often(0.15):
            lines.insert(self._random.randint(1, len(lines)), self._mail())
        if self._often(0.15):
            lines.append(self._case(b"RSET") + b"\r\n")
        made = [Said(b"".join(lines), len(lines))] if self._often(0.5) else [Said(line) for line in lines]
        if self._often(0.8):
            self._number += 1
            body = self._random.choice(BODIES).replace(b"Subject: ", b"Subject: %d " % self._number)
            # What is sent behind 354; a DATA that is refused gets no message.
            made += [Said(self._case(b"DATA") + b"\r\n"), Said(body + b".\r\n", replies=0)]
        return made

    def _stray(self) -> list[Said]:
        """What comes where it does not belong."""
        small = self._random.choice((
            b"RSET", b"DATA", b"NOOP", b"VRFY anna", b"VRFY <anna@firma.example>", b"XYZZY", b"HELP", b"EXPN list",
            b"AUTH PLAIN AGEAYg==", b"EHLO client.example", b"NOOP x", b"RSET ", b"rset  ",
            b"MAIL", b"RCPT", b"MAIL FROM:", b"RCPT TO:", b"MAIL TO:<a@b>", b"RCPT FROM:<a@b>", b"RCPT TO:<>",
            b"MAIL FROM:<a@b> SIZE=x", b"MAIL FROM:<a@b> FOO=bar", b"RCPT TO:<a@b> FOO=bar", b"MAIL FROM:a@b",
            b"RCPT TO:<@x.example:bernd@x.example>", b"RCPT TO:<bernd>", b"DATA x",
            b"EHLO", b"QUITT", b"",
        ))  # fmt: skip
        return [Said(self._random.choice((self._rcpt(), self._mail(), self._case(small) + b"\r\n")))]
