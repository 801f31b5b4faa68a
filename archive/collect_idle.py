"""One thread for all connections that idle: a selector over their sockets, awake when upstream says something."""

import contextlib
import logging
import selectors
import socket
import threading
from collections.abc import Callable

from postbuch.archive.collect_connection import UpstreamTrouble
from postbuch.archive.collect_imap import Session

log = logging.getLogger("postbuch.collector")


class Watcher:
    """`tell` is called in the watcher's thread, once, with who was added and whether the connection is lost."""

    def __init__(self, tell: Callable[[int, bool], None]) -> None:
        self._tell = tell
        self._selector = selectors.DefaultSelector()
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._selector.register(self._theirs, selectors.EVENT_READ, None)
        self._lock = threading.Lock()
        self._watched: dict[int, Session] = {}
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="collector-idle", daemon=True)
        self._thread.start()

    def add(self, who: int, session: Session) -> None:
        """Watch an idling session. The session belongs to the watcher until it tells or `remove`."""
        with self._lock:
            self._watched[who] = session
            self._selector.register(session.fileno(), selectors.EVENT_READ, who)
        self._poke()

    def remove(self, who: int) -> bool:
        """Stop watching; False when it has been told already."""
        with self._lock:
            session = self._watched.pop(who, None)
            if session is not None:
                self._selector.unregister(session.fileno())
        return session is not None

    def close(self) -> None:
        """End the thread; sessions stay as they are."""
        self._ended = True
        self._poke()
        self._thread.join()
        self._selector.close()
        self._ours.close()
        self._theirs.close()

    def _poke(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._ours.send(b"x")

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select():
                if key.data is None:
                    with contextlib.suppress(BlockingIOError):
                        self._theirs.recv(4096)
                else:
                    self._look(key.data)

    def _look(self, who: int) -> None:
        with self._lock:  # `remove` waits: nobody else works on a session that is being read
            session = self._watched.get(who)
            if session is None:
                return
            lost = False
            try:
                heard = session.news()
            except UpstreamTrouble as error:
                log.debug("idle-lost who=%d reason=%s", who, error)
                heard = lost = True
            if not heard:
                return
            del self._watched[who]
            self._selector.unregister(session.fileno())
        self._tell(who, lost)
