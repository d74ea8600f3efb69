"""An order as a saga: authorise, capture, wire the supplier's money, have a receipt mailed.

Run it as `sagas run examples.payments.paying:payments.settle --input @order.json`, with the
addresses of the processor and the bank in CARDS_URL and BANK_URL.

A hold on a card can be voided until it lapses. What was captured can be refunded, but the fee of
the processor is gone. A wire is final: it waits for the treasury, and what can fail comes before
it. The receipt comes after it, and the order stands without one.

A capture builds upon its hold, and says so: a hold lapses, so an unwind would haste to void it
first, and no processor voids what it has captured.
"""

from datetime import timedelta

from examples.payments.client import PaymentsClient, Refused
from examples.payments.money import (
    Authorisation,
    Capture,
    Hold,
    Order,
    Receipt,
    Refund,
    Settlement,
    Transfer,
    Voided,
    Wire,
)
from reversibility import Magnitude
from sagas import (
    Catalog,
    Residue,
    Retry,
    Reversibility,
    StepFailed,
    Window,
    approval,
    current_step,
    waived,
)

payments = Catalog("payments")

cards = PaymentsClient("CARDS_URL")
bank = PaymentsClient("BANK_URL")

KEY_TTL = timedelta(hours=24)
LAG = timedelta(seconds=2)
RETRY = Retry(attempts=5)
FEE = "the processor keeps its fee"
REFUNDABLE = Window(duration=timedelta(days=180))


def size(order: Order) -> Magnitude:
    """How much a wire moves, and to how many: what policies and the treasury look at."""
    return Magnitude(amount=order.cost.amount, currency=order.cost.currency, recipients=1)


def the_fee(result: Capture) -> Residue:
    """What giving the money back is going to leave."""
    return Residue(FEE, amount=result.fee.amount, currency=result.fee.currency)


@payments.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=KEY_TTL,
    retry=RETRY,
    definite=(Refused,),
    window=Window(until="lapses_at", alarm=timedelta(days=1)),
)
async def authorise(order: Order) -> Hold:
    """Set the price aside on the customer's card."""
    asked = Authorisation(order=order.number, card=order.card, amount=order.price)
    return await cards.ask(Hold, "/payments", asked, key=current_step().idempotency_key)


@authorise.compensation()
async def void(order: Order, result: Hold) -> Residue:
    """Free what is set aside; nothing remains."""
    path = f"/payments/{result.payment}/void"
    await cards.ask(Voided, path, key=current_step().idempotency_key)
    return Residue.nothing()


@authorise.probe(lag=LAG)
async def find_hold(order: Order) -> Hold | None:
    """Ask whether a lost call has set the price aside."""
    return await cards.find(Hold, key=current_step().idempotency_key)


@payments.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=KEY_TTL,
    retry=RETRY,
    definite=(Refused,),
    window=REFUNDABLE,
    after=("authorise",),
)
async def capture(hold: Hold) -> Capture:
    """Take what is set aside."""
    return await take(hold)


@capture.compensation(residue=the_fee)
async def refund(hold: Hold, result: Capture) -> Residue:
    """Give the money back; the fee is not given back."""
    return await give_back(result)


@capture.probe(lag=LAG)
async def find_capture(hold: Hold) -> Capture | None:
    """Ask whether a lost call has taken the money."""
    return await cards.find(Capture, key=current_step().idempotency_key)


@payments.action(
    reversibility=Reversibility.COMPENSATABLE,
    key_ttl=KEY_TTL,
    retry=RETRY,
    definite=(Refused,),
    window=REFUNDABLE,
    after=("authorise",),
    approval=approval(by="@shop", within=timedelta(days=30)),
)
async def capture_on_arrival(hold: Hold) -> Capture:
    """Take what is set aside, once the shop has the goods."""
    return await take(hold)


@capture_on_arrival.compensation(residue=the_fee)
async def refund_on_arrival(hold: Hold, result: Capture) -> Residue:
    """Give the money back; the fee is not given back."""
    return await give_back(result)


@capture_on_arrival.probe(lag=LAG)
async def find_capture_on_arrival(hold: Hold) -> Capture | None:
    """Ask whether a lost call has taken the money."""
    return await cards.find(Capture, key=current_step().idempotency_key)


@payments.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=KEY_TTL,
    retry=RETRY,
    definite=(Refused,),
    approval=approval(by="@treasury", within=timedelta(days=2)),
    magnitude=size,
)
async def pay_supplier(order: Order) -> Transfer:
    """Send the supplier's money, for good; the key is the end-to-end id."""
    wire = Wire(to=order.supplier, amount=order.cost, reference=order.number)
    return await bank.ask(Transfer, "/transfers", wire, key=current_step().idempotency_key)


@pay_supplier.probe(lag=LAG)
async def find_transfer(order: Order) -> Transfer | None:
    """Ask whether a lost call has sent the money."""
    return await bank.find(Transfer, key=current_step().idempotency_key)


@payments.action(
    reversibility=Reversibility.IRREVERSIBLE,
    key_ttl=KEY_TTL,
    retry=RETRY,
    definite=(Refused,),
    approval=waived(reason="it tells the customer what the treasury has agreed to"),
)
async def mail_receipt(taken: Capture) -> Receipt:
    """Have the processor mail a receipt."""
    path = f"/payments/{taken.payment}/receipt"
    return await cards.ask(Receipt, path, key=current_step().idempotency_key)


@payments.saga
async def settle(order: Order) -> Settlement:
    """Take the customer's money and pay the supplier, or neither."""
    hold = await authorise(order)
    taken = await capture(hold)
    transfer = await pay_supplier(order)
    try:
        await mail_receipt(taken)
    except (Refused, StepFailed):
        return Settlement(capture=taken, transfer=transfer, receipt_sent=False)
    return Settlement(capture=taken, transfer=transfer, receipt_sent=True)


@payments.saga
async def preorder(order: Order) -> Capture:
    """Set the price aside, and take it when the goods have arrived."""
    hold = await authorise(order)
    return await capture_on_arrival(hold)


async def take(hold: Hold) -> Capture:
    """Take what is set aside, at most once per step."""
    path = f"/payments/{hold.payment}/capture"
    return await cards.ask(Capture, path, key=current_step().idempotency_key)


async def give_back(taken: Capture) -> Residue:
    """Give the money back, at most once per step; what is left is the fee."""
    path = f"/payments/{taken.payment}/refund"
    given = await cards.ask(Refund, path, key=current_step().idempotency_key)
    return Residue(FEE, amount=given.kept.amount, currency=given.kept.currency)
