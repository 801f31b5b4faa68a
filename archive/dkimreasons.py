"""What a letter's signatures say to people, in plain words, and why one of them says nothing.

Tables keep these sentences in English; the German ones stand in `translations`.
"""

from postbuch.archive.said import Named


class Doubt(Named):
    """Why a signature does not say what it seems to say."""

    BODY_CHANGED = "the text was changed after it was signed, or it is forged"
    HEADER_CHANGED = "a header line was changed after it was signed, or it is forged"
    NO_KEY = "the DNS has no such key; it may have been withdrawn before the letter came here"
    REVOKED = "the domain has withdrawn the key"
    EXPIRED = "the signature's time was over when it was looked at"
    FROM_FUTURE = "it says that it was made later than the letter came"
    SHA1 = "it uses SHA-1, which can be forged today"
    SHORT_KEY = "its RSA key has fewer than 1,024 bits and can be broken"
    LONG_KEY = "its RSA key is larger than any in use, so it was not computed with"
    KEY_UNREADABLE = "the key in the DNS cannot be read"
    KEY_OF_OTHER_KIND = "the key in the DNS is of another kind than the signature"
    KEY_FOR_ONE_NAME = "the key may sign for the domain itself alone, not for names below it"
    UNREADABLE = "the signature is not built as one should be"
    FROM_UNSIGNED = "it does not cover the line that names the sender"
    PART = "it covers only the beginning of the text; what follows may be anybody's"
    TOO_MUCH = "checking it takes more time or memory than a message may have"
    TOO_LARGE = "the message is larger than those whose signatures are checked ({octets} octets)"
    TOO_MANY = "only the first {checked} of {signatures} signatures were checked"
    DNS_SILENT = "the DNS gave no answer for {days} days"


class Standing(Named):
    """What all signatures of a message together say about its sender."""

    MATCHES = "signed by {domain}, matches the sender: verified on arrival"
    OTHER_DOMAIN = "signed by {domain}, which is not the sender's domain: verified on arrival"
    ALTERED = "the signature of {domain} does not match: the text was changed, or it is forged"
    LIMITED = "signed by {domain}, but the signature proves little: {why}"
    NO_KEY = "signed by {domain}; the key was not in the DNS any more, so it could not be verified"
    NOT_CHECKED = "signed by {domain}; it could not be verified: {why}"
    UNSIGNED = "no signature of the sender's domain"
    UNKNOWN = "the signatures were not checked: {why}"


class Dns(Named):
    """What keeps signatures from being checked, for the status."""

    SILENT = (
        "the name servers ({servers}) do not answer, so signatures of incoming mail wait to be checked; see that they "
        "can be reached, name others under [dns] servers, or set [dns] enabled = false"
    )
    NONE = "this machine names no name servers; name some under [dns] servers, or set [dns] enabled = false"
    OF_THE_SYSTEM = "those of the system"
