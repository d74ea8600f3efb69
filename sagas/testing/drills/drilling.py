"""Drilling: asks the sandbox whether it is one, resets it, and checks one action after the other.

Touches: what the actions touch.
"""

import inspect
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sagas.authoring.action import Action
from sagas.authoring.digest import HandlerDigest, digest_of
from sagas.errors import SagaError
from sagas.ports import Drill
from sagas.testing.actions import check_round_trip
from sagas.testing.actions.watching import Watched
from sagas.testing.drills.sandbox import Plan, Sandbox
from sagas.testing.errors import Undrillable, WorldNotReset, in_one_line
from sagas.testing.report import Report


class Result(StrEnum):
    """What became of one action."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill of one action showed.

    Attributes:
        digest: The digest of the code that was drilled.
        report: What was tried and found; None if it was skipped.
        reason: Why it was skipped, or why it was drilled although it is irreversible.
    """

    action: Action[..., Any]
    result: Result
    digest: HandlerDigest
    report: Report | None = None
    reason: str = ""

    @property
    def detail(self) -> str:
        """One line: what was found, or what was done."""
        if self.report is None:
            return self.reason
        found = self.report.violations
        if not found:
            return self.report.summary
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return f"{found[0].rule}: {found[0].detail}{more}"

    def record(self, sandbox: Sandbox, *, by: str, at: int) -> Drill:
        """What is recorded of it: `at` is microseconds since 1970.

        Raises:
            Undrillable: It was skipped, so there is nothing to record.
        """
        if self.report is None:
            raise Undrillable(f"{self.action.name} was skipped: there is no drill to record")
        return Drill(
            id=f"d-{secrets.token_hex(12)}",
            action=self.action.name,
            version=self.action.version,
            digest=self.digest.text,
            passed=self.result is Result.PASSED,
            detail=self.detail,
            runs=self.report.schedules,
            sandbox=sandbox.name,
            by=by,
            at=at,
        )


async def drill(sandbox: Sandbox, *, only: Sequence[str] = ()) -> AsyncIterator[Drilled]:
    """Drill the actions of a sandbox's catalog, one after the other.

    Args:
        only: These actions alone.

    Raises:
        Undrillable: It says that it is no sandbox, an action is unknown or has no example, or the
            sandbox failed by itself while one was drilled.
        WorldNotReset: Its world cannot be reset.
    """
    plans = sandbox.plan(only)
    await check_sandbox(sandbox)
    await _check_reset(sandbox)
    for plan in plans:
        yield await _drilled(sandbox, plan)


async def _drilled(sandbox: Sandbox, plan: Plan) -> Drilled:
    digest = digest_of(plan.action)
    if not plan.examples:
        return Drilled(plan.action, Result.SKIPPED, digest, reason=plan.reason)
    try:
        report = await check_round_trip(
            plan.action,
            *plan.examples,
            world=sandbox.world,
            compare=sandbox.comparing(plan.action),
            seed=_new_seed(),
        )
    except SagaError:
        raise
    except Exception as error:
        raise Undrillable(
            f"{plan.action.name} could not be drilled, and nothing is recorded of it: "
            f"{sandbox} failed by itself: {in_one_line(error)}"
        ) from error
    result = Result.FAILED if report.violations else Result.PASSED
    return Drilled(plan.action, result, digest, report, plan.reason)


def _new_seed() -> int:
    """Keys are made of it: a sandbox may know those of earlier drills, whatever is reset."""
    return secrets.randbelow(2**48)


async def check_sandbox(sandbox: Sandbox) -> None:
    """Ask a sandbox whether it is one, before anything of it is touched.

    Raises:
        Undrillable: It says that it is none, or cannot tell.
    """
    asked = sandbox.is_sandbox
    try:
        answer: object = asked if isinstance(asked, bool) else await _given(asked())
    except Exception as error:
        raise Undrillable(
            f"{sandbox} cannot tell whether it is one, so nothing was drilled: is_sandbox raised "
            f"{in_one_line(error)}"
        ) from error
    if answer is not True:
        raise Undrillable(
            f"{sandbox} says that it is none (is_sandbox gave {answer!r}), so nothing was drilled: "
            "point the actions at a sandbox first"
        )


async def _check_reset(sandbox: Sandbox) -> None:
    """See that the world begins anew, and alike each time, before an action is called."""
    try:
        await Watched(sandbox.world).reset()
    except SagaError as error:
        raise WorldNotReset(f"{sandbox}, so nothing was drilled: {error}") from error
    except Exception as error:
        raise WorldNotReset(
            f"{sandbox} cannot be reset and looked at, so nothing was drilled: {in_one_line(error)}"
        ) from error


async def _given(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
