"""The home of pyftpdlib. It needs asyncore, about whose end Python 3.11 warns; later ones get it as a package."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pyftpdlib.exceptions import AuthenticationFailed as AuthenticationFailed
    from pyftpdlib.filesystems import AbstractedFS as AbstractedFS
    from pyftpdlib.handlers import TLS_DTPHandler as TLS_DTPHandler
    from pyftpdlib.handlers import TLS_FTPHandler as TLS_FTPHandler
    from pyftpdlib.handlers.ftp.dispatchers import PassiveDTP as PassiveDTP
    from pyftpdlib.handlers.ftp.producers import BufferedIteratorProducer as BufferedIteratorProducer
    from pyftpdlib.handlers.ftp.producers import FileProducer as FileProducer
    from pyftpdlib.servers import ThreadedFTPServer as ThreadedFTPServer
