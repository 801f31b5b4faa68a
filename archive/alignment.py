"""Whether a signing domain is the sender's (DMARC, RFC 7489 section 3.1), and what the sender's domain asks for.

The home of publicsuffixlist, which carries the list as a file: nothing is asked of the network. Pure.
"""

from functools import cache

from publicsuffixlist import PublicSuffixList

STRICT, RELAXED = "strict", "relaxed"


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def organisation(domain: str) -> str:
    """The organisational domain (RFC 7489 section 3.2): the public suffix and one label; itself when there is none."""
    return str(_suffixes().privatesuffix(domain) or domain) if domain else ""


def alignment(domain: str, sender: str) -> str:
    """How a signing domain belongs to the sender's: strict (the same), relaxed (of one organisation), or empty."""
    if not domain or not sender:
        return ""
    if domain == sender:
        return STRICT
    return RELAXED if organisation(domain) == organisation(sender) else ""


def policy_names(sender: str) -> list[str]:
    """Where in the DNS the sender's policy may stand, the nearer one first (RFC 7489 section 6.6.3)."""
    return [f"_dmarc.{domain}" for domain in dict.fromkeys([sender, organisation(sender)])] if sender else []


def is_policy(record: str) -> bool:
    """Whether a TXT record is a DMARC policy (section 6.3: the version comes first)."""
    tag, _, value = record.partition(";")[0].partition("=")
    return (tag.strip(), value.strip()) == ("v", "DMARC1")


def policy(record: str) -> str:
    """What the domain wants done with mail that is not from it: none, quarantine, reject; empty without a policy."""
    found = _tags(record).get("p", "").lower()
    return found if found in ("none", "quarantine", "reject") else ""


def counts(aligned: str, record: str) -> bool:
    """Whether the alignment is close enough for the policy (section 6.3: `adkim=s` wants the same domain)."""
    wants_same = _tags(record).get("adkim", "r").lower() == "s"
    return aligned == STRICT or (aligned == RELAXED and not wants_same)


def _tags(record: str) -> dict[str, str]:
    if not is_policy(record):
        return {}
    pairs = (part.partition("=") for part in record.split(";"))
    return {tag.strip().lower(): value.strip() for tag, equals, value in pairs if equals}
