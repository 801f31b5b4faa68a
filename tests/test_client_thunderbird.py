"""Thunderbird, as Debian has it: synchronise, read, flag, move, delete, send and file."""

import re
from typing import Any
from urllib.parse import quote

from mail_clients import BothSides, Side
from marionette import Marionette, thunderbird

from provider.ports import wait_until

Preferences = dict[str, str | int | bool]

MODULES = """
    const { MailUtils } = ChromeUtils.importESModule("resource:///modules/MailUtils.sys.mjs");
    const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");
    const server = MailServices.accounts.accounts[0].incomingServer;
    const root = server.rootFolder;
    const at = (path) => MailUtils.getExistingFolder(root.URI + "/" + path);
    const finished = (start) => new Promise((good, bad) => start({
        QueryInterface: ChromeUtils.generateQI(["nsIUrlListener", "nsIMsgCopyServiceListener", "nsIMsgSendListener"]),
        OnStartRunningUrl() {},
        OnStopRunningUrl(url, code) { code ? bad(new Error(code.toString(16))) : good(); },
        onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() { return null; },
        onStopCopy(code) { code ? bad(new Error(code.toString(16))) : good(); },
    }));
    const update = (folder) => finished((listener) =>
        folder.QueryInterface(Ci.nsIMsgImapMailFolder).updateFolderWithListener(null, listener));
    const called = (folder, subject) => [...folder.messages].find((each) => each.mime2DecodedSubject === subject);
"""

TRUST = """
    const [octets] = given;
    Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB).addCertFromBase64(octets, "C,,");
"""

REMEMBER = """
    const [user, password] = given;
    for (const origin of ["imap://localhost", "smtp://localhost"]) {
        const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
        login.init(origin, null, origin, user, password, "", "");
        await Services.logins.addLoginAsync(login);
    }
"""

# Log in, which also brings the mailboxes; then headers until all are there, and the messages whole.
SYNCHRONISE = MODULES + """
    const [counts] = given;
    const { setTimeout } = ChromeUtils.importESModule("resource://gre/modules/Timer.sys.mjs");
    const until = async (condition) => {
        while (!condition()) await new Promise((next) => setTimeout(next, 50));
    };
    await update(at("INBOX"));
    await until(() => Object.keys(counts).every(at));
    const seen = {};
    for (const [path, count] of Object.entries(counts)) {
        const folder = at(path);
        await update(folder);
        await until(() => [...folder.messages].length === count);
        if (count) await finished((listener) => folder.downloadAllForOffline(listener, null));
        seen[path] = [...folder.messages].map((each) => [
            each.messageKey, each.mime2DecodedSubject, each.isRead, each.isFlagged, each.messageSize,
            each.offlineMessageSize,
        ]).sort((one, two) => one[0] - two[0]);
    }
    return seen;
"""

CHANGE = MODULES + """
    const inbox = at("INBOX");
    inbox.markMessagesFlagged([called(inbox, "Angebot 0")], true);
    inbox.markMessagesRead([called(inbox, "Rechnung 1")], false);
    await finished((listener) => MailServices.copy.copyMessages(
        inbox, [called(inbox, "Lieferung 2")], at("Archive"), true, listener, null, false));
    await finished((listener) => inbox.deleteMessages(
        [called(inbox, "Reklamation 3")], null, false, true, listener, false));
"""

SEND = MODULES + """
    const [path] = given;
    const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
    file.initWithPath(path);
    const identity = MailServices.accounts.accounts[0].defaultIdentity;
    const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
    fields.from = identity.email;
    fields.to = "bernd@firma.example";
    fields.bcc = "carla@firma.example";
    const send = Cc["@mozilla.org/messengercompose/send;1"].createInstance(Ci.nsIMsgSend);
    await new Promise((good, bad) => send.sendMessageFile(
        identity, MailServices.accounts.accounts[0].key, fields, file, false, false, Ci.nsIMsgCompDeliverMode.Now, null,
        {
            QueryInterface: ChromeUtils.generateQI(["nsIMsgSendListener", "nsIMsgCopyServiceListener"]),
            onStartSending() {}, onProgress() {}, onStatus() {}, onGetDraftFolderURI() {}, onSendNotPerformed() {},
            onTransportSecurityError() {},
            onStopSending(id, code, text) { if (code) bad(new Error(code.toString(16) + " " + text)); },
            onStartCopy() {}, setMessageKey() {}, getMessageId() { return null; },
            onStopCopy(code) { code ? bad(new Error(code.toString(16))) : good(); },
        }, null, ""));
"""

LETTER = """\
From: Thunderbird <thunderbird@firma.example>\r
To: bernd@firma.example\r
Subject: von Thunderbird\r
MIME-Version: 1.0\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
\r
Grüße\r
.\r
Ende\r
"""


def preferences(side: Side) -> Preferences:
    """One account, with TLS from the first octet, as its own assistant would set it up."""
    root = f"imap://{quote(side.user)}@localhost"
    server: Preferences = {
        "type": "imap", "hostname": "localhost", "port": side.imap_port, "userName": side.user, "name": side.user,
        "socketType": 3, "authMethod": 3, "login_at_startup": False, "check_new_mail": False, "offline_download": True,
        "autosync_offline_stores": False, "delete_model": 1,
    }  # fmt: skip
    identity: Preferences = {
        "useremail": side.user, "fullName": "Thunderbird", "smtpServer": "smtp1", "valid": True, "doFcc": True,
        "fcc_folder": f"{root}/Sent", "fcc_folder_picker_mode": "1", "draft_folder": f"{root}/Drafts",
    }  # fmt: skip
    smtp: Preferences = {
        "hostname": "localhost", "port": side.smtp_port, "username": side.user, "try_ssl": 3, "authMethod": 3,
        "type": "smtp",
    }  # fmt: skip
    return {
        "mail.accountmanager.accounts": "account1", "mail.accountmanager.defaultaccount": "account1",
        "mail.account.account1.server": "server1", "mail.account.account1.identities": "id1",
        "mail.smtpservers": "smtp1", "mail.smtp.defaultserver": "smtp1",
        **{f"mail.server.server1.{name}": value for name, value in server.items()},
        **{f"mail.identity.id1.{name}": value for name, value in identity.items()},
        **{f"mail.smtpserver.smtp1.{name}": value for name, value in smtp.items()},
    }  # fmt: skip


def trust(program: Marionette, side: Side) -> None:
    """Take the authorities for good, and the password."""
    for pem in re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END", side.ca_file.read_text(), re.DOTALL):
        program.run(TRUST, "".join(pem.split()))
    program.run(REMEMBER, side.user, side.password)


def synchronise(program: Marionette, side: Side) -> Any:
    """Of each mailbox the messages that Thunderbird has then: UID, subject, read, flagged, sizes."""
    return program.run(SYNCHRONISE, {box: len(messages) for box, messages in side.mail().items()})


def session(side: Side) -> list[Any]:
    """What Thunderbird sees at first, and once it has done its work."""
    letter = side.write("letter.eml", LETTER)
    with thunderbird(side.folder / "thunderbird", preferences(side)) as program:
        trust(program, side)
        seen = [synchronise(program, side)]
        program.run(CHANGE)
        # Flags go to the server when Thunderbird finds the time.
        wait_until(lambda: _flags(side) == {"Angebot 0": ("\\Flagged",), "Rechnung 1": (), "Urlaub 4": ()}, "the flags")
        program.run(SEND, str(letter))
        seen.append(synchronise(program, side))
    return seen


def _flags(side: Side) -> dict[str, tuple[str, ...]]:
    return {subject: flags for flags, subject, _ in side.mail()["INBOX"].values()}


def test_thunderbird(both_sides: BothSides) -> None:
    """What it shows, what it leaves on the server, what it sends: the same as without Postbuch."""
    seen, mail = both_sides.compare(session)
    assert [len(seen[0][box]) for box in ("INBOX", "Archive", "Sent")] == [5, 1, 0]
    assert [subject for _, subject, _ in mail["Archive"].values()] == ["Angebot 5", "Lieferung 2"]
    assert [subject for _, subject, _ in mail["Trash"].values()] == ["Reklamation 3"]
    assert [subject for _, subject, _ in mail["Sent"].values()] == ["von Thunderbird"]
    ((_, recipients, _),) = both_sides.through.sent()
    assert recipients == ["<bernd@firma.example>", "<carla@firma.example>"]
