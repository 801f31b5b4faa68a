"""The tables of the first version. Frozen: a later change is a later version."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE account (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the account' AUTO_INCREMENT,
    address VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Log-in name in lower case, for example anna@firma.example',
    upstream VARCHAR(255) NOT NULL COMMENT 'Name of the upstream in the configuration',
    archive VARCHAR(255) NOT NULL COMMENT 'What is archived: all, none, or mailbox names' DEFAULT 'all',
    active BOOL NOT NULL COMMENT '0 when the account was removed; its messages stay' DEFAULT '1',
    created_at DATETIME(6) NOT NULL COMMENT 'When the account was first known (UTC)',
    PRIMARY KEY (id),
    UNIQUE (address)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='A log-in at an upstream provider' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE address (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the address' AUTO_INCREMENT,
    address VARCHAR(320) COLLATE utf8mb4_bin NOT NULL COMMENT 'Lower case, stripped',
    domain VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Domain in lower case',
    PRIMARY KEY (id),
    UNIQUE (address)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='One mail address' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX address_domain ON address (domain)""",
    """
CREATE TABLE app_user (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the user' AUTO_INCREMENT,
    login VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Log-in name in lower case, an e-mail address',
    `role` VARCHAR(20) NOT NULL COMMENT 'employee, auditor or admin',
    password_hash VARCHAR(255) NOT NULL COMMENT 'argon2id; empty when upstream checks the password' DEFAULT '',
    language VARCHAR(5) NOT NULL COMMENT 'de, en, or empty for what the browser asks for' DEFAULT '',
    active BOOL NOT NULL COMMENT '0 when the user may no longer log in' DEFAULT '1',
    created_at DATETIME(6) NOT NULL COMMENT 'When the user was made (UTC)',
    PRIMARY KEY (id),
    UNIQUE (login)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='A person who logs in to the web mail client or owns commands' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE audit_event (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the event' AUTO_INCREMENT,
    at DATETIME(6) NOT NULL COMMENT 'When (UTC)',
    actor VARCHAR(255) NOT NULL COMMENT 'Who: a log-in name, or the command with its system user',
    origin VARCHAR(60) NOT NULL COMMENT 'From where: client address, or cli',
    action VARCHAR(60) NOT NULL COMMENT 'What: log-in, view, source, search, account-add, …',
    target VARCHAR(255) NOT NULL COMMENT 'On what: letter 12, account anna@firma.example, …',
    before_value LONGTEXT COMMENT 'Values before (JSON)',
    after_value LONGTEXT COMMENT 'Values after (JSON)',
    PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Who did what, from where, when, on what' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX audit_event_at ON audit_event (at)""",
    """
CREATE TABLE image (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the image' AUTO_INCREMENT,
    sha256 BINARY(32) NOT NULL COMMENT 'SHA-256 of the octets',
    size_octets BIGINT UNSIGNED NOT NULL COMMENT 'Length of the message in octets',
    skeleton LONGBLOB NOT NULL COMMENT 'The octets without the attachments cut out (zstd; layout in docs/archive.md)',
    parser VARCHAR(20) NOT NULL COMMENT 'Which parser read it: fast, compat, or none when it could not be read',
    defect VARCHAR(500) NOT NULL COMMENT 'Why it could not be read in full; empty when it could' DEFAULT '',
    archived_at DATETIME(6) NOT NULL COMMENT 'When the image was committed here (UTC)',
    PRIMARY KEY (id),
    UNIQUE (sha256)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='One distinct message, octet for octet' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE object (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the object' AUTO_INCREMENT,
    sha256 BINARY(32) NOT NULL COMMENT 'SHA-256 of the file',
    size_octets BIGINT UNSIGNED NOT NULL COMMENT 'Length of the file in octets',
    created_at DATETIME(6) NOT NULL COMMENT 'When the file was first stored (UTC)',
    PRIMARY KEY (id),
    UNIQUE (sha256)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='One distinct attachment file, decoded' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE outcome (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the outcome' AUTO_INCREMENT,
    capture BINARY(16) NOT NULL COMMENT 'Capture that it is the answer to (sighting.capture)',
    verdict VARCHAR(20) NOT NULL COMMENT 'accepted, refused, or unknown',
    code INTEGER NOT NULL COMMENT 'SMTP reply code; 0 for IMAP',
    text VARCHAR(1000) NOT NULL COMMENT 'Upstream''s answer, or why there is none',
    uidvalidity BIGINT UNSIGNED COMMENT 'UIDVALIDITY of APPENDUID; empty when not said',
    uid BIGINT UNSIGNED COMMENT 'UID of APPENDUID; empty when not said',
    at DATETIME(6) NOT NULL COMMENT 'When (UTC)',
    PRIMARY KEY (id),
    UNIQUE (capture)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='What upstream answered to an APPEND or a submission' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE spool_file (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the row' AUTO_INCREMENT,
    name VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Name of the file',
    messages INTEGER NOT NULL COMMENT 'Captured messages in it, counted by the one who wrote it',
    events INTEGER NOT NULL COMMENT 'Other records in it',
    drained_at DATETIME(6) NOT NULL COMMENT 'When its records were committed (UTC)',
    PRIMARY KEY (id),
    UNIQUE (name)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='One spool file that was drained: what the books are balanced against' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE account_grant (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the grant' AUTO_INCREMENT,
    user_id BIGINT UNSIGNED NOT NULL COMMENT 'Who may read',
    account_id BIGINT UNSIGNED COMMENT 'Which account; empty for all accounts',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    granted_by VARCHAR(255) NOT NULL COMMENT 'Who gave it',
    PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES app_user (id),
    FOREIGN KEY(account_id) REFERENCES account (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Which user may read which account; each grant with its end' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX account_grant_user ON account_grant (user_id, until)""",
    """
CREATE TABLE body_text (
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    text MEDIUMTEXT NOT NULL COMMENT 'Text of the body, first 65,536 characters',
    PRIMARY KEY (image_id),
    FOREIGN KEY(image_id) REFERENCES image (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='The readable text of an image, for finding' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE header_summary (
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    subject VARCHAR(1000) NOT NULL COMMENT 'Subject, decoded, first 1,000 characters',
    message_id VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Message-ID without brackets; never decides what is a duplicate',
    in_reply_to VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'First Message-ID of In-Reply-To',
    thread_root VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'First Message-ID of References, else In-Reply-To, else its own',
    date_header DATETIME(6) COMMENT 'Date header (UTC); empty when absent or unreadable',
    from_display VARCHAR(1000) NOT NULL COMMENT 'From as people read it',
    to_display VARCHAR(1000) NOT NULL COMMENT 'To as people read it, first 1,000 characters',
    attachment_count INTEGER NOT NULL COMMENT 'How many attachments people would count',
    preview VARCHAR(300) NOT NULL COMMENT 'The first words of the text',
    PRIMARY KEY (image_id),
    FOREIGN KEY(image_id) REFERENCES image (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='The header fields that people look for' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX header_summary_message_id ON header_summary (message_id)""",
    """CREATE INDEX header_summary_thread ON header_summary (thread_root)""",
    """
CREATE TABLE image_address (
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    field VARCHAR(10) NOT NULL COMMENT 'from, sender, reply-to, to, cc or bcc',
    position INTEGER NOT NULL COMMENT 'Order in the field, from 0',
    address_id BIGINT UNSIGNED NOT NULL COMMENT 'Address',
    display_name VARCHAR(255) NOT NULL COMMENT 'Name beside the address, decoded',
    PRIMARY KEY (image_id, field, position),
    FOREIGN KEY(image_id) REFERENCES image (id),
    FOREIGN KEY(address_id) REFERENCES address (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Who stands in which address field' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX image_address_address ON image_address (address_id, field)""",
    """
CREATE TABLE image_object (
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    position INTEGER NOT NULL COMMENT 'Place in the skeleton, from 0',
    object_id BIGINT UNSIGNED NOT NULL COMMENT 'Object that stands there',
    PRIMARY KEY (image_id, position),
    FOREIGN KEY(image_id) REFERENCES image (id),
    FOREIGN KEY(object_id) REFERENCES object (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Which object was cut out of which image' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX image_object_object ON image_object (object_id)""",
    """
CREATE TABLE letter (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the letter; permalinks use it' AUTO_INCREMENT,
    first_image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image that made the letter; shown unless a better one is asked for',
    sort_at DATETIME(6) NOT NULL COMMENT 'Arrival: first INTERNALDATE, else Date header, else first seen; never in the future (UTC)',
    PRIMARY KEY (id),
    UNIQUE (first_image_id),
    FOREIGN KEY(first_image_id) REFERENCES image (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='What people call the mail: the images linked as one' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX letter_sort ON letter (sort_at)""",
    """
CREATE TABLE link_key (
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    body_sha256 BINARY(32) NOT NULL COMMENT 'SHA-256 of the decoded leaf bodies',
    people_sha256 BINARY(32) NOT NULL COMMENT 'SHA-256 of subject and addresses',
    original_id VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Message-ID, or the original-ID header that a provider kept',
    PRIMARY KEY (image_id),
    FOREIGN KEY(image_id) REFERENCES image (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='By what two images are found to be one letter' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX link_key_body ON link_key (body_sha256)""",
    """
CREATE TABLE mailbox (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the mailbox' AUTO_INCREMENT,
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account it belongs to',
    name VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Name as people read it (decoded from modified UTF-7)',
    created_at DATETIME(6) NOT NULL COMMENT 'When the mailbox was first seen (UTC)',
    PRIMARY KEY (id),
    CONSTRAINT mailbox_name UNIQUE (account_id, name),
    FOREIGN KEY(account_id) REFERENCES account (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='A mailbox (folder) of an account' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE part (
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    position INTEGER NOT NULL COMMENT 'Order of the leaf parts, from 0',
    content_type VARCHAR(255) NOT NULL COMMENT 'Media type in lower case',
    disposition VARCHAR(20) NOT NULL COMMENT 'attachment, inline, or empty',
    file_name VARCHAR(255) NOT NULL COMMENT 'File name as sent, decoded; empty when there is none',
    content_id VARCHAR(255) NOT NULL COMMENT 'Content-ID without brackets; empty when there is none',
    size_octets BIGINT UNSIGNED NOT NULL COMMENT 'Length of the decoded part in octets',
    sha256 BINARY(32) NOT NULL COMMENT 'SHA-256 of the decoded part',
    is_attachment BOOL NOT NULL COMMENT '1 when people would call it an attachment',
    PRIMARY KEY (image_id, position),
    FOREIGN KEY(image_id) REFERENCES image (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='One MIME part of an image' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE refusal (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the refusal' AUTO_INCREMENT,
    capture BINARY(16) NOT NULL COMMENT 'Capture',
    account_id BIGINT UNSIGNED COMMENT 'Account; empty when not known',
    source VARCHAR(20) NOT NULL COMMENT 'fetch, append, submission, collector or import',
    reason VARCHAR(500) NOT NULL COMMENT 'Why, in one sentence',
    size_octets BIGINT UNSIGNED NOT NULL COMMENT 'Length as far as known',
    spooled BOOL NOT NULL COMMENT '1 when the message had been captured before it was refused' DEFAULT '0',
    at DATETIME(6) NOT NULL COMMENT 'When (UTC)',
    PRIMARY KEY (id),
    UNIQUE (capture),
    FOREIGN KEY(account_id) REFERENCES account (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='A message that we could not keep, with the reason' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE smtp_envelope (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the envelope' AUTO_INCREMENT,
    capture BINARY(16) NOT NULL COMMENT 'Capture of the message (sighting.capture); unique',
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account that submitted',
    mail_from VARCHAR(255) NOT NULL COMMENT 'MAIL FROM address',
    parameters VARCHAR(255) NOT NULL COMMENT 'ESMTP parameters of MAIL',
    client_address VARCHAR(60) NOT NULL COMMENT 'Where the client connected from',
    client_name VARCHAR(255) NOT NULL COMMENT 'What the client said in EHLO',
    at DATETIME(6) NOT NULL COMMENT 'When MAIL was given (UTC)',
    PRIMARY KEY (id),
    UNIQUE (capture),
    FOREIGN KEY(account_id) REFERENCES account (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='The envelope of one submission' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE web_session (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the session' AUTO_INCREMENT,
    token_sha256 BINARY(32) NOT NULL COMMENT 'SHA-256 of the secret in the browser''s cookie',
    user_id BIGINT UNSIGNED NOT NULL COMMENT 'Who logged in',
    client_address VARCHAR(60) NOT NULL COMMENT 'Where the log-in came from',
    since DATETIME(6) NOT NULL COMMENT 'When the log-in was (UTC)',
    seen_at DATETIME(6) NOT NULL COMMENT 'When the last page was asked for, to the minute (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'When it ends at the latest, or when the user logged out (UTC)',
    PRIMARY KEY (id),
    UNIQUE (token_sha256),
    FOREIGN KEY(user_id) REFERENCES app_user (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='A log-in to the web mail client; each with its end' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX web_session_user ON web_session (user_id, until)""",
    """
CREATE TABLE gap (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the gap' AUTO_INCREMENT,
    capture BINARY(16) NOT NULL COMMENT 'Number that the spool gave the event',
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account',
    mailbox_id BIGINT UNSIGNED COMMENT 'Mailbox',
    uidvalidity BIGINT UNSIGNED COMMENT 'UIDVALIDITY; empty when not known',
    uid BIGINT UNSIGNED COMMENT 'UID; empty when not known',
    reason VARCHAR(500) NOT NULL COMMENT 'Why it was not seen, in one sentence',
    at DATETIME(6) NOT NULL COMMENT 'When (UTC)',
    PRIMARY KEY (id),
    UNIQUE (capture),
    FOREIGN KEY(account_id) REFERENCES account (id),
    FOREIGN KEY(mailbox_id) REFERENCES mailbox (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='A message known to have existed and not seen in full' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE letter_image (
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    letter_id BIGINT UNSIGNED NOT NULL COMMENT 'Letter',
    reason VARCHAR(40) NOT NULL COMMENT 'first, message-id, or content',
    PRIMARY KEY (image_id),
    FOREIGN KEY(image_id) REFERENCES image (id),
    FOREIGN KEY(letter_id) REFERENCES letter (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Which images are one letter; links only grow' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX letter_image_letter ON letter_image (letter_id)""",
    """
CREATE TABLE letter_place (
    letter_id BIGINT UNSIGNED NOT NULL COMMENT 'Letter',
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account',
    mailbox_id BIGINT UNSIGNED NOT NULL COMMENT 'Mailbox; 0 for submission',
    sort_at DATETIME(6) NOT NULL COMMENT 'Copy of letter.sort_at (UTC)',
    PRIMARY KEY (letter_id, account_id, mailbox_id),
    FOREIGN KEY(letter_id) REFERENCES letter (id),
    FOREIGN KEY(account_id) REFERENCES account (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='In which account and mailbox a letter was seen; the list pages read this' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX letter_place_mailbox ON letter_place (account_id, mailbox_id, sort_at, letter_id)""",
    """CREATE INDEX letter_place_newest ON letter_place (account_id, sort_at, letter_id)""",
    """
CREATE TABLE mark (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the mark' AUTO_INCREMENT,
    user_id BIGINT UNSIGNED NOT NULL COMMENT 'User',
    letter_id BIGINT UNSIGNED NOT NULL COMMENT 'Letter',
    kind VARCHAR(20) NOT NULL COMMENT 'read',
    since DATETIME(6) NOT NULL COMMENT 'From when (UTC)',
    until DATETIME(6) NOT NULL COMMENT 'Till when (UTC); 9999-12-31 while it holds',
    PRIMARY KEY (id),
    CONSTRAINT mark_current UNIQUE (user_id, letter_id, kind, until),
    FOREIGN KEY(user_id) REFERENCES app_user (id),
    FOREIGN KEY(letter_id) REFERENCES letter (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Read marks of a user on a letter; each with its end' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE sighting (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the sighting' AUTO_INCREMENT,
    capture BINARY(16) NOT NULL COMMENT 'Number that the spool gave the capture; makes a replay harmless',
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account',
    mailbox_id BIGINT UNSIGNED COMMENT 'Mailbox; empty for submission',
    source VARCHAR(20) NOT NULL COMMENT 'fetch, append, submission, collector or import',
    uidvalidity BIGINT UNSIGNED COMMENT 'UIDVALIDITY; empty when not known',
    uid BIGINT UNSIGNED COMMENT 'UID; empty when not known',
    flags VARCHAR(1000) NOT NULL COMMENT 'Flags as upstream or the client said them',
    internal_date DATETIME(6) COMMENT 'INTERNALDATE (UTC); empty when not known',
    session VARCHAR(40) NOT NULL COMMENT 'Session of the proxy',
    client_address VARCHAR(60) NOT NULL COMMENT 'Where the client connected from',
    normalised BOOL NOT NULL COMMENT '1 when bare line ends were relayed as CRLF' DEFAULT '0',
    seen_at DATETIME(6) NOT NULL COMMENT 'When it passed (UTC)',
    PRIMARY KEY (id),
    UNIQUE (capture),
    FOREIGN KEY(image_id) REFERENCES image (id),
    FOREIGN KEY(account_id) REFERENCES account (id),
    FOREIGN KEY(mailbox_id) REFERENCES mailbox (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='One time an image was seen somewhere' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX sighting_account ON sighting (account_id, seen_at)""",
    """CREATE INDEX sighting_image ON sighting (image_id, account_id)""",
    """CREATE INDEX sighting_place ON sighting (mailbox_id, uidvalidity, uid)""",
    """
CREATE TABLE smtp_recipient (
    envelope_id BIGINT UNSIGNED NOT NULL COMMENT 'Envelope',
    position INTEGER NOT NULL COMMENT 'Order of the RCPT commands, from 0',
    address_id BIGINT UNSIGNED NOT NULL COMMENT 'Recipient',
    code INTEGER NOT NULL COMMENT 'Upstream''s reply code',
    text VARCHAR(1000) NOT NULL COMMENT 'Upstream''s reply',
    accepted BOOL NOT NULL COMMENT '1 when upstream took the recipient',
    PRIMARY KEY (envelope_id, position),
    FOREIGN KEY(envelope_id) REFERENCES smtp_envelope (id),
    FOREIGN KEY(address_id) REFERENCES address (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='One RCPT TO with upstream''s reply; includes Bcc' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX smtp_recipient_address ON smtp_recipient (address_id)""",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
