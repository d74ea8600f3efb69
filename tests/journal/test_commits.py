"""A COMMIT that is cut, at every kind of transaction: the result is as if nothing had been cut."""

import re
from collections.abc import AsyncIterator
from itertools import count
from typing import get_args

import pytest

from sagas.chain import verify
from sagas.journal import store as stores
from sagas.ports import Op, Store
from tests.journal.conftest import Opening
from tests.journal.proxy import Moment, Proxy
from tests.journal.support import Raw, raw
from tests.journal.transactions import KINDS, READS, Scene, set_scene

COMMIT = b"commit\0"
ROWS = {
    "saga": "id, status, reason, head, owner = {worker}, control, folded, wake_at, updated_at",
    "entry": "saga_id, seq, kind, version, written_at, body, payload",
    "request": "saga_id, kind, ref, actor, reason, state, made_at, payload, folded, delivery_key",
    "gate": (
        "id, state, revision, arguments, editor, opened_at, decided_at, decided_by, reason,"
        " valid_until, consumed_at, notify_at"
    ),
    "revision": "gate_id, number, arguments, actor, reason, made_at",
    "vote": "gate_id, principal, kind, reason, cast_at, revision, digest, refusal",
    "intervention": "id, saga_id, state, choice, actor, reason, closed_at",
    "lock": "key, saga_id, path, held, woken",
    "permit": "bucket, kind, holder, start, saga_id",
    "delivery": (
        "saga_id, subject, channel, target, saying, level, state, attempts, says, receipt,"
        " holder = {worker}"
    ),
    "standing_rule": "id, action, uses, revoked_at, revoked_by, revoked_because",
    "rule_use": "gate_id, rule_id, saga_id, units, used_at",
    "delegation": "id, delegator, delegate, revoked_at, revoked_by",
    "drill": "drill_id, action, version, result, runs",
    "login_link": "token_hash, principal, evidence, made_at, until, used_by",
    "web_session": "token_hash, principal, evidence, begun_at, seen_at, until",
    "spent_form": "form_hash, spender, until",
    "api_token": "id, token_hash, owner, label, scopes, made_at, until, revoked_at",
}
"""What is compared: everything but what differs from saga to saga."""


@pytest.fixture
async def proxy(migrated_url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of a database that holds a journal."""
    async with Proxy(migrated_url).running() as running:
        yield running


@pytest.fixture
async def store(proxy: Proxy, opened: Opening) -> Store:
    """A store behind the proxy."""
    return await opened(proxy.url)


async def _seen(rival: Raw, scene: Scene) -> list[object]:
    """Everything that the journal holds of a scene, without its names and numbers."""
    seen: list[object] = []
    worker = scene.lease.worker
    for table, columns in ROWS.items():
        found = await rival.fetch(
            f"select {columns.format(worker=worker)} from {table} as t where t::text like $1"
            " order by 1, 2",
            f"%{scene.saga_id}%",
        )
        seen += [(table, *row.values()) for row in found]
    seen += await rival.fetch("select state, control from worker where id = $1", worker)
    loaded = await scene.store.load(scene.saga_id)
    assert loaded is not None
    assert verify(scene.store.journal_id, scene.saga_id, loaded.rows) is None
    return [_told(row, scene) for row in seen]


def _told(answer: object, scene: Scene) -> str:
    told = re.sub("[0-9a-f]{64}", "DIGEST", str(answer).replace(scene.saga_id, "SAGA"))
    return re.sub(r"('unlock', .*)'\d+'(.*'unlock )\d+", r"\1'TOKEN'\2TOKEN", told)


@pytest.mark.parametrize("name", KINDS)
async def test_what_is_cut_is_done_once_and_answered_as_if_it_had_not_been(
    store: Store, proxy: Proxy, migrated_url: str, name: str
) -> None:
    kind = KINDS[name]
    async with raw(migrated_url) as rival:
        scene = await set_scene(store, "uncut", kind)
        answer = _told(await kind.act(scene), scene)
        expected = await _seen(rival, scene)
        for moment in Moment:
            cuts, number = proxy.cuts, 0
            for number in count():
                scene = await set_scene(store, f"{moment.name}-{number}", kind)
                marker = scene.saga_id.encode() if kind.at_once else COMMIT
                proxy.cut(marker, moment, skipping=number)
                assert _told(await kind.act(scene), scene) == answer, moment
                was_cut = not proxy.forget()
                assert await _seen(rival, scene) == expected, moment
                if not was_cut:
                    break
            assert proxy.cuts - cuts == number > 0


def test_every_method_of_a_store_is_in_the_table() -> None:
    methods = {name for name in vars(stores.SqlStore) if not name.startswith("_")}
    covered = {covers for kind in KINDS.values() for covers in kind.covers}
    assert methods - READS == {name for name in covered if isinstance(name, str)}
    assert set(get_args(Op)) == {op for op in covered if isinstance(op, type)}
