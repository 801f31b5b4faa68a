"""Commands of every extension that Dovecot has, by the capability that announces it; one connection each."""

from transcript import Step, each, one, refused
from transcript_base import LOGIN, PARTS, PLAIN, REPLY, append

# What the scripts find: a mailbox of their own with four messages.
PREPARE = each(
    LOGIN, b"CREATE E", append(PLAIN, box=b"E"),
    append(REPLY, box=b"E", arguments=b'(\\Seen) "07-Jan-2020 10:00:00 +0000" '),
    append(PARTS, box=b"E"), append(REPLY, box=b"E", arguments=b'(\\Flagged) "08-Jan-2020 10:00:00 +0000" '),
    b"CREATE F", b"LOGOUT",
)  # fmt: skip

OF_CAPABILITY: dict[bytes, list[Step]] = {
    b"ID": each(b"ID NIL", b'ID ("name" "script" "version" NIL)', b"ID", b"ID (", b'ID ("name" {6}\r\nscript)'),
    b"ENABLE": each(
        b"ENABLE CONDSTORE", b"ENABLE NONSENSE", b"ENABLE", b"ENABLE QRESYNC NONSENSE", b"ENABLE CONDSTORE",
        b"ENABLE UTF8=ACCEPT",
    ),
    b"IDLE": [
        *each(b"SELECT F"), one(b"IDLE", b"DONE"), one(b"IDLE", b"done"), one(b"IDLE x", b"DONE"),
        Step(commands=(b"IDLE",), elsewhere=(append(PLAIN, box=b"F"),), until=b"EXISTS"),
        Step(commands=(b"IDLE",), elsewhere=(b"SELECT F", b"STORE 1 +FLAGS (\\Answered)"), until=b"\\Answered"),
        Step(commands=(b"IDLE",), elsewhere=(b"STORE 1 +FLAGS (\\Deleted)", b"EXPUNGE"), until=b"EXPUNGE"),
        *each(b"NOOP", b"STATUS F (MESSAGES)"),
    ],
    b"SORT": each(
        b"SELECT E", b"SORT (DATE) UTF-8 ALL", b"SORT (REVERSE ARRIVAL) US-ASCII ALL",
        b"SORT (SUBJECT FROM TO CC SIZE) UTF-8 SEEN", b"UID SORT (SIZE) UTF-8 ALL",
        b"SORT (DATE) UTF-8 SUBJECT {7}\r\nAngebot", b"SORT DATE UTF-8 ALL", b"SORT (NONSENSE) UTF-8 ALL",
        b"SORT (DATE) X-NONE ALL", b"SORT", b"UID SORT",
    ),
    b"SORT=DISPLAY": each(b"SELECT E", b"SORT (DISPLAYFROM) UTF-8 ALL", b"UID SORT (REVERSE DISPLAYTO) UTF-8 ALL"),
    b"THREAD=REFERENCES": each(
        b"SELECT E", b"THREAD REFERENCES UTF-8 ALL", b"UID THREAD REFERENCES UTF-8 SEEN",
        b"THREAD NONSENSE UTF-8 ALL", b"THREAD REFERENCES UTF-8 TEXT {5+}\r\nGuten",
        b"THREAD", b"UID THREAD REFERENCES",
    ),
    b"THREAD=REFS": each(b"SELECT E", b"THREAD REFS UTF-8 ALL", b"UID THREAD REFS UTF-8 ALL"),
    b"THREAD=ORDEREDSUBJECT": each(
        b"SELECT E", b"THREAD ORDEREDSUBJECT UTF-8 ALL", b"UID THREAD ORDEREDSUBJECT UTF-8 ALL",
    ),
    b"MULTIAPPEND": each(
        b"APPEND F {%d}\r\n%s (\\Seen) {%d}\r\n%s" % (len(PLAIN), PLAIN, len(REPLY), REPLY),
        b"APPEND F {%d+}\r\n%s {%d+}\r\n%s" % (len(PARTS), PARTS, len(PLAIN), PLAIN),
        b"APPEND F {%d}\r\n%s (\\Seen" % (len(PLAIN), PLAIN), b"APPEND F {%d}\r\n%s {0}\r\n" % (len(PLAIN), PLAIN),
        b"STATUS F (MESSAGES)",
    ),
    b"UNSELECT": each(
        b"SELECT F", b"STORE 1 +FLAGS (\\Deleted)", b"UNSELECT", b"UNSELECT", b"UNSELECT x", b"STATUS F (MESSAGES)",
    ),
    b"CHILDREN": each(
        b"CREATE E/Kind", b'LIST "" E', b'LIST "" %', b'LIST (SUBSCRIBED) "" * RETURN (CHILDREN)', b"DELETE E/Kind",
    ),
    b"NAMESPACE": each(b"NAMESPACE", b"NAMESPACE NIL"),
    b"UIDPLUS": each(
        b"SELECT F", append(PLAIN, box=b"F"), b"UID COPY 1:* E", b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)",
        b"UID EXPUNGE 2:3", b"UID EXPUNGE 1:*", b"UID EXPUNGE",
        b"SELECT E", b"UID STORE 5:* +FLAGS.SILENT (\\Deleted)", b"EXPUNGE",
    ),
    b"LIST-EXTENDED": each(
        b'LIST (SUBSCRIBED) "" *', b'LIST (SUBSCRIBED RECURSIVEMATCH) "" %', b'LIST "" (INBOX E F)',
        b'LIST () "" * RETURN (SUBSCRIBED)', b'LIST (REMOTE) "" *',
        b'LIST (NONSENSE) "" *', b'LIST "" * RETURN (NONSENSE)', b'LIST (RECURSIVEMATCH) "" *', b'LIST "" (',
    ),
    b"I18NLEVEL=1": each(b"SELECT E", b"SEARCH CHARSET UTF-8 SUBJECT {10}\r\n\xc3\xbcbersicht", b"COMPARATOR"),
    b"CONDSTORE": each(
        b"SELECT E (CONDSTORE)", b"FETCH 1:* (MODSEQ)", b"FETCH 1:* FLAGS (CHANGEDSINCE 1)",
        b"UID FETCH 1:* FLAGS (CHANGEDSINCE 4)", b"STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\\Flagged)",
        b"STORE 1 (UNCHANGEDSINCE 9999) +FLAGS (\\Answered)", b"SEARCH MODSEQ 2",
        b'SEARCH MODSEQ "/flags/\\\\draft" all 2', b"STATUS E (HIGHESTMODSEQ)", b"SELECT E (NONSENSE)",
        b"FETCH 1 FLAGS (CHANGEDSINCE x)", b"STORE 1 (UNCHANGEDSINCE) FLAGS ()",
    ),
    b"QRESYNC": each(
        b"SELECT E (QRESYNC (1 1))", b"ENABLE QRESYNC", b"SELECT E (QRESYNC (1 1))", b"SELECT E",
        b"FETCH 1:* (UID FLAGS)", b"UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)",
        append(PLAIN, box=b"E"), append(PLAIN, box=b"E"), b"UID STORE 5:* +FLAGS (\\Deleted)", b"EXPUNGE",
        b"UNSELECT", b"SELECT E (QRESYNC (1))", b"SELECT E (QRESYNC (1 1 1:9 (1 1)))",
        append(PLAIN, box=b"E"), b"STORE * +FLAGS (\\Deleted)", b"UID EXPUNGE 1:*", append(PLAIN, box=b"E"),
        b"MOVE 5 F", append(PLAIN, box=b"E"), b"STORE * +FLAGS (\\Deleted)", b"CLOSE",
    ),
    b"ESEARCH": each(
        b"SELECT E", b"SEARCH RETURN (MIN MAX COUNT) ALL", b"SEARCH RETURN () ALL", b"SEARCH RETURN (ALL) SEEN",
        b"UID SEARCH RETURN (MIN ALL) ALL", b"SEARCH RETURN (NONSENSE) ALL",
        b"SEARCH RETURN (MIN", b"SEARCH RETURN (COUNT) NONSENSE", b"SEARCH RETURN (MIN) SUBJECT nichts",
    ),
    b"ESORT": each(
        b"SELECT E", b"SORT RETURN (MIN MAX COUNT ALL) (DATE) UTF-8 ALL",
        b"UID SORT RETURN (COUNT) (SIZE) UTF-8 SEEN", b"SORT RETURN () (DATE) UTF-8 ALL",
    ),
    b"SEARCHRES": each(
        b"SELECT E", b"SEARCH RETURN (SAVE) SEEN", b"FETCH $ (UID FLAGS)", b"UID FETCH $ FLAGS",
        b"STORE $ +FLAGS ($Kennung)", b"SEARCH RETURN (SAVE COUNT) FLAGGED", b"SEARCH $ SUBJECT Re",
        b"COPY $ F", append(PLAIN, box=b"E"), b"SEARCH RETURN (SAVE) UID 6:*", b"STORE $ +FLAGS.SILENT (\\Deleted)",
        b"UID EXPUNGE $", b"SEARCH RETURN (SAVE) NONSENSE", b"FETCH $ UID",
        append(PLAIN, box=b"E"), b"SEARCH RETURN (SAVE) UID *", b"MOVE $ F", b"FETCH $ UID",
    ),
    b"WITHIN": each(
        b"SELECT E", b"SEARCH OLDER 86400", b"SEARCH YOUNGER 86400", b"SEARCH YOUNGER x", b"SEARCH OLDER 0",
    ),
    b"CONTEXT=SEARCH": each(
        b"SELECT E", b"SEARCH RETURN (PARTIAL 1:2) ALL", b"SEARCH RETURN (PARTIAL -1:-2) ALL",
        b"SEARCH RETURN (CONTEXT COUNT) ALL", b"SEARCH RETURN (UPDATE COUNT) FLAGGED",
        b"STORE 1 +FLAGS (\\Flagged)", b"STORE 1 -FLAGS (\\Flagged)", b'CANCELUPDATE "t5"', b"CANCELUPDATE nonsense",
        b"CANCELUPDATE",
    ),
    b"LIST-STATUS": each(
        b'LIST "" * RETURN (STATUS (MESSAGES UNSEEN))', b'LIST "" E RETURN (STATUS (UIDNEXT) SUBSCRIBED)',
        b'LIST "" * RETURN (STATUS (NONSENSE))', b'LIST "" * RETURN (STATUS)',
    ),
    b"BINARY": each(
        b"SELECT E", b"FETCH 3 BINARY.PEEK[1]", b"FETCH 3 BINARY.PEEK[2]", b"FETCH 3 BINARY.SIZE[2]",
        b"FETCH 3 BINARY.PEEK[2]<2.3>", b"FETCH 3 BINARY[1]", b"FETCH 3 BINARY.PEEK[9]",
        b"FETCH 3 BINARY.PEEK[HEADER]", b"UID FETCH 3 (BINARY.PEEK[2] BODY.PEEK[2])",
        b"APPEND F ~{%d}\r\n%s" % (len(PLAIN), PLAIN), b"APPEND F ~{%d+}\r\n%s" % (len(PLAIN) + 1, PLAIN + b"\0"),
    ),
    b"MOVE": each(
        b"SELECT E", append(PLAIN, box=b"E"), append(REPLY, box=b"E"), append(PARTS, box=b"E"), b"MOVE 5 F",
        b"UID MOVE 9:* F", b"MOVE * nirgends", b"MOVE 5:99 {1}\r\nF", b"MOVE 1 (F)", b"UID MOVE 99 F", b"NOOP",
        b"FETCH 1:* (UID FLAGS)",
    ),
    b"SNIPPET=FUZZY": each(b"SELECT E", b"FETCH 1:* (SNIPPET)", b"FETCH 1 (SNIPPET (LAZY=FUZZY))"),
    b"PREVIEW=FUZZY": each(b"SELECT E", b"FETCH 1 (PREVIEW (FUZZY))"),
    b"PREVIEW": each(
        b"SELECT E", b"FETCH 1:* (UID PREVIEW)", b"FETCH 1:* (PREVIEW (LAZY))", b"FETCH 1 (PREVIEW (NONSENSE))",
    ),
    b"STATUS=SIZE": each(b"STATUS E (SIZE)", b"STATUS E (SIZE MESSAGES)", b'LIST "" E RETURN (STATUS (SIZE))'),
    b"SAVEDATE": each(
        b"SELECT E", b"FETCH 1 SAVEDATE", b"SEARCH SAVEDATESUPPORTED", b"SEARCH SAVEDSINCE 1-Jan-2020",
        b"SEARCH SAVEDBEFORE 1-Jan-2020", b"SEARCH SAVEDON 1-Jan-2020", b"SEARCH SAVEDON x",
    ),
    b"LITERAL+": each(
        b"SELECT {1+}\r\nE", b"SEARCH SUBJECT {7+}\r\nAngebot FROM {4+}\r\nAnna", b"LIST {0+}\r\n {1+}\r\n%",
        b"STATUS {3+}\r\nXYZ (MESSAGES)", b"SEARCH NONSENSE {3+}\r\nabc", b"NOOP",
    ),
    b"SPECIAL-USE": each(
        b'LIST (SPECIAL-USE) "" *', b'LIST "" * RETURN (SPECIAL-USE)', b"CREATE G (USE (\\Archive))",
        b"CREATE H (USE (\\Nonsense))", b'LIST "" (G H)', b"DELETE G", b"DELETE H",
    ),
    b"METADATA": each(
        b'SETMETADATA E (/private/comment "meine")', b"SETMETADATA E (/private/comment {5}\r\nlang!)",
        b"GETMETADATA E /private/comment", b"GETMETADATA (DEPTH infinity) E (/private /shared)",
        b'GETMETADATA "" /shared/comment', b"GETMETADATA (MAXSIZE 2) E /private/comment",
        b"SETMETADATA E (/private/comment NIL)", b"GETMETADATA E /private/comment", b"SETMETADATA E", b"GETMETADATA",
        b'SETMETADATA E (/nonsense "x")', b"GETMETADATA nirgends /private/comment",
        b"SETMETADATA E (/private/comment ~{3}\r\nbin)",
    ),
    b"ACL": each(
        b"MYRIGHTS E", b"GETACL E", b"LISTRIGHTS E anna@firma.example", b"SETACL E bernd@firma.example lr",
        b"GETACL E", b"SETACL E bernd@firma.example +s", b"SETACL E bernd@firma.example -l",
        b"SETACL E bernd@firma.example #", b"DELETEACL E bernd@firma.example", b"GETACL E", b"GETACL nirgends",
        b"MYRIGHTS", b"GETACL", b"SETACL E", b"DELETEACL E", b"LISTRIGHTS E",
        b"MYRIGHTS {1}\r\nE",
    ),
    b"RIGHTS=texk": each(b"SETACL E carla@firma.example texk", b"GETACL E", b"DELETEACL E carla@firma.example"),
    b"QUOTA": each(
        b"GETQUOTAROOT E", b'GETQUOTA "User quota"', b"GETQUOTA nirgends", b"GETQUOTA", b"GETQUOTAROOT",
        b'SETQUOTA "User quota" (STORAGE 512)', b"SETQUOTA",
    ),
    b"IMAP4rev1": [],  # transcript_base.py
    # Stripped, so a client has no business with their commands (proxy.md section 2).
    b"COMPRESS=DEFLATE": refused(b"COMPRESS DEFLATE"),
    b"NOTIFY": [*refused(b"NOTIFY NONE", b"NOTIFY SET (SELECTED (MessageNew MessageExpunge))"), *each(b"NOOP")],
    b"CATENATE": [
        *refused(b'APPEND F CATENATE (URL "/E/;UID=1")', b"APPEND F (\\Seen) CATENATE (TEXT {3}\r\nabc)",
        b"APPEND F CATENATE (TEXT {3+}\r\nabc)"), *each(b"STATUS F (MESSAGES)"),
    ],
    b"URL-PARTIAL": refused(b'APPEND F CATENATE (URL "/E/;UID=1/;PARTIAL=0.10")'),
    b"URLAUTH": refused(
        b'GENURLAUTH "imap://anna@firma.example/E/;UID=1;URLAUTH=anonymous" INTERNAL', b"RESETKEY",
        b'URLFETCH "imap://x/E/;UID=1"',
    ),
    b"URLAUTH=BINARY": refused(b'URLFETCH ("imap://x/E/;UID=1" BINARY)'),
    b"LOGIN-REFERRALS": refused(b'RLIST "" *', b'RLSUB "" *'),
}  # fmt: skip
