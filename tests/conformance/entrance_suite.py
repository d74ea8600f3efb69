"""What every store must keep of links, sessions, sent forms and tokens."""

import asyncio
from dataclasses import replace

from sagas.ports import Scope, Store
from tests.conformance.support import AT, SECOND, api_token, login_link, web_session


class EntranceSuite:
    async def test_a_link_is_read_as_it_was_recorded(self, store: Store) -> None:
        await store.record_link(login_link())
        assert await store.link("link") == login_link()
        assert await store.link("another") is None

    async def test_a_link_begins_one_session_and_no_second_one(self, store: Store) -> None:
        await store.record_link(login_link())
        assert await store.enter("link", web_session("first"))
        assert not await store.enter("link", web_session("second"))
        assert await store.link("link") == login_link(used_by="first")
        assert await store.session("first") == web_session("first")
        assert await store.session("second") is None

    async def test_of_many_who_use_a_link_at_once_one_gets_in(self, store: Store) -> None:
        await store.record_link(login_link())
        entered = await asyncio.gather(
            *(store.enter("link", web_session(f"s-{number}")) for number in range(8))
        )
        assert sum(entered) == 1

    async def test_a_link_that_is_over_or_unknown_lets_nobody_in(self, store: Store) -> None:
        link = login_link()
        await store.record_link(link)
        assert not await store.enter("link", web_session(begun_at=link.until))
        assert not await store.enter("another", web_session())
        assert await store.session("session") is None

    async def test_links_that_are_over_are_forgotten_when_another_is_made(
        self, store: Store
    ) -> None:
        old = login_link()
        await store.record_link(old)
        await store.record_link(login_link("new", made_at=old.until, until=old.until + SECOND))
        assert await store.link("link") is None
        assert await store.link("new") is not None

    async def test_a_session_is_read_as_it_was_begun_until_it_ends(self, store: Store) -> None:
        await store.begin_session(web_session())
        assert await store.session("session") == web_session()
        await store.end_session("session")
        await store.end_session("session")
        assert await store.session("session") is None

    async def test_a_session_was_last_seen_at_the_latest_instant(self, store: Store) -> None:
        await store.begin_session(web_session())
        for at in (AT + 2 * SECOND, AT + SECOND):
            await store.see_session("session", at)
        assert await store.session("session") == web_session(seen_at=AT + 2 * SECOND)

    async def test_sessions_that_are_over_are_forgotten_when_another_begins(
        self, store: Store
    ) -> None:
        old = web_session()
        await store.begin_session(old)
        await store.begin_session(web_session("new", begun_at=old.until, until=2 * old.until))
        assert await store.session("session") is None
        assert await store.session("new") is not None

    async def test_of_many_who_send_one_form_one_is_the_first(self, store: Store) -> None:
        taken = await asyncio.gather(
            *(
                store.spend("form", spender=str(number), until=AT + SECOND, at=AT)
                for number in range(8)
            )
        )
        assert sum(taken) == 1
        assert not await store.spend("form", spender="late", until=AT + SECOND, at=AT)
        assert await store.spend("other", spender="late", until=AT + SECOND, at=AT)

    async def test_a_sent_form_is_remembered_until_its_time_is_over(self, store: Store) -> None:
        assert await store.spend("form", spender="a", until=AT + SECOND, at=AT)
        assert await store.spend("form", spender="b", until=AT + 3 * SECOND, at=AT + SECOND)

    async def test_a_token_is_read_by_its_hash_and_listed_for_its_owner(self, store: Store) -> None:
        first = api_token(scopes=frozenset({Scope.READ, Scope.DECIDE}), label="\u00fc")
        second = api_token("t-2", made_at=AT + 1)
        for token in (second, first, api_token("t-3", owner="ben")):
            await store.record_token(token)
        assert await store.token("hash of t-1") == first
        assert await store.token("t-1") is None
        assert await store.tokens("ana") == [first, second]

    async def test_a_token_is_revoked_once_and_by_its_owner_only(self, store: Store) -> None:
        token = api_token()
        await store.record_token(token)
        assert await store.revoke_token("t-1", owner="ben", at=AT) is None
        gone = replace(token, revoked_at=AT + 1)
        assert await store.revoke_token("t-1", owner="ana", at=AT + 1) == gone
        assert await store.revoke_token("t-1", owner="ana", at=AT + 2) == gone
        assert await store.token("hash of t-1") == gone
