"""In which message somebody clicked: only those that were sent about it count.

Touches: the journal by its port.
"""

from approvals.channels import Receipt
from approvals.channels.slack.actions import Origin
from sagas.ports import Delivery, DeliveryState
from sagas.slack.answers import Declined
from sagas.slack.office import Office

__all__ = ["thread_of"]

_ON_ITS_WAY = frozenset({DeliveryState.SENDING, DeliveryState.UNKNOWN})


async def thread_of(subject: str, origin: Origin, office: Office) -> str | None:
    """The thread that a message about a gate or an intervention is in; None if it is in none.

    Raises:
        Declined: The message is none that was sent about it.
    """
    told = await office.coordinator.store.deliveries_about(subject)
    for each in told:
        receipt = each.receipt or {}
        if _is_of(receipt, origin) and receipt.get("app", office.team.app) == office.team.app:
            return receipt.get("thread")
    raise Declined(_not_yet(told) or _FOREIGN)


_FOREIGN = (
    "This message is none that was sent about it, so that nothing was decided: use the newest "
    "message about it, or the inbox."
)


def _not_yet(told: list[Delivery]) -> str | None:
    if not any(each.state in _ON_ITS_WAY for each in told):
        return None
    return (
        "This message has only been sent by now, and is not on record yet, so that nothing was "
        "decided: click again in a moment."
    )


def _is_of(receipt: Receipt, origin: Origin) -> bool:
    return (receipt.get("channel"), receipt.get("ts")) == (origin.channel, origin.message_ts)
