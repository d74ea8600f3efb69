"""What users may write: catalogs, actions and what belongs to them, sagas, bodies."""

import asyncio
import functools
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, cast

import pytest
from pydantic import BaseModel, Field

import sagas
from reversibility import ClassUpgrade, ObservabilityKind
from sagas import Catalog, DefinitionError, Residue, Retry, Reversibility, approval, waived
from sagas.authoring.context import StepInfo, step
from sagas.authoring.signatures import is_async
from sagas.errors import NotInSaga, PayloadError, SagaError
from sagas.model import AfterPivot, Direction
from tests.unit.sagas import postponed_annotations

R = Reversibility
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class Request(BaseModel):
    city: str


class Hotel(BaseModel):
    ref: str


class NoRoom(Exception):
    pass


travel = Catalog("travel")


def touched(request: Request, nights: int) -> list[str]:
    return [request.city, request.city, f"{nights}"]


def by_amount(amount: int) -> R:
    return R.IRREVERSIBLE if amount > 100 else R.COMPENSATABLE


def harmless() -> R:
    return R.READ_ONLY


@travel.action(
    reversibility=R.COMPENSATABLE,
    key_ttl=HOUR,
    retry=Retry(attempts=5),
    timeout=MINUTE,
    definite=(NoRoom,),
    raises=(LookupError,),
    conflicts=touched,
)
async def book(request: Request, nights: int = 1) -> Hotel:
    """Book a room."""
    return Hotel(ref=f"{request.city}-{nights}")


@book.compensation(residue="a fee may remain")
async def cancel(request: Request, result: Hotel | None) -> Residue | None:
    return None


@book.probe(lag=MINUTE)
async def find(request: Request) -> Hotel | None:
    return None


@cancel.probe()
async def cancelled(result: Hotel | None, request: Request) -> bool:
    return True


@travel.action(
    reversibility=R.COMPENSATABLE,
    approval=approval(by="ana", within=HOUR),
    classify=by_amount,
)
def pay(amount: int) -> None: ...


@pay.compensation()
def refund(amount: int) -> None: ...


@travel.saga(after_pivot="unwind", version=3)
async def trip(request: Request) -> Hotel:
    """A trip."""
    return await book(request)


# --- catalogs ---------------------------------------------------------------------------------


def test_names_begin_with_the_catalogs() -> None:
    assert (book.name, book.short_name, trip.name, trip.short_name) == (
        "travel.book",
        "book",
        "travel.trip",
        "trip",
    )


def test_what_is_registered_is_found_by_name_and_version() -> None:
    assert travel.find_action("travel.book", 1) is book
    assert travel.find_saga("travel.trip", 3) is trip


def test_what_is_not_registered_is_not_found() -> None:
    assert travel.find_action("travel.book", 2) is None
    assert travel.find_saga("travel.trip", 1) is None


def test_a_catalog_lists_what_it_has() -> None:
    assert [action.name for action in travel.actions] == ["travel.book", "travel.pay"]
    assert list(travel.sagas) == [trip]


def test_a_name_can_be_given() -> None:
    catalog = Catalog("c")

    @catalog.action(reversibility=R.READ_ONLY, name="look-up", version=4)
    def look(city: str) -> str:
        return city

    assert catalog.find_action("c.look-up", 4) is cast(Any, look)


def test_names_are_shown_in_reprs() -> None:
    assert repr(travel) == "<catalog travel: 2 actions, 1 sagas>"
    assert repr(book) == "<action travel.book version 1, compensatable>"
    assert repr(trip) == "<saga travel.trip version 3>"


def test_docstrings_stay() -> None:
    assert (book.__doc__, trip.__doc__, book.__name__) == ("Book a room.", "A trip.", "book")


def test_what_follows_an_action_is_named_in_full() -> None:
    catalog = Catalog("c")

    @catalog.action(reversibility=R.READ_ONLY, after="look")
    def again(city: str) -> None: ...

    @catalog.action(reversibility=R.READ_ONLY, after=("again", "other.look"))
    def once_more(city: str) -> None: ...

    @catalog.action(reversibility=R.READ_ONLY)
    def look(city: str) -> None: ...

    catalog.check()

    assert (again.after, once_more.after) == (("c.look",), ("c.again", "other.look"))


def test_a_saga_is_registered_with_and_without_brackets() -> None:
    catalog = Catalog("c")

    @catalog.saga
    async def one(city: str) -> None: ...

    @catalog.saga()
    async def two(city: str) -> None: ...

    assert (one.after_pivot, two.version) == (AfterPivot.ASK, 1)


def test_a_saga_remembers_what_it_does_past_the_pivot() -> None:
    assert trip.after_pivot is AfterPivot.UNWIND


# --- functions --------------------------------------------------------------------------------


def test_the_bare_function_is_for_tests() -> None:
    assert asyncio.run(cast(Coroutine[Any, Any, Hotel], book.fn(Request(city="Rome")))) == Hotel(
        ref="Rome-1"
    )


def test_defaults_are_recorded() -> None:
    arguments = book.shape.arguments((Request(city="Rome"),), {})

    assert book.inputs.encode(arguments) == b'{"request":{"city":"Rome"},"nights":1}'


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((Request(city="Rome"), 2), {}),
        ((Request(city="Rome"),), {"nights": 2}),
        ((), {"nights": 2, "request": Request(city="Rome")}),
    ],
)
def test_however_a_call_is_written_its_bytes_are_the_same(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    arguments = book.shape.arguments(args, kwargs)

    assert book.inputs.encode(arguments) == b'{"request":{"city":"Rome"},"nights":2}'


def test_a_call_that_does_not_fit_the_signature_is_an_error_of_python() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'request'"):
        book.shape.arguments((), {})


def test_types_may_be_local_to_a_function() -> None:
    class Local(BaseModel):
        x: int

    catalog = Catalog("c")

    @catalog.action(reversibility=R.COMPENSATABLE)
    async def act(item: "Local") -> "Local":
        return item

    @act.compensation()
    async def undo(item: "Local", result: "Local | None") -> None: ...

    @catalog.saga
    async def run(item: "Local") -> "Local":
        return await act(item)

    assert cast(Any, run).input.decode(b'{"x":1}') == Local(x=1)


def test_a_type_that_a_compensation_alone_knows_may_be_local_too() -> None:
    catalog = Catalog("c")

    @catalog.action(reversibility=R.COMPENSATABLE)
    async def act(x: int) -> int:
        return x

    from sagas import Residue as Rest

    @act.compensation()
    async def undo(x: int) -> "Rest | None":
        return None

    assert undo.fn is not None


def test_annotations_may_be_postponed() -> None:
    assert postponed_annotations.act.shape.inputs == {"item": postponed_annotations.Item}


def test_a_model_local_to_a_function_works_with_postponed_annotations() -> None:
    local = postponed_annotations.local()

    assert local.undo is not None
    assert local.undo.binding.accepts_unknown


def test_constraints_are_checked_when_arguments_are_read() -> None:
    catalog = Catalog("c")

    @catalog.action(reversibility=R.READ_ONLY)
    async def act(x: Annotated[int, Field(gt=0)]) -> None: ...

    with pytest.raises(PayloadError, match="greater than 0"):
        act.inputs.encode({"x": 0})


def test_an_action_may_take_nothing() -> None:
    catalog = Catalog("c")

    @catalog.action(reversibility=R.READ_ONLY)
    async def act() -> None: ...

    assert act.inputs.encode(act.shape.arguments((), {})) == b"{}"


def test_dataclasses_will_do() -> None:
    @dataclass
    class Point:
        x: int

    @Catalog("c").action(reversibility=R.READ_ONLY)
    async def act(point: Point) -> Point:
        return point

    assert act.inputs.encode({"point": Point(1)}) == b'{"point":{"x":1}}'


def test_a_bound_method_of_an_object_will_do() -> None:
    class Partner:
        async def call(self, x: int) -> int:
            return x

    action = Catalog("c").action(reversibility=R.READ_ONLY)(Partner().call)

    assert list(action.shape.inputs) == ["x"]


# --- is it async? -----------------------------------------------------------------------------


def passed_on(fn: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    return wrapper


def in_a_thread(fn: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(fn)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(fn, *args, **kwargs)

    return wrapper


def plain(x: int) -> int:
    return x


async def waiting(x: int) -> int:
    return x


class Callback:
    async def __call__(self, x: int) -> int:
        return x


@pytest.mark.parametrize(
    ("fn", "answer"),
    [
        (plain, False),
        (waiting, True),
        (passed_on(plain), False),
        (passed_on(waiting), True),
        (in_a_thread(plain), True),
        (passed_on(in_a_thread(plain)), True),
        (functools.partial(waiting, 1), True),
        (functools.partial(plain, 1), False),
        (passed_on(functools.partial(waiting, 1)), True),
        (Callback().__call__, True),
        (len, False),
    ],
)
def test_a_function_is_async_if_calling_it_gives_an_awaitable(
    fn: Callable[..., object], answer: bool
) -> None:
    assert is_async(fn) is answer


@pytest.mark.parametrize("wrap", [passed_on, in_a_thread])
@pytest.mark.parametrize("fn", [plain, waiting])
def test_a_decorated_function_keeps_its_name_and_its_types(
    wrap: Callable[[Callable[..., Any]], Callable[..., Any]], fn: Callable[..., Any]
) -> None:
    action = Catalog("c").action(reversibility=R.READ_ONLY)(wrap(fn))

    assert (action.name, dict(action.shape.inputs)) == (f"c.{fn.__name__}", {"x": int})


# --- what belongs to an action ----------------------------------------------------------------


def test_a_compensation_inherits_how_its_action_is_called() -> None:
    policy = cancel.policy()

    assert (policy.retry, policy.timeout, policy.reversibility) == (
        Retry(attempts=5),
        MINUTE,
        R.COMPENSATABLE,
    )
    assert cancel.options.key_ttl == HOUR
    assert cancel.options.definite == (NoRoom,)


def test_a_compensation_does_not_inherit_the_approval() -> None:
    assert refund.options.approval is None


def test_a_compensation_may_be_called_in_another_way() -> None:
    @Catalog("c").action(reversibility=R.COMPENSATABLE, key_ttl=HOUR)
    async def act(x: int) -> None: ...

    @act.compensation(
        reversibility=R.IRREVERSIBLE,
        approval=approval(by="ana", within=HOUR),
        key_ttl=MINUTE,
        repeatable=True,
        retry=Retry(attempts=9),
        timeout=2 * MINUTE,
        definite=LookupError,
    )
    async def undo(x: int) -> None: ...

    options = undo.options

    assert (options.key_ttl, options.repeatable, options.retry.attempts, options.timeout) == (
        MINUTE,
        True,
        9,
        2 * MINUTE,
    )
    assert options.is_definite(KeyError())
    assert undo.policy().reversibility is R.IRREVERSIBLE


def test_a_compensation_that_accepts_the_unknown_says_so_to_the_rules() -> None:
    assert book.policy(R.COMPENSATABLE).accepts_unknown
    assert not pay.policy(R.COMPENSATABLE).accepts_unknown


def test_a_probe_makes_an_action_observable() -> None:
    policy = book.policy(R.COMPENSATABLE)

    assert (policy.observability.kind, policy.lag) == (ObservabilityKind.BOTH, MINUTE)


def test_a_call_is_judged_by_the_class_it_was_found_to_have() -> None:
    assert book.policy(R.IRREVERSIBLE).reversibility is R.IRREVERSIBLE


def test_the_probe_of_a_compensation_is_given_what_the_compensation_was_given() -> None:
    asks = cancel.asks
    assert asks is not None
    given = {"request": "r", "result": "h"}

    assert asks.binding.arguments(given) == {"result": "h", "request": "r"}


def test_a_before_image_is_given_to_the_compensation() -> None:
    @Catalog("c").action(reversibility=R.REVERSIBLE)
    async def label(key: str, text: str) -> None: ...

    @label.before
    async def former(key: str) -> str | None:
        return None

    @label.compensation()
    async def restore(key: str, before: str | None) -> None: ...

    assert label.image is not None
    assert label.image.binding.inputs == ("key",)
    assert restore.binding.takes_before
    assert former is label.image.fn


def test_conflict_keys_are_each_named_once() -> None:
    keys = book.conflict_keys({"request": Request(city="Rome"), "nights": 2})

    assert keys == ["2", "Rome"]


def test_an_action_without_conflicts_has_no_keys() -> None:
    assert pay.conflict_keys({"amount": 1}) == []


@pytest.mark.parametrize(("amount", "found"), [(1, R.COMPENSATABLE), (101, R.IRREVERSIBLE)])
def test_a_class_may_depend_on_the_arguments(amount: int, found: R) -> None:
    assert pay.classified({"amount": amount}) is found


def test_a_class_may_not_turn_out_better_than_declared() -> None:
    @Catalog("c").action(
        reversibility=R.IRREVERSIBLE,
        approval=waived(reason="a test"),
        classify=harmless,
    )
    async def act(x: int) -> None: ...

    with pytest.raises(ClassUpgrade):
        act.classified({"x": 1})


def test_a_gate_stands_only_in_front_of_the_classes_that_need_it() -> None:
    assert pay.gate(R.COMPENSATABLE) is None
    assert pay.gate(R.IRREVERSIBLE) is not None


def test_a_gate_that_was_asked_for_outright_always_stands() -> None:
    @Catalog("c").action(reversibility=R.COMPENSATABLE, approval=approval(by="ana", within=HOUR))
    async def act(x: int) -> None: ...

    assert act.gate(R.COMPENSATABLE) is not None


def test_a_waiver_is_no_gate_and_is_on_the_record() -> None:
    @Catalog("c").action(reversibility=R.IRREVERSIBLE, approval=waived(reason="a test"))
    async def act(x: int) -> None: ...

    assert (act.gate(R.IRREVERSIBLE), act.waiver, book.waiver) == (None, "a test", None)


def test_definite_errors_are_classes_or_a_predicate() -> None:
    @Catalog("c").action(reversibility=R.READ_ONLY, definite=lambda error: "full" in str(error))
    async def act(x: int) -> None: ...

    assert act.options.is_definite(ValueError("it is full"))
    assert not act.options.is_definite(ValueError("it is shut"))
    assert act.options.known_errors == ()


def test_a_body_sees_declared_errors_as_themselves() -> None:
    assert book.options.known_errors == (LookupError, NoRoom)


def test_one_class_of_definite_errors_needs_no_tuple() -> None:
    @Catalog("c").action(reversibility=R.READ_ONLY, definite=NoRoom)
    async def act(x: int) -> None: ...

    assert act.options.known_errors == (NoRoom,)


# --- retired ----------------------------------------------------------------------------------


def retired() -> Any:
    catalog = Catalog("travel")

    @catalog.retired("book", version=1, key_ttl=HOUR)
    async def book_1(city: str) -> str:
        return city

    @book_1.compensation()
    async def cancel_1(result: str) -> None: ...

    @catalog.action(reversibility=R.READ_ONLY, version=2)
    async def book(request: Request) -> None: ...

    return catalog


def test_an_old_version_is_kept_with_its_compensation() -> None:
    catalog = retired()
    catalog.check()

    assert catalog.find_action("travel.book", 1).undo.name.endswith("cancel_1")
    assert catalog.find_action("travel.book", 2).undo is None


def test_an_old_version_cannot_be_called() -> None:
    book_1 = retired().find_action("travel.book", 1)
    token = sagas.authoring.context.scope.set(cast(Any, object()))
    try:
        with pytest.raises(
            DefinitionError, match="version 1 is retired and kept only for unwinding"
        ):
            book_1("Rome")
    finally:
        sagas.authoring.context.scope.reset(token)


# --- outside a saga ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: book(Request(city="Rome")), "travel.book is an action: it runs only as a step"),
        (cancel, "undoes a step and is called by the saga itself"),
        (lambda: trip(Request(city="Rome")), r"coordinator.start\(trip, input, id=...\)"),
        (sagas.now, "elsewhere use a clock"),
        (sagas.uuid, "elsewhere use uuid4"),
        (sagas.current_step, "only inside an action, compensation or probe"),
        (lambda: sagas.sleep(HOUR), "belongs into a saga's body"),
        (lambda: sagas.event("paid"), "belongs into a saga's body"),
        (lambda: sagas.savepoint("lodging"), "belongs into a saga's body"),
        (cast(Any, sagas.parallel), "belongs into a saga's body"),
    ],
)
def test_nothing_happens_outside_a_saga_and_the_error_says_what_to_do(
    call: Callable[[], object], words: str
) -> None:
    with pytest.raises(NotInSaga, match=words):
        call()


def test_inside_a_step_a_function_knows_where_it_is_called() -> None:
    info = StepInfo("s-1", "trip/book#1", 1, Direction.DO, "key")
    token = step.set(info)
    try:
        assert sagas.current_step() is info
    finally:
        step.reset(token)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sagas.savepoint("a b"), "savepoint name 'a b' cannot be used"),
        (lambda: sagas.event("a/b"), "event name 'a/b' cannot be used"),
        (lambda: sagas.event("paid", until=datetime(2026, 1, 1)), "give an aware datetime"),  # noqa: DTZ001
        (lambda: sagas.sleep(cast(Any, 5)), r"such as timedelta\(minutes=5\), not 5"),
    ],
)
def test_what_makes_no_sense_in_a_body_is_told(call: Callable[[], object], words: str) -> None:
    with pytest.raises(SagaError, match=words):
        call()


def test_a_deadline_with_a_time_zone_is_fine() -> None:
    with pytest.raises(NotInSaga):
        cast(Any, sagas.event)("paid", until=datetime(2026, 1, 1, tzinfo=UTC))


# --- another process --------------------------------------------------------------------------


def test_a_fresh_process_finds_a_compensation_by_name_and_version(tmp_path: Path) -> None:
    (tmp_path / "trips.py").write_text(
        "from sagas import Catalog, Reversibility\n"
        "travel = Catalog('travel')\n"
        "@travel.retired('book', version=1)\n"
        "async def book(city: str) -> str: ...\n"
        "@book.compensation()\n"
        "async def cancel(city: str, result: str) -> None:\n"
        "    print('cancelled', city, result)\n"
    )
    program = (
        "import asyncio, trips\n"
        "undo = trips.travel.find_action('travel.book', 1).undo\n"
        "asyncio.run(undo.fn(**undo.binding.arguments({'city': 'Rome'}, result='H-1')))\n"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert other.stdout == "cancelled Rome H-1\n"


def test_a_probe_of_an_action_that_returns_nothing_answers_yes_or_no() -> None:
    @Catalog("c").action(reversibility=R.REVERSIBLE)
    async def label(text: str) -> None: ...

    @label.probe()
    async def labelled(text: str) -> bool:
        return True

    assert label.asks is not None
    assert label.asks.fn is labelled
