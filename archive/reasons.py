"""What can be wrong with the archive: each reason by its name, with its sentence in English.

The sentences of the proxy stand in `proxy/failure.py`, those of certificates in `certs/expiry.py`. The German ones of
all stand in `translations`; a test holds each to be there.
"""

from postbuch.archive.said import Named


class Reason(Named):
    """Database, spool, ledger, and the state as a whole."""

    # The state as a whole
    PROXY_NOT_RUNNING = "the proxy does not run, so mail programs cannot connect; its log says why"
    NOT_ASKED = "{problem}; captured mail waits in the spool, nothing is lost"
    BOOKS_DO_NOT_BALANCE = (
        "the books do not balance: a captured message is neither stored nor refused; ask for support"
    )
    # The database
    DATABASE_SILENT = "the database does not answer: {words}"
    DATABASE_NOT_AT = "no server at {place} ({cause})"
    DATABASE_SILENT_SEE_LOG = "the database does not answer; its log {log} says why"
    NO_MEMORY = "the memory of this machine does not suffice; see what else takes it, or give it more"
    DATABASE_SAYS = "the database says: {words}"
    DATABASE_NOT_STARTING = "the database server does not start; its log {log} says why"
    DATABASE_NOT_ENDING = "an old database server (process {pid}) does not end; end it by hand"
    DATABASE_BUSY = "the database is busy: another ingest has held its lock for a minute"
    DATABASE_HELD = "another postbuch command holds the database; try again when it is done"
    DATABASE_NO_LOG_IN = "no log-in to the database as {user}: {words}"
    TABLES_OLDER = (
        "the database is of an older version of Postbuch; `postbuch up` brings it to this one, as does `postbuch init` "
        "without starting anything"
    )
    TABLES_NEWER = "the database is of a newer version of Postbuch than this program; install that one"
    MIGRATING = "another process has been migrating the database for two minutes; look at its log"
    PROGRAM_MISSING = (
        "the program {program} is not installed; `apt-get install {packages}` installs it, or set database.url to use "
        "a database elsewhere"
    )
    PROGRAM_FAILED = "{program} failed: {words}"
    DATABASE_TOO_OLD = "the database server is {version}; it must be MariaDB 10.11, MySQL 8 or newer"
    TABLES_DENIED = "the user in database.url may not set up the tables: {words}"
    SET_UP_FAILED = "the private database cannot be set up: {words}"
    TRIGGERS_DENIED = (
        "the database's user may not create triggers, so only grants hold write-once tables; give it TRIGGER, or set "
        "log_bin_trust_function_creators, and run `postbuch init` again"
    )
    RIGHTS_TOO_WIDE = (
        "the database user {user} may do what nobody may ({rights}): somebody gave it that by hand; find out who, and "
        "take it away by REVOKE or by starting Postbuch anew"
    )
    USERS_DENIED = (
        "the database's user may not create other users, so only the triggers hold write-once tables; give it CREATE "
        "USER and GRANT OPTION and run `postbuch init` again"
    )
    # The spool
    SPOOL_FULL = "{folder}: the disk of the spool is full; make room, mail programs try again by themselves"
    SPOOL_STALLED = "{folder}: the disk of the spool does not answer; reading goes on, nothing is taken in meanwhile"
    SPOOL_NOT_WRITTEN = "{path}: cannot be written: {words}"
    SPOOL_CLOSED = "the spool is closed"
    SPOOL_RECORD_FAILED = "the spool could not write a record; see the log"
    SPOOL_DAMAGED = "{folder}: {files} spool files were set aside; the .reason beside each says why"
    DRAIN_WAITS = "captured mail waits in the spool, because {problem}; nothing is lost"
    DRAIN_WAITS_COUNTED = "{problem} ({messages} messages)"
    # The index of the search
    INDEX_WAITS = "the index of the search waits: {words}; letters that came since are not found yet"
    # The ledger
    JOB_FAILED = "the archive cannot do its {job}: {words}"
    JOB_SEAL = "seal"
    JOB_CHECKPOINT = "checkpoint"
    JOB_VERIFY = "verify"
    JOB_COMPLETENESS = "completeness"
    JOB_LOGINS = "logins"
    JOB_SIGNATURES = "check of signatures"
    JOB_ATTACHMENTS = "reading of attachments"
    JOB_READ_AGAIN = "second reading of older messages"
    JOB_TALLY = "count of attachments and senders"
    JOB_TOPICS = "list of topics"
    LEDGER_BUSY = "the ledger is busy: another process has held its lock for a minute; try again"
    CHECKPOINTS_NOT_WRITTEN = "{folder}: checkpoints cannot be written: {words}"
    STAMP_SILENT = "the time stamp authority {url} does not answer: {words}"
    STAMP_NOT_GOOD = "the time stamp is not good: {words}"
    STAMP_NONE = "this is no time stamp: {words}"
    STAMP_OF_ANOTHER = "the time stamp is for another text"
    STAMP_ROOT_UNREADABLE = "{path}: cannot be read: {words}"
    VERIFY_FOUND = (
        "the {scope} check of {time} UTC found {found} things that are not as they were, first {where} ({kind}); "
        "`postbuch verify --full` lists all"
    )
    SCOPE_FULL = "full"
    SCOPE_INCREMENTAL = "incremental"
    # Completeness
    INCOMPLETE = "{account}: {missing} of {messages} messages are not archived ({mailboxes})"
    LATE = "{account}: was not found complete since {time} UTC; {why}"
    NEVER_COMPLETE = "{account}: was not found complete yet; {why}"
    COLLECTOR_BEHIND = "the collector is behind"
    MORE_ACCOUNTS = "and {accounts} more accounts"


class Collecting(Named):
    """What keeps the collector from having all that upstream has. Tables keep these in English."""

    SILENT = "{host} does not answer ({doing})"
    CERTIFICATE = "{host} has a certificate that is not trusted: {words} ({doing})"
    BROKE_OFF = "{host} broke off: {words} ({doing})"
    LONG_LINE = "{host} sends a line that is too long ({doing})"
    REFUSES = "{host} refuses: {words} ({doing})"
    NO_STRING = "a mailbox's name that cannot be written as a string"
    UNREADABLE = "{host} gives an answer that cannot be read: {words} ({doing})"
    DOING_LOG_IN = "log-in"
    DOING_CONNECT = "connecting"
    BROKE_OFF_IN_MESSAGE = "{host} broke off in the middle of a large message"
    NO_LIMIT = "{host} answers for some of the messages and does not say for which"
    NO_UIDVALIDITY = "{host} gives no UIDVALIDITY for the mailbox {mailbox}"
    NOT_LISTED = "upstream counts {messages} messages and lists {listed}"
    NOT_GIVEN = "{messages} messages cannot be had: upstream lists the message and does not give it out (UID {uids})"
    ONE_NOT_GIVEN = "one message cannot be had: upstream lists it and does not give it out (UID {uids})"


class Incoming(Named):
    """Why a file that somebody imports is not taken in; stands behind its name. `refusal` keeps these in English."""

    NO_FILE = "is neither a file nor a folder"
    OTHER_KIND = (
        "is no mail but a file of another kind; unpack what is packed, and have Outlook's own files (.pst, .msg) saved "
        "as EML or mbox"
    )
    UNREADABLE = "cannot be read: {cause}"
    NOT_IN_ZIP = "is named in the manifest and not in the ZIP"
    ANOTHER_DIGEST = "does not have the SHA-256 that the manifest names"
    TOO_LARGE = "is larger than 1 GiB"
    LINK = "is a link, which is not followed; name what it leads to"
    CUT_OFF = "is a file of Apple Mail that does not hold a whole message"
    WITHOUT_ATTACHMENTS = (
        "is a message of Apple Mail whose attachments lie elsewhere; have Apple Mail export the mailbox, "
        "as an mbox"
    )


class Outward(Named):
    """What keeps mail from going out of the archive, or back to the provider."""

    EXISTS = "{path}: is there already; name another file, or give --force to replace it"
    FOLDER_NOT_EMPTY = "{path}: is not an empty folder; name one that is empty or not there yet"
    NOT_WRITTEN = "{path}: cannot be written: {words}"
    NO_UIDVALIDITY = "{host} gives no UIDVALIDITY for the mailbox {mailbox}: what is there already cannot be told"
    HOLDS_NUL = "it holds a NUL octet, which APPEND cannot carry"
    KEPT_OTHERWISE = "the provider keeps it with other octets than it was given"
    NOTHING_TO_LOG_IN = "no password of {account} is known; `postbuch account store {account}` stores one"


class Work(Named):
    """What keeps a job from ending well. The table keeps these in English."""

    DIED = "the work broke off {attempts} times; ask for it again, or for less at once"
    OWNER_GONE = "the user who asked for it is not active any more"
    DISK_NEARLY_FULL = "the disk is nearly full; ask whoever looks after Postbuch to make room"


class Saving(Named):
    """What keeps a backup from being made or brought back."""

    ROW_TOO_LONG = "the database gives no row of {table}: its max_allowed_packet is too small; set it to 512M"
    INSIDE = "{path}: lies in the data folder; a backup must lie elsewhere, best on another disk"
    NOT_WRITTEN = "{path}: the backup cannot be written: {words}"
    IN_USE = "{path}: another backup is being written there; wait for it"
    SPOOL_STANDS = "{folder}: what was taken in has not been published for {seconds} s; the proxy's log says why"
    KEYS_CHANGE = "{folder}: the keys change while the backup is made; make it again"
    OBJECT_GONE = "the attachment {sha256} cannot be read: {words}"
    OBJECT_CHANGED = "the attachment {sha256} does not have its SHA-256 any more"
    COPY_MENDED = "{path}: was damaged in the backup and was copied again; look at that disk's log, it may be failing"
    NO_BACKUP = "{path}: there is no whole backup; `postbuch backup` writes one"
    NOT_OURS = "{path}: is no manifest of a backup, or one of a newer version"
    FILE_CHANGED = "{path}: does not have the SHA-256 of the manifest; take another backup"
    NOT_EMPTY = "{folder}: is not empty; a backup is restored into an empty data folder only"
    DATABASE_NOT_EMPTY = "the database has tables already; a backup is restored into an empty database only"
    NOT_ALIKE = "the table {table} has {rows} rows and the backup names {wanted}; the restore is not whole"


class Files(Named):
    """What somebody is told who reads the attachments by FTPS."""

    NOT_THERE = "there is no such file or folder"
    READ_ONLY = "nothing can be changed here"
    DAMAGED = "the file is damaged or missing in the archive; `postbuch verify` says what to do"
    ARCHIVE_SILENT = "the archive does not answer; nothing is lost, please try again in a minute"
    WELCOME = "the attachments of the mail that you may read"
    WRONG = "the address or the password is wrong"
    PROVIDER_SILENT = "the mail provider does not answer; please try again in a minute"
    TOO_MANY = "there were too many attempts; try again in a minute"
    OVER = "you were logged out; please log in again"
    ONLY_TLS = "files are sent by TLS alone (PROT P)"
    NOT_RESUMED = "this program does not resume its TLS session for the data connection; docs/ftps.md says what to do"
