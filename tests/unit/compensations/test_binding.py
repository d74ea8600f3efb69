"""Handlers are bound by name to what is recorded, and every mistake has its own words."""

import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any, Optional

import pytest

from compensations import BindingError
from compensations.binding import Binding, bind, shown, without_none


class Room:
    pass


class Bill:
    pass


INPUTS: dict[str, object] = {"room": Room, "nights": int}


def bound(
    fn: Callable[..., object],
    *,
    inputs: dict[str, object] = INPUTS,
    result: object | None = Bill,
    before: object | None = None,
) -> Binding:
    return bind(
        "cancel",
        hints=typing.get_type_hints(fn, include_extras=True),
        signature=inspect.signature(fn),
        inputs=inputs,
        result=result,
        before=before,
    )


def test_inputs_are_taken_by_name_in_any_order() -> None:
    def cancel(nights: int, room: Room) -> None: ...

    assert bound(cancel) == Binding(("nights", "room"), False, False, False)


def test_a_handler_may_take_nothing() -> None:
    def cancel() -> None: ...

    assert bound(cancel).arguments({"room": 1, "nights": 2}) == {}


def test_the_result_is_taken_by_name() -> None:
    def cancel(*, result: Bill) -> None: ...

    binding = bound(cancel)

    assert (binding.takes_result, binding.accepts_unknown, binding.needs_result) == (
        True,
        False,
        True,
    )


@pytest.mark.parametrize("hint", [Bill | None, None | Bill, Optional[Bill]])  # noqa: UP045
def test_a_result_that_may_be_none_accepts_an_unknown_outcome(hint: object) -> None:
    def cancel(result: Any) -> None: ...

    cancel.__annotations__["result"] = hint

    binding = bound(cancel)

    assert binding.accepts_unknown
    assert not binding.needs_result


def test_an_action_that_may_return_none_says_nothing_about_unknown_outcomes() -> None:
    def cancel(result: Bill | None) -> None: ...

    assert not bound(cancel, result=Bill | None).accepts_unknown


def test_a_union_with_none_accepts_an_unknown_outcome() -> None:
    def cancel(result: Bill | Room | None) -> None: ...

    assert bound(cancel, result=Room | Bill).accepts_unknown


def test_the_result_of_an_action_that_returns_nothing_is_none() -> None:
    def cancel(result: None) -> None: ...

    assert bound(cancel, result=type(None)).takes_result


def test_the_before_image_is_taken_by_name() -> None:
    def cancel(before: Room) -> None: ...

    assert bound(cancel, before=Room).takes_before


def test_constraints_on_an_input_need_not_be_repeated() -> None:
    def cancel(nights: int) -> None: ...

    assert bound(cancel, inputs={"nights": Annotated[int, "at least 1"]}).inputs == ("nights",)


def test_an_input_called_result_wins_over_the_result() -> None:
    def cancel(result: Room) -> None: ...

    assert bound(cancel, inputs={"result": Room}) == Binding(("result",), False, False, False)


def test_a_handler_is_called_with_exactly_what_it_asks_for() -> None:
    def cancel(room: Room, result: Bill, before: Room) -> None: ...

    given = bound(cancel, before=Room).arguments(
        {"room": "r", "nights": 3}, result="bill", before="b"
    )

    assert given == {"room": "r", "result": "bill", "before": "b"}


def no_type(room) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001
def no_source(money: int) -> None: ...
def no_before(before: Room) -> None: ...
def other_input(nights: str) -> None: ...
def other_result(result: Room) -> None: ...
def other_optional_result(result: Room | None) -> None: ...
def other_before(before: Bill) -> None: ...
def variadic(*rooms: Room) -> None: ...
def keywords(**rooms: Room) -> None: ...
def positional(room: Room, /) -> None: ...


MISTAKES: list[tuple[Callable[..., object], dict[str, Any], str]] = [
    (no_type, {}, "cancel: parameter `room` needs a type annotation"),
    (
        no_source,
        {},
        "cancel: nothing to bind `money` to; it can take room, nights, result",
    ),
    (no_source, {"before": Room}, "it can take room, nights, result, before"),
    (no_source, {"inputs": {}, "result": None}, "it can take nothing"),
    (no_before, {}, "the action has no before-image reader (`@action.before`, above"),
    (no_before, {"result": None}, "nothing to bind `before` to; it can take room, nights"),
    (other_input, {}, "cancel: `nights` is a str here, but what is recorded is a int"),
    (
        other_result,
        {},
        "a Room, but the action returns Bill: annotate it as `Bill`, or `Bill | None`",
    ),
    (other_optional_result, {}, "annotate it as `Bill`, or `Bill | None`"),
    (other_result, {"result": type(None)}, "annotate it as `None`"),
    (other_result, {"result": None}, "nothing to bind `result` to"),
    (other_before, {"before": Room}, "cancel: `before` is a Bill here"),
    (variadic, {}, "cancel: parameter *rooms"),
    (keywords, {}, "cancel: parameter **rooms"),
    (positional, {}, "use plain parameters"),
]


@pytest.mark.parametrize(
    ("fn", "recorded", "words"), MISTAKES, ids=[f"{row[0].__name__} {row[1]}" for row in MISTAKES]
)
def test_a_handler_that_cannot_be_bound_is_told_why(
    fn: Callable[..., object], recorded: dict[str, Any], words: str
) -> None:
    with pytest.raises(BindingError) as caught:
        bound(fn, **recorded)

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("hint", "rest", "optional"),
    [
        (int, int, False),
        (int | None, int, True),
        (int | str, int | str, False),
        (int | str | None, int | str, True),
        (type(None), type(None), False),
    ],
)
def test_a_type_without_its_none(hint: object, rest: object, optional: bool) -> None:
    assert without_none(hint) == (rest, optional)


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (Room, "Room"),
        (list[int], "list[int]"),
        (Optional[int], "int | None"),  # noqa: UP045
        (Room | None, "Room | None"),
    ],
)
def test_a_type_is_shown_as_its_author_would_write_it(hint: object, text: str) -> None:
    assert shown(hint) == text
