"""The wire: carries IMAP and submission between mail programs and upstream and copies every message into the spool.

Must not parse MIME and must not wait for the database on the read path.
"""
