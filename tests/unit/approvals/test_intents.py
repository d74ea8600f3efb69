"""When two requests are the same to people."""

import pytest

from approvals.intents import intent_key

PAY = b'{"to":"eve","amount":1.0,"note":"first"}'


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (PAY, ()),
        (b'{"to":"eve","amount":1.0,"note":"second"}', ("to", "amount")),
        (b'{"note":"x","amount":1,"to":"eve"}', ("to", "amount")),
        (b'{"to":"eve"}', ("to", "phone")),
    ],
)
def test_what_counts_is_the_same(other: bytes, named: tuple[str, ...]) -> None:
    assert intent_key("shop.pay", other, named) == intent_key("shop.pay", PAY, named)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (b'{"to":"eve","amount":1,"note":"first"}', ()),
        (b'{"to":"eva","amount":1.0}', ("to",)),
        (b'{"to":["eve"]}', ("to",)),
        (b'{"amount":1.0}', ("to",)),
        (b'{"to":"eve","amount":{"EUR":1}}', ("amount",)),
    ],
)
def test_what_counts_is_another(other: bytes, named: tuple[str, ...]) -> None:
    assert intent_key("shop.pay", other, named) != intent_key("shop.pay", PAY, named)


def test_another_action_is_another_request() -> None:
    assert intent_key("shop.refund", PAY, ()) != intent_key("shop.pay", PAY, ())


def test_the_order_of_keys_makes_no_other_request() -> None:
    one, other = b'{"a":{"x":1,"y":[2]}}', b'{"a":{"y":[2.0],"x":1}}'
    assert intent_key("shop.pay", one, ("a",)) == intent_key("shop.pay", other, ("a",))
