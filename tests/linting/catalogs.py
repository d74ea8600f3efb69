"""Actions to put into sagas, of which every one is declared so well that no rule finds it."""

from datetime import timedelta

from reversibility import Reversibility
from sagas import Catalog, Residue, approval, current_step
from sagas.linting.finding import Finding, Known
from sagas.linting.rules import lint
from sagas.state import SagaState

DAY = timedelta(days=1)


def fresh() -> Catalog:
    """A catalog without anything in it."""
    return Catalog("shop")


shop = Catalog("shop")


@shop.action(reversibility=Reversibility.READ_ONLY)
async def look(item: str) -> str:
    """See what there is."""
    return item


@shop.action(reversibility=Reversibility.COMPENSATABLE, key_ttl=DAY)
async def order(item: str) -> str:
    """Have it reserved."""
    return f"{item} under {current_step().idempotency_key}"


@order.compensation(residue="a fee")
async def cancel(item: str, result: str) -> Residue | None:
    """Give it back."""
    return None


@shop.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=DAY,
    approval=approval(by="anyone", within=DAY),
)
async def pay(item: str) -> None:
    """Pay, for good."""


@shop.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=DAY,
    approval=approval(by="anyone", within=DAY),
)
async def tell(item: str) -> None:
    """Write a mail, for good."""


def found(catalog: Catalog, *runs: SagaState, drills: bool = False) -> list[Finding]:
    """What is found in a catalog, without what is said of drills."""
    findings = lint(catalog, Known(0, runs=runs))
    return [item for item in findings if drills or not item.code.startswith("D")]


def codes(catalog: Catalog, *runs: SagaState) -> list[str]:
    """The codes of what is found."""
    return [item.code for item in found(catalog, *runs)]
