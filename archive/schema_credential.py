"""The tables of credentials: what opens an account at its provider when nobody types a password."""

from sqlalchemy import Boolean, Index, String
from sqlalchemy.dialects import mysql

from postbuch.archive.columns import BIG, TIME, Writes, col, id_column, reference, table
from postbuch.archive.widths import KEY_CHARACTERS

# An OAuth refresh token runs to 4 KB; sealing adds 32 octets.
SEALED_OCTETS = 8192

credential = table(
    "credential", "What logs in to an account at its provider; each with its end", Writes.VERSIONED,
    id_column("Number of the credential"),
    reference("account_id", "account", "Account that it opens"),
    col("kind", String(20), "remembered (from a good log-in) or stored (given by an admin)"),
    col("user_name", String(KEY_CHARACTERS), "Log-in name at the provider"),
    col("sealed", mysql.VARBINARY(SEALED_OCTETS), "Password, sealed with AES-256-GCM (layout in docs/archive.md)"),
    col("key_number", BIG, "Key that it is sealed with"),
    col("stale", Boolean, "1 when the provider has refused it; it is not tried again", server_default="0"),
    col("since", TIME, "From when (UTC)"),
    col("until", TIME, "Till when (UTC); 9999-12-31 while it holds"),
    col("given_by", String(KEY_CHARACTERS), "Who gave it: a log-in name, or the command with its system user"),
    Index("credential_account", "account_id", "until"),
)
