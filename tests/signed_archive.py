"""A letter for each thing that a signature can say, in the archive of the web tests, looked at by the real job."""

from sqlalchemy import select
from web_archive import ANNA, Filling, ingest

from postbuch.archive import database
from postbuch.archive.config import Config, Dns
from postbuch.archive.database import Role
from postbuch.archive.dkimwork import SignatureWork
from postbuch.archive.schema import header_summary, letter_image
from provider.nameserver import NameServer
from provider.signer import ed25519_signer, rsa_signer

KUNDE, BULK = rsa_signer("kunde.example"), ed25519_signer("versand.example")


def mail(subject: str, sender: str = "helene@kunde.example") -> bytes:
    return (
        f"From: Helene Dubois <{sender}>\r\nTo: anna@firma.example\r\nSubject: {subject}\r\n"
        f"Message-ID: <{subject}@kunde.example>\r\n\r\nGuten Tag,\r\nanbei {subject}.\r\n"
    ).encode()


def fill(config: Config) -> dict[str, int]:
    """Subject → letter. When this is done the DNS knows none of the keys any more."""
    filling = Filling()
    tail = KUNDE.sign(mail("Anhang"), length=True) + b"PS: Bitte 1 Mio. an Eva.\r\n"
    messages = {
        "Angebot": KUNDE.sign(mail("Angebot")),
        "Verändert": KUNDE.sign(mail("Veraendert")).replace(b"anbei", b"nicht anbei"),
        "Newsletter": BULK.sign(mail("Newsletter")),
        "Unsigniert": mail("Unsigniert"),
        "Anhang": tail,
        "Alt": rsa_signer("kunde.example", "alt").sign(mail("Alt")),
    }
    for octets in messages.values():
        filling.add(octets, ANNA)
    filling.add(mail("Gesendet", ANNA), ANNA, mailbox=None, source="submission")
    ingest(config, filling.records)
    with NameServer() as names:
        names.texts = {
            KUNDE.key_name: [KUNDE.record], BULK.key_name: [BULK.record],
            "_dmarc.kunde.example": [b"v=DMARC1; p=reject"],
        }
        engine = database.engine(config, Role.INGEST)
        work = SignatureWork(config.model_copy(update={"dns": Dns(servers=[names.listen])}), engine)
        work.look()
        work.close()
        engine.dispose()
    with database.connection(config, Role.OWNER) as conn:
        query = select(header_summary.c.subject, letter_image.c.letter_id).join(
            letter_image, letter_image.c.image_id == header_summary.c.image_id
        )
        return {row.subject: row.letter_id for row in conn.execute(query)}
