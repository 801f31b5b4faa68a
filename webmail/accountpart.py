"""The part of the sidebar that shows one account, kept: it is the same on each page until something in it changes.

An auditor's sidebar with 50 accounts takes 30 ms of processor time to write, a third of the page.
"""

from functools import lru_cache
from typing import Any

from flask import current_app, request
from markupsafe import Markup

from postbuch.webmail.folders import Account
from postbuch.webmail.language import language

# 2 KB each: 10 MB. Of all users of the process; who reads the same accounts with the same numbers shares them.
MOST = 5_000


def account_part(account: Account, several: bool, opened: bool, all_current: bool) -> Markup:
    """The HTML of an account. all_current: what is shown is all of it, no mailbox."""
    return _made(account, several, opened, all_current, language(), request.script_root)


@lru_cache(maxsize=MOST)
def _made(account: Account, several: bool, opened: bool, all_current: bool, _language: str, _root: str) -> Markup:
    """A pure function of all of these: language and prefix stand in the texts and links."""
    part: Any = current_app.jinja_env.get_template("sidebar_account.html").module
    made: Markup = part.account_part(account, several, opened, all_current)
    return made
