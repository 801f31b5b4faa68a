"""The tables of attachments and correspondents. Frozen: a later change is a later version."""

from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE object_text (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the row; rises in the order of reading' AUTO_INCREMENT,
    sha256 BINARY(32) NOT NULL COMMENT 'SHA-256 of the file, as in part and object',
    text MEDIUMTEXT NOT NULL COMMENT 'Its words, first 1,000,000 characters',
    reason VARCHAR(200) NOT NULL COMMENT 'Why not all of it can be found; empty when it can',
    extractor VARCHAR(40) NOT NULL COMMENT 'What it was read as: pdf, docx, xlsx, pptx, odf, mail, text …',
    characters INTEGER NOT NULL COMMENT 'How many characters were read',
    extracted_at DATETIME(6) NOT NULL COMMENT 'When it was read (UTC)',
    PRIMARY KEY (id),
    UNIQUE (sha256)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='The words of one attachment, for finding' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX object_text_extracted ON object_text (extracted_at)""",
    """
CREATE TABLE tallied_image (
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account; 0 for all accounts together',
    image_id BIGINT UNSIGNED NOT NULL COMMENT 'Image',
    PRIMARY KEY (account_id, image_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Which image of which account is counted in attachment_summary and correspondent' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX tallied_image_image ON tallied_image (image_id)""",
    """
CREATE TABLE attachment (
    id BIGINT UNSIGNED NOT NULL COMMENT 'Number of the file; addresses of pages use it' AUTO_INCREMENT,
    sha256 BINARY(32) NOT NULL COMMENT 'SHA-256 of the file, as in part and object',
    size_octets BIGINT UNSIGNED NOT NULL COMMENT 'Length of the file in octets',
    PRIMARY KEY (id),
    UNIQUE (sha256)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='One distinct file that letters have beside their text' COLLATE utf8mb4_unicode_ci
    """,
    """
CREATE TABLE attachment_summary (
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account; 0 for all accounts together',
    attachment_id BIGINT UNSIGNED NOT NULL COMMENT 'File',
    family VARCHAR(20) NOT NULL COMMENT 'What people take it for: pdf, image, document, sheet, slides, mail, archive …',
    content_type VARCHAR(255) NOT NULL COMMENT 'Media type in the newest letter',
    file_name VARCHAR(255) NOT NULL COMMENT 'File name in the newest letter; empty when there is none',
    sender VARCHAR(320) COLLATE utf8mb4_bin NOT NULL COMMENT 'Who sent the newest letter',
    size_octets BIGINT UNSIGNED NOT NULL COMMENT 'Length of the file in octets',
    letters INTEGER NOT NULL COMMENT 'How many letters have it',
    first_at DATETIME(6) NOT NULL COMMENT 'Arrival of the first letter with it (UTC)',
    last_at DATETIME(6) NOT NULL COMMENT 'Arrival of the newest letter with it (UTC)',
    PRIMARY KEY (account_id, attachment_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Each distinct attachment of an account once; the media pages read this' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX attachment_summary_family ON attachment_summary (account_id, family, last_at)""",
    """CREATE INDEX attachment_summary_last ON attachment_summary (account_id, last_at)""",
    """CREATE INDEX attachment_summary_name ON attachment_summary (account_id, file_name)""",
    """CREATE INDEX attachment_summary_sender ON attachment_summary (account_id, sender, last_at)""",
    """CREATE INDEX attachment_summary_size ON attachment_summary (account_id, size_octets)""",
    """
CREATE TABLE correspondent (
    account_id BIGINT UNSIGNED NOT NULL COMMENT 'Account; 0 for all accounts together',
    address_id BIGINT UNSIGNED NOT NULL COMMENT 'Address',
    address VARCHAR(320) COLLATE utf8mb4_bin NOT NULL COMMENT 'Copy of address.address',
    domain VARCHAR(255) COLLATE utf8mb4_bin NOT NULL COMMENT 'Copy of address.domain',
    display_name VARCHAR(255) NOT NULL COMMENT 'Name beside the address in the newest letter that has one',
    letters_in INTEGER NOT NULL COMMENT 'How many letters came from it',
    letters_out INTEGER NOT NULL COMMENT 'How many letters were sent to it, To, Cc and Bcc',
    first_at DATETIME(6) NOT NULL COMMENT 'Arrival of the first letter (UTC)',
    last_at DATETIME(6) NOT NULL COMMENT 'Arrival of the newest letter (UTC)',
    PRIMARY KEY (account_id, address_id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='Each address that an account exchanged letters with; the page of senders reads this' COLLATE utf8mb4_unicode_ci
    """,
    """CREATE INDEX correspondent_address ON correspondent (account_id, address)""",
    """CREATE INDEX correspondent_domain ON correspondent (account_id, domain)""",
    """CREATE INDEX correspondent_in ON correspondent (account_id, letters_in)""",
    """CREATE INDEX correspondent_last ON correspondent (account_id, last_at)""",
    """CREATE INDEX correspondent_name ON correspondent (account_id, display_name)""",
    """CREATE INDEX correspondent_out ON correspondent (account_id, letters_out)""",
    """CREATE INDEX part_sha256 ON part (sha256)""",
)


def upgrade() -> None:
    """Make the tables and the indexes."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
