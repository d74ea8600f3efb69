"""An article as a saga: keep a draft, then publish it once an editor has agreed.

Run it as `sagas run examples.publish.publishing:publishing.publish --input @article.json`, with
the address of the CMS in CMS_URL.

A draft is seen by nobody, so it can be made early and deleted when the editor says no. What was
published has been read, and no later call changes that: it waits for the editor.
"""

import os
from datetime import timedelta
from http import HTTPStatus

import httpx
from pydantic import BaseModel

from sagas import Catalog, Residue, Reversibility, approval, current_step

publishing = Catalog("publishing")

KEY_TTL = timedelta(days=7)


class Article(BaseModel):
    """What an author hands in."""

    slug: str
    title: str
    body: str


class Draft(BaseModel):
    """An article in the CMS that nobody can see."""

    id: str
    slug: str


class Publication(BaseModel):
    """Where the world finds the article."""

    path: str


class SlugTaken(Exception):
    """Another article has this slug: no draft was made."""


@publishing.action(
    reversibility=Reversibility.COMPENSATABLE, key_ttl=KEY_TTL, definite=(SlugTaken,)
)
async def create_draft(article: Article) -> Draft:
    """Keep the article where nobody sees it."""
    response = await call("POST", "/drafts", article)
    if response.status_code == HTTPStatus.CONFLICT:
        raise SlugTaken(article.slug)
    return Draft.model_validate_json(response.raise_for_status().content)


@create_draft.compensation()
async def delete_draft(article: Article, result: Draft) -> Residue | None:
    """Take the draft away again; nothing remains."""
    (await call("DELETE", f"/drafts/{result.id}")).raise_for_status()
    return None


@create_draft.probe(lag=timedelta(seconds=1))
async def find_draft(article: Article) -> Draft | None:
    """Ask whether a lost call made the draft."""
    async with site() as http:
        response = await http.get("/drafts", params={"reference": current_step().idempotency_key})
    if response.status_code == HTTPStatus.NOT_FOUND:
        return None
    return Draft.model_validate_json(response.raise_for_status().content)


@publishing.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=KEY_TTL,
    approval=approval(by="@editors", within=timedelta(days=2)),
)
async def publish_draft(draft: Draft, article: Article) -> Publication:
    """Show the draft to the world, for good; the editor judges `article`."""
    response = await call("POST", f"/drafts/{draft.id}/publish")
    return Publication.model_validate_json(response.raise_for_status().content)


@publishing.saga
async def publish(article: Article) -> Publication:
    """Publish an article, or leave no trace of it."""
    draft = await create_draft(article)
    return await publish_draft(draft, article)


async def call(method: str, path: str, body: BaseModel | None = None) -> httpx.Response:
    """Ask the CMS for an effect, at most once per step."""
    headers = {"Idempotency-Key": current_step().idempotency_key}
    content = body.model_dump_json() if body else "{}"
    async with site() as http:
        return await http.request(method, path, content=content, headers=headers)


def site() -> httpx.AsyncClient:
    """Open a connection to the CMS."""
    return httpx.AsyncClient(base_url=os.environ["CMS_URL"], timeout=10)
