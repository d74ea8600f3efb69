"""A small CMS: drafts nobody sees, and articles everybody does, over HTTP.

Run as `python -m examples.publish.cms --port 0 --db FILE`. A draft can be deleted without trace. A
published article has been read by the time anyone regrets it: there is no way to unpublish.
"""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from html import escape
from pathlib import Path

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from examples.keyed import answer_once, ledger_response, refusal
from examples.ledger import Answer, JsonObject, Ledger, Transaction
from examples.serving import serve

SCHEMA = """
create table if not exists article (
  number integer primary key autoincrement, id text unique, reference text not null unique,
  slug text not null, title text not null, body text not null, status text not null
);
create unique index if not exists slug_in_use on article (slug) where status <> 'deleted';
"""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><article><h1>{title}</h1>{paragraphs}</article></body></html>
"""


class DraftRequest(BaseModel):
    """What the body of `POST /drafts` holds."""

    slug: str
    title: str
    body: str


class Cms:
    """The articles of one site."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def app(self) -> Starlette:
        """Build the web application."""
        return Starlette(
            routes=[
                Route("/drafts", self.create, methods=["POST"]),
                Route("/drafts", self.find, methods=["GET"]),
                Route("/drafts/{id}", self.delete, methods=["DELETE"]),
                Route("/drafts/{id}/publish", self.publish, methods=["POST"]),
                Route("/articles/{slug}", self.read),
                Route("/ledger", self.show_ledger),
                Route("/health", self.health),
            ]
        )

    async def create(self, request: Request) -> JSONResponse:
        """Keep a draft."""
        return await answer_once(request, self._ledger, _create)

    async def delete(self, request: Request) -> JSONResponse:
        """Delete a draft; one that is deleted already stays so."""
        return await answer_once(request, self._ledger, partial(_delete, request.path_params["id"]))

    async def publish(self, request: Request) -> JSONResponse:
        """Show a draft to the world, for good."""
        work = partial(_publish, request.path_params["id"])
        return await answer_once(request, self._ledger, work)

    async def find(self, request: Request) -> JSONResponse:
        """Find the draft made under a key."""
        reference = request.query_params.get("reference")
        if not reference:
            return refusal(400, "ask as GET /drafts?reference=KEY")
        rows = self._ledger.query(
            "select id, slug, status from article where reference = ?", (reference,)
        )
        if not rows:
            return refusal(404, "no draft was made under this reference")
        return JSONResponse(dict(rows[0]))

    async def read(self, request: Request) -> Response:
        """Show the public page of an article."""
        rows = self._ledger.query(
            "select title, body from article where slug = ? and status = 'published'",
            (request.path_params["slug"],),
        )
        if not rows:
            return HTMLResponse(PAGE.format(title="Not found", paragraphs=""), 404)
        lines = str(rows[0]["body"]).splitlines()
        paragraphs = "".join(f"<p>{escape(line)}</p>" for line in lines if line.strip())
        return HTMLResponse(PAGE.format(title=escape(rows[0]["title"]), paragraphs=paragraphs))

    async def show_ledger(self, request: Request) -> JSONResponse:
        """List every effect, in order."""
        return ledger_response(self._ledger)

    async def health(self, request: Request) -> JSONResponse:
        """Say that we are here."""
        return JSONResponse({"status": "ok"})


def _create(transaction: Transaction, body: JsonObject) -> Answer:
    try:
        draft = DraftRequest.model_validate(body)
    except ValidationError as error:
        return Answer(422, {"error": str(error)})
    if _is_taken(transaction, draft.slug):
        return Answer(409, {"error": "slug-taken"})
    number = transaction.execute(
        "insert into article (reference, slug, title, body, status) values (?, ?, ?, ?, 'draft')",
        (transaction.key, draft.slug, draft.title, draft.body),
    ).lastrowid
    transaction.execute("update article set id = ? where number = ?", (f"draft-{number}", number))
    transaction.record("create", f"draft-{number}", {"slug": draft.slug})
    return Answer(201, {"id": f"draft-{number}", "slug": draft.slug, "status": "draft"})


def _delete(draft: str, transaction: Transaction, body: JsonObject) -> Answer:
    status, _ = _status_and_slug(transaction, draft)
    if status is None:
        return Answer(404, {"error": f"there is no draft {draft}"})
    if status == "published":
        return Answer(409, {"error": "published"})
    if status == "draft":
        transaction.execute("update article set status = 'deleted' where id = ?", (draft,))
        transaction.record("delete", draft, {})
    return Answer(200, {"id": draft, "status": "deleted"})


def _publish(draft: str, transaction: Transaction, body: JsonObject) -> Answer:
    status, slug = _status_and_slug(transaction, draft)
    if status is None or status == "deleted":
        return Answer(404, {"error": f"there is no draft {draft}"})
    if status == "draft":
        transaction.execute("update article set status = 'published' where id = ?", (draft,))
        transaction.record("publish", draft, {"slug": slug})
    return Answer(200, {"id": draft, "path": f"/articles/{slug}"})


def _is_taken(transaction: Transaction, slug: str) -> bool:
    found = transaction.execute(
        "select 1 from article where slug = ? and status <> 'deleted'", (slug,)
    )
    return found.fetchone() is not None


def _status_and_slug(transaction: Transaction, draft: str) -> tuple[str | None, str]:
    row = transaction.execute("select status, slug from article where id = ?", (draft,)).fetchone()
    return (None, "") if row is None else (row["status"], row["slug"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(prog="python -m examples.publish.cms")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--db", type=Path, required=True, help="the site's own SQLite file")
    chosen = parser.parse_args(arguments)
    with closing(Ledger(chosen.db, SCHEMA)) as ledger:
        asyncio.run(serve(Cms(ledger).app(), chosen.port))


if __name__ == "__main__":
    main()
