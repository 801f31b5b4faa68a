"""A real Dovecot on free loopback ports in a folder of its own: the pretend provider's mailboxes."""

import contextlib
import grp
import os
import pwd
import shutil
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import trustme

from provider.ports import accepts, free_port, wait_until

MAIL_USER = "mail"
# Dovecot never runs its log-in process as root.
LOGIN_USER = "nobody"
_STOP_PATIENCE_S = 10.0
# How long a command waits for the lock of a mailbox. A RENAME takes a lock along that another session holds just then
# (dovecot-uidlist.lock of Maildir), and it stays for as long as that session lives: with Dovecot's own two minutes each
# command on that mailbox would take as long.
LOCK_PATIENCE_S = 10

_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/run
protocols = imap lmtp
listen = 127.0.0.1
log_path = {folder}/dovecot.log
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_cache_size = 10M
auth_failure_delay = 1 secs
first_valid_uid = 1
mail_uid = {uid}
mail_gid = {gid}
mail_location = maildir:~/Maildir
mail_max_userip_connections = 0
mail_max_lock_timeout = {lock} secs
mail_fsync = never
maildir_very_dirty_syncs = yes
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
default_vsz_limit = 1G
default_client_limit = 4000
default_process_limit = 1000
imap_max_line_length = 2M
lmtp_rcpt_check_quota = no
lmtp_save_to_detail_mailbox = yes
lda_mailbox_autocreate = yes
postmaster_address = postmaster@localhost
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%Lu {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%Lu {folder}/users
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
  mailbox Drafts {{
    auto = subscribe
    special_use = \\Drafts
  }}
  mailbox Junk {{
    auto = subscribe
    special_use = \\Junk
  }}
  mailbox Trash {{
    auto = subscribe
    special_use = \\Trash
  }}
  mailbox Archive {{
    auto = subscribe
    special_use = \\Archive
  }}
}}
service imap-login {{
  chroot =
  service_count = 0
  client_limit = 4000
  process_min_avail = 1
  process_limit = 1
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 4000
  service_count = 1
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
}}
service anvil {{
  chroot =
  client_limit = 9000
}}
service auth {{
  client_limit = 9000
}}
service stats {{
  chroot =
  client_limit = 9000
}}
protocol lmtp {{
  auth_username_format = %Lu
}}
"""


class Dovecot:
    """One server with its users (address → password). Its certificate is from a root of its own, `ca_file`.

    `start` may be called again after `stop`; mailboxes and ports stay.
    """

    def __init__(
        self, folder: Path, users: Mapping[str, str], *, tls: bool = True, extra_configuration: str = ""
    ) -> None:
        self.folder = folder.absolute()
        self.users = dict(users)
        self.ca_file = self.folder / "ca.pem"
        self.imap_port, self.imaps_port, self.lmtp_port = free_port(), free_port(), free_port()
        self.tls = tls
        self._extra_configuration = extra_configuration
        self._process: subprocess.Popen[bytes] | None = None
        self._uid, self._gid = _mail_ids()

    @property
    def port(self) -> int:
        """Where clients connect: with implicit TLS, or plain."""
        return self.imaps_port if self.tls else self.imap_port

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        self._write_files()
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program is not None, "dovecot is not installed; scripts/setup installs it"
        # Tied to us (the tether also gives it a session of its own): it ends with us whatever happens to us.
        words = [sys.executable, "-m", "postbuch.cli.tether", str(os.getpid()), program, "-F"]
        with (self.folder / "dovecot.out").open("wb") as output:
            self._process = subprocess.Popen(
                [*words, "-c", str(self.folder / "dovecot.conf")],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=output,
            )  # fmt: skip
        wait_until(self._ready, "Dovecot")

    def stop(self) -> None:
        """End it and all of its processes. Harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def __enter__(self) -> "Dovecot":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def deliver(self, user: str, octets: bytes, mailbox: str = "INBOX") -> None:
        """Deliver by LMTP, as a provider's mail server does: Dovecot adds its own header fields.

        Another mailbox is addressed as `user+mailbox@domain` (RFC 5233); its name must be fit for an address.
        """
        if mailbox != "INBOX":
            name, _, domain = user.partition("@")
            user = f"{name}+{mailbox}@{domain}"
        with smtplib.LMTP("127.0.0.1", self.lmtp_port, timeout=60) as lmtp:
            lmtp.sendmail("", [user], octets)

    def fill(self, user: str, mailbox: str, messages: Iterable[tuple[bytes, int, str]]) -> None:
        """Put messages (octets, arrival in seconds since 1970, Maildir flags such as `S`) into a mailbox, unaltered.

        Quick and behind the server's back: the files are written as the Maildir format has them.
        """
        root = self.folder / "mail" / user.lower() / "Maildir"
        box = root if mailbox == "INBOX" else root / ("." + mailbox.replace("/", "."))
        for name in ("cur", "new", "tmp"):
            (box / name).mkdir(parents=True, exist_ok=True)
        start = sum(1 for _ in (box / "cur").iterdir())
        for number, (octets, at, flags) in enumerate(messages, start):
            path = box / "cur" / f"{at}.M{number:06d}P1.postbuch,S={len(octets)}:2,{flags}"
            path.write_bytes(octets)
            os.utime(path, (at, at))
        self._own(self.folder / "mail" / user.lower())

    def maildir(self, user: str) -> Path:
        """The folder of a user's Maildir."""
        return self.folder / "mail" / user.lower() / "Maildir"

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError("Dovecot ended: " + (self.folder / "dovecot.out").read_text())
        return accepts(self.imap_port) and accepts(self.imaps_port) and accepts(self.lmtp_port)

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.ca_file.exists():
            authority = trustme.CA()
            # fetchmail takes no certificate without a common name.
            certificate = authority.issue_cert("localhost", "127.0.0.1", common_name="localhost")
            certificate.private_key_pem.write_to_path(str(self.folder / "server.key"))
            for number, pem in enumerate(certificate.cert_chain_pems):
                pem.write_to_path(str(self.folder / "server.pem"), append=number > 0)
            authority.cert_pem.write_to_path(str(self.ca_file))
        lines = []
        for address, password in self.users.items():
            home = self.folder / "mail" / address.lower()
            home.mkdir(parents=True, exist_ok=True)
            lines.append(f"{address.lower()}:{{PLAIN}}{password}:{self._uid}:{self._gid}::{home}::\n")
        (self.folder / "users").write_text("".join(lines))
        internal = pwd.getpwuid(os.geteuid())
        group = _group_name(internal.pw_gid)
        text = _CONFIGURATION.format(
            folder=self.folder, imap_port=self.imap_port, imaps_port=self.imaps_port, lmtp_port=self.lmtp_port,
            uid=self._uid, gid=self._gid, internal=internal.pw_name, internal_group=group,
            login=LOGIN_USER if os.geteuid() == 0 else internal.pw_name, lock=LOCK_PATIENCE_S,
        )  # fmt: skip
        (self.folder / "dovecot.conf").write_text(text + self._extra_configuration)
        self._own(self.folder / "mail")

    def _own(self, folder: Path) -> None:
        if os.geteuid() != 0:
            return
        for path, _, names in os.walk(folder):
            os.chown(path, self._uid, self._gid)
            for name in names:
                os.chown(Path(path) / name, self._uid, self._gid)
        for parent in folder.parents:  # Debian's `mail` must be able to walk to its home
            if parent == Path("/tmp") or parent.stat().st_uid != 0:
                break
            parent.chmod(parent.stat().st_mode | 0o011)


def _mail_ids() -> tuple[int, int]:
    """Whose files the mailboxes are: root may not own mail, so it is Debian's `mail`; else whoever runs this."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    user = pwd.getpwnam(MAIL_USER)
    return user.pw_uid, user.pw_gid


def _group_name(gid: int) -> str:
    return grp.getgrgid(gid).gr_name
