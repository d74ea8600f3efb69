"""Whatever is sent to the API, the answer is one that is documented, and never a server's error."""

import asyncio
import os
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import checks as general
from schemathesis.specs.openapi import checks as described

from approvals.rule import standing_rule
from sagas.cli.inbox import history
from sagas.coordinator import Coordinator
from sagas.ports import Scope
from sagas.web import serving, tokens
from sagas.web.app import make_app
from sagas.web.site import origins_of
from tests.web.conftest import SITE, Inbox
from tests.web.test_queue import away

EXAMPLES = 1_000 if "SAGAS_SOAK" in os.environ else 20
CHECKS: list[Any] = [
    cast(Any, general).not_a_server_error,
    cast(Any, described).status_code_conformance,
    cast(Any, described).content_type_conformance,
    cast(Any, described).response_schema_conformance,
]


def fuzz(url: str, token: str, known: dict[str, str]) -> int:
    """Send many requests to each operation; how many were sent."""
    headers = {"authorization": f"Bearer {token}"}
    schema: Any = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")
    sent = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=[
                HealthCheck.too_slow,
                HealthCheck.filter_too_much,
                HealthCheck.data_too_large,
            ],
        )
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            nonlocal sent
            sent += 1
            if sent % 2:
                case.path_parameters.update(
                    {name: known[name] for name in case.path_parameters if name in known}
                )
            case.call_and_validate(headers=headers, checks=CHECKS)

        check()
    return sent


async def standing(inbox: Inbox) -> str:
    """A standing rule that ben gave."""
    coordinator = inbox.coordinator
    now, ben = coordinator.now(), replace(coordinator.principal("ben"), evidence="a test")
    given = standing_rule(
        id="r-1",
        action="shop.mail",
        version=1,
        by=ben,
        reason="a test",
        now=now,
        until=now + timedelta(days=1),
        uses=9,
        anything=True,
    )
    return (await coordinator.create_rule(given, by=ben)).id


async def test_the_api_answers_whatever_is_sent(coordinator: Coordinator) -> None:
    listener = serving.bound("127.0.0.1", 0)
    site = replace(SITE, origins=origins_of(None, port=listener.getsockname()[1]))
    app = make_app(coordinator, site, history=history)
    inbox = Inbox(coordinator, app, site)
    gate, question = await inbox.gate(), await inbox.question()
    word, _ = await tokens.make(
        coordinator.store,
        coordinator.principal("ana"),
        label="fuzz",
        scopes=tuple(Scope),
        life=timedelta(hours=1),
        now=coordinator.now(),
    )
    ready = asyncio.Event()
    serves = asyncio.create_task(
        serving.serve(app, listener, trusted_proxies=None, ready=ready.set)
    )
    await ready.wait()
    known = {
        "gate_id": gate.id,
        "question_id": question.id,
        "saga_id": gate.saga_id,
        "delegation_id": await away(inbox, "ana", "dee"),
        "rule_id": await standing(inbox),
    }
    try:
        sent = await asyncio.to_thread(fuzz, site.url, word, known)
    finally:
        serves.cancel()
        await asyncio.gather(serves, return_exceptions=True)
    assert sent >= 16 * EXAMPLES // 2
