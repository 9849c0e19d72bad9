"""A mail server that takes every message, delivers none, and shows them all.

``mail.jsonl`` keeps each message: id, when it came, envelope sender and recipients, subject, text, and the whole of it
(``raw``). A page lists the newest; ``/messages.json`` gives them to programs (``?to=`` one recipient, ``?limit=``).
"""

import asyncio
from datetime import UTC, datetime
from email import message_from_bytes, policy
from html import escape
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP, Envelope, Session
from tornado.web import Application, HTTPError, RequestHandler

from sandbox.journal import Journal

HOST: Final = "127.0.0.1"
_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ text-align: left; padding: .3rem .6rem .3rem 0 }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere }}</style>
<h1>{title}</h1>{body}</html>"""


async def serve(folder: Path, *, smtp_port: int, http_port: int) -> None:
    """Takes mail and shows it until it is cancelled. Raises OSError where a port is taken."""
    journal = Journal(folder / "mail.jsonl")
    loop = asyncio.get_running_loop()
    handler = Inbox(journal)
    smtp = await loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=True, loop=loop), HOST, smtp_port)
    http = Application(
        [
            ("/", ListPage, {"journal": journal}),
            (r"/messages/(\d+)", MessagePage, {"journal": journal}),
            ("/messages.json", ListJson, {"journal": journal}),
        ]
    ).listen(http_port, HOST)
    print(f"mail: SMTP on {HOST}:{smtp_port}, messages at http://{HOST}:{http_port}", flush=True)
    try:
        await asyncio.Future()
    finally:
        http.stop()
        smtp.close()
        journal.close()


class Inbox:
    """aiosmtpd's hooks."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """250 means that the message is on disk."""
        raw = envelope.original_content or b""
        entry = self.journal.write(
            at=datetime.now(UTC).isoformat(timespec="milliseconds"),  # noqa: TID251 (a clock of its own)
            sender=envelope.mail_from,
            to=envelope.rcpt_tos,
            **described(raw),
        )
        print(f"mail: {entry['subject']!r} for {', '.join(entry['to'])}", flush=True)
        return f"250 OK, kept as {entry['id']}"


def described(raw: bytes) -> dict[str, str]:
    """Subject and text of a message, and the whole of it. Whatever its bytes are, it is kept."""
    message = message_from_bytes(raw, policy=policy.default)
    body = message.get_body(("plain", "html"))
    try:
        text = str(body.get_content()) if body else ""
    except (LookupError, ValueError):  # a charset that does not exist, or is not what it says
        text = ""
    return {"subject": str(message["subject"] or ""), "text": text, "raw": raw.decode("utf-8", "surrogateescape")}


class Page(RequestHandler):
    def initialize(self, journal: Journal) -> None:
        self.journal = journal

    def show(self, title: str, body: str) -> None:
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.write(_PAGE.format(title=escape(title), body=body).encode("utf-8", "replace"))


class ListPage(Page):
    def get(self) -> None:
        rows = "".join(
            f'<tr><td><a href="/messages/{entry["id"]}">{entry["id"]}</a><td>{escape(entry["at"])}'
            f"<td>{escape(', '.join(entry['to']))}<td>{escape(entry['subject'])}"
            for entry in reversed(self.journal.latest)
        )
        table = f"<table><tr><th>No.<th>Came (UTC)<th>To<th>Subject{rows}</table>"
        self.show(f"{self.journal.count} messages", table if rows else "<p>No mail has come yet.</p>")


class MessagePage(Page):
    def get(self, number: str) -> None:
        entry = self.journal.find(int(number))
        if entry is None:
            raise HTTPError(404)
        self.show(
            entry["subject"] or "(no subject)",
            f"<p>From {escape(entry['sender'])} to {escape(', '.join(entry['to']))}, {escape(entry['at'])}</p>"
            f"<pre>{escape(entry['text'])}</pre><details><summary>The whole message</summary>"
            f"<pre>{escape(entry['raw'])}</pre></details>",
        )


class ListJson(Page):
    def get(self) -> None:
        recipient = self.get_query_argument("to", "")
        limit = int(self.get_query_argument("limit", "100"))
        found: list[dict[str, Any]] = [
            entry for entry in reversed(self.journal.latest) if not recipient or recipient in entry["to"]
        ]
        self.write({"count": self.journal.count, "messages": found[:limit]})
