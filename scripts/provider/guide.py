"""What the demo prints: where to connect, as whom, and commands that can be pasted."""

from dataclasses import dataclass
from pathlib import Path

from provider.people import EMPLOYEES, Employee


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the demo is to be found."""

    folder: Path
    ca_file: Path
    imap_port: int
    smtp_port: int
    web_port: int
    admin: str
    admin_password: str

    def mbsyncrc(self, employee: Employee) -> Path:
        """The ready configuration of mbsync for one employee."""
        return self.folder / f"mbsyncrc-{employee.address.partition('@')[0]}"

    def write_mbsyncrc(self, employee: Employee) -> None:
        """Write it, with an empty Maildir beside it."""
        name = employee.address.partition("@")[0]
        maildir = self.folder / f"mail-{name}"
        maildir.mkdir(exist_ok=True)
        self.mbsyncrc(employee).write_text(
            f"""IMAPAccount {name}
Host localhost
Port {self.imap_port}
User {employee.address}
Pass "{employee.password}"
SSLType IMAPS
CertificateFile {self.ca_file}

IMAPStore {name}-remote
Account {name}

MaildirStore {name}-local
Path {maildir}/
Inbox {maildir}/INBOX
SubFolders Verbatim

Channel {name}
Far :{name}-remote:
Near :{name}-local:
Patterns *
Create Near
SyncState *
"""
        )


def guide(place: Place) -> str:
    """The whole text."""
    users = "\n".join(
        f"    {each.address:<22} {each.password:<18} {each.name}, {each.role}" for each in EMPLOYEES.values()
    )
    anna, juergen, sofia = EMPLOYEES["anna"], EMPLOYEES["juergen"], EMPLOYEES["sofia"]
    config = f"--config {place.folder}/postbuch.toml"
    return f"""
The demo runs. Ctrl-C ends it.

  Mail programs    IMAP localhost:{place.imap_port}, SMTP localhost:{place.smtp_port}, both with implicit TLS
                   trust {place.ca_file}
  Web              https://localhost:{place.web_port}/

  User                   Password           Who (mail program and web)
{users}
    {place.admin:<22} {place.admin_password:<18} the administrator (web only)

  Fetch Anna's mail:
    mbsync -c {place.mbsyncrc(anna)} -a
  Send a PDF from Anna to Jürgen, with a blind copy to Sofia:
    swaks --server localhost --port {place.smtp_port} --tls-on-connect --tls-verify --tls-ca-path {place.ca_file} \\
      --auth PLAIN --auth-user {anna.address} --auth-password {anna.password} \\
      --from {anna.address} --to {juergen.address},{sofia.address} --header-To {juergen.address} \\
      --header 'Subject: Angebot zur Freigabe' --body 'Bitte prüfen.' \\
      --attach-type application/pdf --attach-name Angebot.pdf --attach @{place.folder}/Angebot.pdf
  Find it:
    .venv/bin/postbuch search Freigabe {config}
    .venv/bin/postbuch status {config}
"""
