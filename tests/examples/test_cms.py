"""The CMS of the publishing example, over real HTTP."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from examples.publish.world import Site


@pytest.fixture
def cms(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, trust_env=False) as client:
        yield client


@pytest.fixture
def slug() -> str:
    """A slug of its own for each test; it serves as the idempotency key as well."""
    return f"article-{uuid4().hex}"


def draft(cms: httpx.Client, slug: str, key: str | None = None) -> httpx.Response:
    body = {"slug": slug, "title": "Tea & <milk>", "body": "First.\n\nSecond."}
    return cms.post("/drafts", json=body, headers={"Idempotency-Key": key or slug})


def publish(cms: httpx.Client, draft_id: str, key: str) -> httpx.Response:
    return cms.post(f"/drafts/{draft_id}/publish", headers={"Idempotency-Key": key})


def delete(cms: httpx.Client, draft_id: str, key: str) -> httpx.Response:
    return cms.delete(f"/drafts/{draft_id}", headers={"Idempotency-Key": key})


def kinds(site: Site, draft_id: str) -> list[str]:
    return [line.kind for line in site.ledger() if line.subject == draft_id]


def test_a_draft_is_not_public(site: Site, cms: httpx.Client, slug: str) -> None:
    draft(cms, slug)
    assert site.page(slug) is None


def test_a_draft_is_made_once_per_key(site: Site, cms: httpx.Client, slug: str) -> None:
    first, second = draft(cms, slug).json(), draft(cms, slug).json()
    assert first == second
    assert kinds(site, first["id"]) == ["create"]


def test_a_draft_is_found_by_its_reference(cms: httpx.Client, slug: str) -> None:
    made = draft(cms, slug).json()
    assert cms.get("/drafts", params={"reference": slug}).json() == made


def test_a_reference_nobody_used_is_not_found(cms: httpx.Client, slug: str) -> None:
    assert cms.get("/drafts", params={"reference": slug}).status_code == 404


def test_a_search_without_a_reference_is_refused(cms: httpx.Client) -> None:
    assert cms.get("/drafts").status_code == 400


def test_a_slug_in_use_is_refused(cms: httpx.Client, slug: str) -> None:
    draft(cms, slug)
    answer = draft(cms, slug, key=slug + "-again")
    assert (answer.status_code, answer.json()) == (409, {"error": "slug-taken"})


def test_an_incomplete_draft_is_refused(cms: httpx.Client, slug: str) -> None:
    answer = cms.post("/drafts", json={"slug": slug}, headers={"Idempotency-Key": slug})
    assert answer.status_code == 422


def test_the_slug_of_a_deleted_draft_is_free(cms: httpx.Client, slug: str) -> None:
    delete(cms, draft(cms, slug).json()["id"], slug + "-delete")
    assert draft(cms, slug, key=slug + "-again").status_code == 201


def test_a_published_article_is_public(site: Site, cms: httpx.Client, slug: str) -> None:
    publish(cms, draft(cms, slug).json()["id"], slug + "-publish")
    page = site.page(slug)
    assert page is not None
    assert "<p>First.</p><p>Second.</p>" in page


def test_the_public_page_escapes_what_was_written(site: Site, cms: httpx.Client, slug: str) -> None:
    publish(cms, draft(cms, slug).json()["id"], slug + "-publish")
    assert "Tea &amp; &lt;milk&gt;" in (site.page(slug) or "")


def test_an_article_is_published_once_under_any_key(
    site: Site, cms: httpx.Client, slug: str
) -> None:
    made = draft(cms, slug).json()["id"]
    for attempt in ("first", "first", "second"):
        assert publish(cms, made, slug + attempt).json()["path"] == f"/articles/{slug}"
    assert kinds(site, made) == ["create", "publish"]


def test_a_published_article_cannot_be_deleted(site: Site, cms: httpx.Client, slug: str) -> None:
    made = draft(cms, slug).json()["id"]
    publish(cms, made, slug + "-publish")
    assert delete(cms, made, slug + "-delete").status_code == 409


def test_a_deleted_draft_cannot_be_published(cms: httpx.Client, slug: str) -> None:
    made = draft(cms, slug).json()["id"]
    delete(cms, made, slug + "-delete")
    assert publish(cms, made, slug + "-publish").status_code == 404


def test_a_draft_is_deleted_once_under_any_key(site: Site, cms: httpx.Client, slug: str) -> None:
    made = draft(cms, slug).json()["id"]
    for attempt in ("first", "first", "second"):
        assert delete(cms, made, slug + attempt).json()["status"] == "deleted"
    assert kinds(site, made) == ["create", "delete"]


def test_publishing_without_a_key_is_refused(cms: httpx.Client, slug: str) -> None:
    made = draft(cms, slug).json()["id"]
    assert cms.post(f"/drafts/{made}/publish").status_code == 400
