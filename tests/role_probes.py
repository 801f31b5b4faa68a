"""How each line of the table in docs/roles.md is tried: a real request about a letter, and the same about none."""

import io
import re
import secrets
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from role_letters import INLINE, PASSWORD, PDF, PICTURE, Letter, nothing
from werkzeug.test import TestResponse

Asked = Callable[[FlaskClient, Letter], TestResponse]
# An export says when it was made, to the second in it and to the minute in its name.
_MADE = re.compile(r'"made_at": *"[^"]*"')
_NAMED_BY_TIME = re.compile(r"(?<=postbuch)(-[a-z]+)?-[0-9-]+(?=\.[a-z]+|senders)")
_TOKEN = re.compile(r'(name="csrf_token"[^>]*value="|"X-CSRFToken": ")[^"]+')


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What can be told of an answer from outside."""

    status: int
    word: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def token(client: FlaskClient) -> str:
    """The CSRF token of a page."""
    page = client.get("/login", follow_redirects=True).text
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    return found[1]


def enter(client: FlaskClient, login: str) -> None:
    """Log in."""
    answer = client.post("/login", data={"csrf_token": token(client), "login": login, "password": PASSWORD})
    assert answer.status_code == 302


def _get(path: str) -> Asked:
    return lambda client, letter: client.get(_fill(path, letter))


def _post(path: str, **fields: str) -> Asked:
    def ask(client: FlaskClient, letter: Letter) -> TestResponse:
        data = {name: _fill(text, letter) for name, text in fields.items()}
        return client.post(path, data={"csrf_token": token(client), **data}, headers={"HX-Request": "true"})

    return ask


def _marked(client: FlaskClient, letter: Letter) -> TestResponse:
    """Twice, so that the second changes something."""
    for mark in ("read", "unread"):
        answer = _post("/marks", letter="{letter.id}", mark=mark)(client, letter)
    return answer


def _key(client: FlaskClient) -> str:
    """A key of the one who is logged in, with every scope; none for a stranger. Kept with the browser."""
    if "HTTP_X_API_KEY" not in client.environ_base:
        scopes = ["letters", "content", "marks", "exports"]
        page = client.post("/keys", data={"csrf_token": token(client), "name": "Rolle", "scope": scopes})
        found = re.search(r"pb_[\w-]{43}", page.text)
        client.environ_base["HTTP_X_API_KEY"] = found[0] if found else ""
    return str(client.environ_base["HTTP_X_API_KEY"])


def _api(path: str, method: str = "GET", **body: Any) -> Asked:
    def ask(client: FlaskClient, letter: Letter) -> TestResponse:
        _key(client)
        json = {name: _fill(value, letter) if isinstance(value, str) else value for name, value in body.items()}
        return client.open("/api/v1" + _fill(path, letter), method=method, json=json or None)

    return ask


def _api_marked(client: FlaskClient, letter: Letter) -> TestResponse:
    """Twice, so that the second changes something."""
    for read in (True, False):
        answer = _api("/letters/{letter.id}/mark", "PUT", read=read)(client, letter)
    return answer


def _job(path: str, method: str = "GET") -> Asked:
    """About a job of one's own, which ends with it."""

    def ask(client: FlaskClient, letter: Letter) -> TestResponse:
        made = _api("/exports", "POST", format="csv")(client, letter)
        number = made.json["id"] if made.status_code == 202 and made.json else 0
        data = {"csrf_token": token(client)} if method == "POST" else None
        answer = client.open(path.format(number), method=method, data=data)
        client.delete(f"/api/v1/jobs/{number}")
        return answer

    return ask


def _export_order(client: FlaskClient, letter: Letter) -> TestResponse:
    # Not for the letter's mark: what somebody typed stands on his own page of jobs.
    answer = _api("/exports", "POST", format="json", q="kunde")(client, letter)
    if answer.status_code == 202 and answer.json:
        client.delete(f"/api/v1/jobs/{answer.json['id']}")
    return answer


def _new_key(client: FlaskClient, letter: Letter) -> TestResponse:
    """Made and revoked again, so that the next has room."""
    name = secrets.token_hex(8)
    answer = client.post("/keys", data={"csrf_token": token(client), "name": name, "scope": "letters"})
    _revoked(client, letter)
    return answer


def _revoked(client: FlaskClient, letter: Letter) -> TestResponse:
    """The newest key that was not made for these probes."""
    client.post("/keys", data={"csrf_token": token(client), "name": secrets.token_hex(8), "scope": "letters"})
    page = client.get("/keys").text
    rows = re.findall(r'scope="row">([0-9a-f]{16})<.*?/keys/(\d+)/revoke', page, re.DOTALL)
    assert rows or client.get("/keys").status_code != 200  # a stranger has none
    rows = rows or [("", "0")]
    for _, number in rows:
        answer = client.post(f"/keys/{number}/revoke", data={"csrf_token": token(client)})
    return answer


def _fill(text: str, letter: Letter) -> str:
    return text.format(letter=letter, inline=INLINE, pdf=PDF, picture=PICTURE)


# Lines about a letter. All of a line's requests must come out alike.
ABOUT_A_LETTER: dict[str, tuple[Asked, ...]] = {
    "GET / search": tuple(_get(f"/?q={words}") for words in (
        "{letter.mark}", "-{letter.mark}", "filename:{letter.mark}", "from:absender.{letter.mark}@kunde.example",
        "account:konto.{letter.mark} OR mailbox:Ordner.{letter.mark}", "sha256:{letter.sha256}",
        "message-id:{letter.message_id}", "smaller:100m -body:{letter.mark}",
    )),
    "GET /suggest": (_get("/suggest?q={letter.mark}"), _get("/suggest?q=from:absender.{letter.mark}")),
    # Values are told where there are several: the letter's own among those of all that may be read.
    "GET /spread": (_get("/spread?q=from:absender.{letter.mark} OR account:konto.{letter.mark} OR after:2000-01-01"),),
    "GET / account": (_get("/?account={letter.account}"),),
    "GET / mailbox": (
        _get("/?mailbox={letter.mailbox}"), _get("/?account={letter.account}&mailbox={letter.mailbox}"),
    ),
    "GET /count": (_get("/count?q={letter.mark}"), _get("/count?account={letter.account}")),
    "GET /topics": tuple(_get(f"/topics?{words}") for words in (
        "q={letter.mark}", "q=(body~contains~{letter.mark})", "account={letter.account}", "mailbox={letter.mailbox}",
        "q=(people~contains~{letter.mark})(subject~contains~{letter.mark})&criteria=or",
    )),
    "GET /<path:place>_list.php": tuple(_get(f"/intexmail/mail_messages_list.php?q={words}") for words in (
        "(subject~contains~{letter.mark})", "%28from_email~equals~absender.{letter.mark}%40kunde.example%29",
        "(account~startswith~konto.{letter.mark})", "(mailbox~endswith~{letter.mark})(files~equals~{letter.mark}.pdf)",
        "(message_id~equals~nummer.{letter.mark}@kunde.example)", "(to~notempty)(id~empty)&qs={letter.mark}",
    )),
    "GET /<path:place>_view.php": (_get("/a/mail_messages_view.php?editid1={letter.id}"),),
    "GET /m/<int:letter_id>/topic": (_get("/m/{letter.id}/topic"),),
    "GET /m/<int:letter_id>/opened": (_get("/m/{letter.id}/opened"),),
    "GET /m/<int:letter_id>": (
        _get("/m/{letter.id}"), _get("/m/{letter.id}?image={letter.image}"), _get("/m/{letter.id}?q=kunde"),
    ),
    "GET /m/<int:letter_id>/headers": (_get("/m/{letter.id}/headers"),),
    "GET /m/<int:letter_id>/source": (_get("/m/{letter.id}/source"),),
    "GET /m/<int:letter_id>/evidence": (_get("/m/{letter.id}/evidence"),),
    "GET /m/<int:letter_id>/neighbours": (
        _get("/m/{letter.id}/neighbours?q=kunde"), _get("/m/{letter.id}/neighbours?q=has:attachment"),
    ),
    "GET /m/<int:letter_id>/body/<int:image_id>": (_get("/m/{letter.id}/body/{letter.image}"),),
    "GET /m/<int:letter_id>/inline/<int:image_id>/<int:position>": (
        _get("/m/{letter.id}/inline/{letter.image}/{inline}"),
    ),
    "GET /m/<int:letter_id>/attachment/<int:image_id>/<int:position>": (
        _get("/m/{letter.id}/attachment/{letter.image}/{pdf}"),
    ),
    "GET /m/<int:letter_id>/preview/<int:image_id>/<int:position>": (
        _get("/m/{letter.id}/preview/{letter.image}/{pdf}"),
    ),
    "GET /m/<int:letter_id>/tile/<int:image_id>/<int:position>": (
        _get("/m/{letter.id}/tile/{letter.image}/{picture}"),
    ),
    "GET /m/<int:letter_id>/files/<int:image_id>.zip": (_get("/m/{letter.id}/files/{letter.image}.zip"),),
    "GET /m/<int:letter_id>/message/<int:image_id>.eml": (_get("/m/{letter.id}/message/{letter.image}.eml"),),
    "GET /m/by-message-id/<path:message_id>": (
        _get("/m/by-message-id/{letter.message_id}"), _get("/m/by-message-id/{letter.sha256}"),
        _get("/m/by-message-id/{letter.id}"),
    ),
    "GET /media": tuple(_get(f"/media?{words}") for words in (
        "q=(name~equals~{letter.mark}.pdf)", "q={letter.mark}.pdf", "look=table&q=(sender~contains~{letter.mark})",
        "q=(name~contains~{letter.mark})(size~morethan~1)&orderby=asize",
    )),
    "GET /media/<int:attachment_id>": (_get("/media/{letter.attachment}"),),
    "GET /media/<int:attachment_id>/drawing": (_get("/media/{letter.attachment}/drawing"),),
    "POST /media.zip": (_post("/media.zip", file="{letter.attachment}"),),
    "GET /senders": tuple(_get(f"/senders?{words}") for words in (
        "q=absender.{letter.mark}", "q=(address~equals~absender.{letter.mark}@kunde.example)",
        "q=(name~startswith~{letter.mark})&orderby=dlast",
    )),
    "POST /marks": (_marked,),
    "POST /export": (
        _post("/export", view="letters", format="csv", q="{letter.mark}"),
        _post("/export", view="letters", format="json", q="(subject~contains~{letter.mark})"),
        _post("/export", view="letters", format="sql", account="{letter.account}"),
        _post("/export", view="topics", format="xml", q="{letter.mark}"),
        _post("/export", view="media", format="csv", q="{letter.mark}"),
        _post("/export", view="senders", format="csv", q="{letter.mark}"),
        _post("/export", view="senders", format="csv-mailing", q="{letter.mark}"),
        _post("/export", view="letters", format="mbox", q="sha256:{letter.sha256}"),
        _post("/export", view="letters", format="zip", q="{letter.mark}"),
    ),
    "GET /api/v1/letters": (
        _api("/letters?q={letter.mark}"), _api("/letters?q=(from~contains~{letter.mark})"),
        _api("/letters?account={letter.account}"), _api("/letters?q=sha256:{letter.sha256}"),
    ),
    "GET /api/v1/letters/count": (_api("/letters/count?q={letter.mark}"),),
    "GET /api/v1/letters/count/months": (_api("/letters/count/months?q={letter.mark}"),),
    "GET /api/v1/letters/<int:letter_id>": (_api("/letters/{letter.id}"),),
    "GET /api/v1/letters/<int:letter_id>/attachments": (_api("/letters/{letter.id}/attachments"),),
    "GET /api/v1/letters/<int:letter_id>/attachments/<int:image_id>/<int:position>": (
        _api("/letters/{letter.id}/attachments/{letter.image}/{pdf}"),
    ),
    "GET /api/v1/letters/<int:letter_id>/topic": (_api("/letters/{letter.id}/topic"),),
    "GET /api/v1/media/<int:attachment_id>": (_api("/media/{letter.attachment}"),),
    "GET /api/v1/media/<int:attachment_id>/file": (_api("/media/{letter.attachment}/file"),),
    "GET /api/v1/letters/<int:letter_id>/message": (_api("/letters/{letter.id}/message"),),
    "PUT /api/v1/letters/<int:letter_id>/mark": (_api_marked,),
    "GET /api/v1/suggestions": (_api("/suggestions?q={letter.mark}"),),
    "GET /api/v1/<any(topics, media, senders):name>": (
        _api("/topics?q={letter.mark}"), _api("/media?q={letter.mark}"), _api("/senders?q={letter.mark}"),
    ),
}  # fmt: skip

# Lines about no letter: what is there for a role is there whatever letters it may read.
ABOUT_NONE: dict[str, Asked] = {
    "GET /admin": _get("/admin"),
    "GET /completeness": _get("/completeness"),
    "GET /verification": _get("/verification"),
    "GET /audit": _get("/audit"),
    "GET /audit.csv": _get("/audit.csv"),
    "GET /links": _get("/links"),
    "POST /links": _post("/links", name="CRM", template="https://crm.example/?q=#EMAIL#"),
    "POST /links/<int:number>/end": _post("/links/999999/end"),
    "GET /searches": _get("/searches"),
    "POST /searches": _post("/searches?q=kunde", name="Kunde", counted="1"),
    "GET /searches/<int:number>": _get("/searches/999999"),
    "POST /searches/<int:number>": _post("/searches/999999", name="Kunde"),
    "POST /searches/<int:number>/restore": _post("/searches/999999/restore"),
    "GET /searches/counts": _get("/searches/counts"),
    "POST /searches/<int:number>/end": _post("/searches/999999/end"),
    "POST /settings/list/<name>": _post("/settings/list/letters", size="50"),
    "GET /jobs": _get("/jobs"),
    "GET /jobs/part": _get("/jobs/part"),
    "GET /jobs/news": _get("/jobs/news"),
    "GET /jobs/<int:job_id>/file": _job("/jobs/{}/file"),
    "POST /jobs/<int:job_id>/cancel": _job("/jobs/{}/cancel", "POST"),
    "GET /keys": _get("/keys"),
    "POST /keys": _new_key,
    "POST /keys/<int:key_id>/revoke": _revoked,
    "GET /schema/table.xsd": _get("/schema/table.xsd"),
    "GET /api/v1/openapi.json": _get("/api/v1/openapi.json"),
    "GET /api/v1/me": _api("/me"),
    "GET /api/v1/views": _api("/views"),
    "GET /api/v1/searches": _api("/searches"),
    "GET /api/v1/searches/<int:search_id>/letters": _api("/searches/999999/letters"),
    "GET /api/v1/searches/<int:search_id>/count": _api("/searches/999999/count"),
    "POST /api/v1/exports": _export_order,
    "GET /api/v1/jobs": _api("/jobs"),
    "GET /api/v1/jobs/<int:job_id>": _job("/api/v1/jobs/{}"),
    "DELETE /api/v1/jobs/<int:job_id>": _job("/api/v1/jobs/{}", "DELETE"),
    "GET /api/v1/jobs/<int:job_id>/file": _job("/api/v1/jobs/{}/file"),
    "GET /login": _get("/login"),
    "POST /login": _post("/login", login="niemand@firma.example", password="falsches Passwort"),
    "POST /logout": _post("/logout"),
    "POST /settings/language": _post("/settings/language", language="en"),
    "POST /settings/theme": _post("/settings/theme", theme="light"),
    "POST /settings/letters": _post("/settings/letters", letters="dark"),
    "GET /favicon.ico": _get("/favicon.ico"),
    "GET /static/<path:filename>": _get("/static/manifest.json"),
}
# Lines whose answer names no letter: whether it stands in the list, whether it counts as new.
LISTED, COUNTED = "GET / list", "GET /news"
LINES = (LISTED, COUNTED, *ABOUT_A_LETTER, *ABOUT_NONE)


def told(client: FlaskClient, ask: Asked, letter: Letter) -> Answer:
    """The answer, with what was asked for and the secrets of the session taken out."""
    answer = ask(client, letter)
    with answer:
        headers = tuple(sorted(
            (name, _bare(value, letter)) for name, value in answer.headers.items()
            if name not in ("Set-Cookie", "Content-Length")
        ))  # fmt: skip
        body = answer.data
    if answer.mimetype == "text/html":
        body = _bare(_TOKEN.sub(r"\1", body.decode()), letter).encode()
    elif answer.mimetype == "application/zip":
        body = _unpacked(body, letter)
    return Answer(status=answer.status_code, word=_word(answer), headers=headers, body=body)


def _unpacked(octets: bytes, letter: Letter) -> bytes:
    """Names and contents, without the times at which they were packed."""
    with zipfile.ZipFile(io.BytesIO(octets)) as packed:
        files = sorted((name, packed.read(name).decode("latin-1")) for name in packed.namelist())
    return _bare(_MADE.sub("", repr(files)), letter).encode()


def _bare(text: str, letter: Letter) -> str:
    asked = (letter.mark, letter.sha256, f"account={letter.account}", f"mailbox={letter.mailbox}",
             f'name="account" value="{letter.account}', f'name="mailbox" value="{letter.mailbox}')  # fmt: skip
    return re.sub("|".join(rf"{re.escape(each)}\b" for each in asked), "…", _NAMED_BY_TIME.sub("", text))


def outcome(client: FlaskClient, line: str, letter: Letter) -> str:
    """The word of the table: log-in, no, none or yes. Fails on an answer that is neither."""
    if line == LISTED:
        page = client.get("/")
        return _word(page) or ("yes" if letter.mark in page.text else "none")
    if line == COUNTED:
        return _counted(client, letter)
    if line in ABOUT_NONE:
        answer = ABOUT_NONE[line](client, letter)
        with answer:
            return _word(answer) or "yes"
    words = {_about(client, ask, letter) for ask in ABOUT_A_LETTER[line]}
    assert len(words) == 1, (line, words)
    return words.pop()


def _about(client: FlaskClient, ask: Asked, letter: Letter) -> str:
    there = told(client, ask, letter)
    if there.word:
        return there.word
    nowhere = told(client, ask, nothing())
    assert nowhere.status < 500
    if there == nowhere:
        return "none"
    assert there.status in (200, 302), (there, nowhere)
    return "yes"


def _counted(client: FlaskClient, letter: Letter) -> str:
    """Asked for what is newer than the letter, and than the moment before it: is it one more?"""
    at, number = letter.place.split("_")
    answers = [client.get(f"/news?since={at}_{place}") for place in (number, int(number) - 1)]
    word = _word(answers[0])
    if word:
        return word
    numbers = [int((re.search(r"(\d+) new letters?", each.text) or ["", "0"])[1]) for each in answers]
    assert numbers[1] - numbers[0] in (0, 1)
    return "yes" if numbers[1] > numbers[0] else "none"


def _word(answer: TestResponse) -> str:
    """What is the same for every letter: the way to the log-in, or a page that is not for this role."""
    if answer.status_code == 403:
        return "no"
    if answer.status_code == 401 and answer.request.path.startswith("/api/"):
        return "log-in"  # a key, which one makes when one is logged in
    leads = answer.headers.get("HX-Redirect") or (answer.request.path != "/logout" and answer.headers.get("Location"))
    return "log-in" if leads and leads.startswith("/login") else ""
