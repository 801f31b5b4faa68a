"""What can be wrong with certificates: each reason by its name, with its sentence in English."""

from postbuch.archive.said import Named


class Ending(Named):
    """That a certificate has to be seen to, and how."""

    EXPIRED = "the certificate {path} has expired: {remedy}"
    ENDS_SOON = "the certificate {path} ends in {days} days: {remedy}"
    REPLACE_CA = "remove it and {key}, restart Postbuch and install the new one on the clients"
    RESTART = "restart Postbuch to renew it"
    PUT_RENEWED = "put the renewed certificate and key there"
    NOT_READ = "{path}: the certificate cannot be read: {words}"
    NO_CERTIFICATE = "{path}: is not a PEM certificate; put one there or remove the file and start again"
