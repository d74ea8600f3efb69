"""Every mistake in a definition has its own words, and shows when the module is imported."""

# Most of this no type checker would let pass; it is for those who run none.
# mypy: disable-error-code="untyped-decorator"

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import pytest
from pydantic import AwareDatetime, BaseModel, SecretStr

from approvals import ApprovalDefinitionError, Sensitive
from sagas import Catalog, DefinitionError, Residue, Retry, Reversibility, Window, approval, waived
from sagas.connecting import check_catalogs

R = Reversibility
HOUR = timedelta(hours=1)


class Request(BaseModel):
    city: str


class Hotel(BaseModel):
    ref: str


class Flight(BaseModel):
    ref: str


class Login(BaseModel):
    user: str
    passwords: list[SecretStr]


class NoRoom(Exception):
    pass


class Connection:
    """Something that no journal can hold."""


def travel() -> Any:
    """A catalog that lets a test write what a type checker would not."""
    return Catalog("travel")


def booked(catalog: Any = None, reversibility: R = R.COMPENSATABLE, **options: Any) -> Any:
    """An action that books a hotel, without its compensation."""

    @(catalog or travel()).action(reversibility=reversibility, **options)
    async def book(request: Request, nights: int = 1) -> Hotel:
        return Hotel(ref="h")

    return book


def labelled() -> Any:
    """An action that returns nothing."""

    @travel().action(reversibility=R.REVERSIBLE)
    async def label(text: str) -> None: ...

    return label


Mistake = Callable[[], object]
MISTAKES: dict[str, tuple[Mistake, str]] = {}


def mistake(words: str) -> Callable[[Mistake], Mistake]:
    def add(fn: Mistake) -> Mistake:
        MISTAKES[fn.__name__] = fn, words
        return fn

    return add


# --- actions ----------------------------------------------------------------------------------


@mistake("travel.book: parameter 'request' needs a type annotation")
def a_parameter_without_a_type() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(request) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001


@mistake("travel.book: it needs a return annotation (`-> None` if it returns nothing)")
def no_return_type() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(request: Request): ...  # type: ignore[no-untyped-def]  # noqa: ANN202


@mistake("travel.book: *requests: ")
def any_number_of_parameters() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(*requests: Request) -> None: ...


@mistake("cannot be recorded by name; use plain parameters")
def any_keywords() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(**requests: Request) -> None: ...


@mistake("travel.book: request: ")
def a_positional_parameter() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(request: Request, /) -> None: ...


@mistake("travel.book: an annotation does not resolve (name 'Nowhere' is not defined)")
def a_type_that_is_not_defined() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(request: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821


@mistake("travel.book: an annotation does not resolve (Forward reference must be an expression")
def a_type_that_is_no_type() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(request: "not a type") -> None: ...  # type: ignore[valid-type]  # noqa: F722


@mistake("parameter 'connection' of travel.book has the type Connection, which cannot be stored")
def an_input_that_cannot_be_stored() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(connection: Connection) -> None: ...


@mistake("result of travel.book has the type Connection, which cannot be stored")
def a_result_that_cannot_be_stored() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(request: Request) -> Connection:
        return Connection()


@mistake("parameter 'login' of travel.book contains a secret; secrets never enter the journal")
def a_secret_as_an_input() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(login: Login) -> None: ...


@mistake("result of travel.book contains a secret")
def a_secret_as_a_result() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(request: Request) -> dict[str, SecretStr]:
        return {}


@mistake("parameter 'cities' of travel.book contains a set")
def a_set_as_an_input() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(cities: set[str]) -> None: ...


@mistake("travel.book version 1 is registered twice: give one of them another name or version")
def two_actions_of_one_name() -> None:
    catalog = travel()
    booked(catalog)
    booked(catalog)


@mistake("action or saga name 'book hotel' cannot be used: begin with a letter")
def a_name_with_a_space() -> None:
    booked(name="book hotel")


@mistake("catalog name '' cannot be used")
def a_catalog_without_a_name() -> None:
    Catalog("")


@mistake("travel.book: version is a whole number from 1, not 0")
def a_version_below_one() -> None:
    booked(version=0)


@mistake("travel.book: version is a whole number from 1, not '2'")
def a_version_in_words() -> None:
    booked(version="2")


@mistake("travel.book: reversibility is one of Reversibility.READ_ONLY, ")
def a_class_in_words() -> None:
    booked(reversibility="compensatable")  # type: ignore[arg-type]


@mistake("travel.book: key_ttl=0:00:35 is not longer than timeout=0:00:30 with 0:00:05 for clocks")
def a_key_that_one_call_outlives() -> None:
    booked(key_ttl=timedelta(seconds=35))


@mistake("travel.book: compensation undo: key_ttl=1:00:00 is not longer than timeout=2:00:00")
def a_compensation_that_outlives_the_key_it_inherits() -> None:
    @booked(key_ttl=timedelta(hours=1)).compensation(timeout=timedelta(hours=2))
    async def undo(request: Request) -> None: ...


@mistake("travel.book: timeout is a timedelta above zero and at most a year, such as")
def a_timeout_in_seconds() -> None:
    booked(timeout=30)


@mistake("not datetime.timedelta(0)")
def no_time_at_all() -> None:
    booked(timeout=timedelta(0))


@mistake("travel.book: key_ttl is a timedelta, such as timedelta(hours=24), not 3600")
def the_life_of_a_key_in_seconds() -> None:
    booked(key_ttl=3600)


@mistake("travel.book: key_ttl is ")
def a_key_that_is_dead_at_once() -> None:
    booked(key_ttl=timedelta(0))


@mistake("travel.book: retry is a Retry, such as Retry(attempts=5), not 5")
def a_retry_as_a_number() -> None:
    booked(retry=5)


@mistake("travel.book: definite= takes an exception class, a tuple of them, or a predicate")
def a_definite_error_in_words() -> None:
    booked(definite="NoRoom")


@mistake("definite= takes an exception class")
def a_list_of_definite_errors() -> None:
    booked(definite=[NoRoom])


@mistake("definite= takes an exception class")
def an_instance_as_a_definite_error() -> None:
    booked(definite=NoRoom())


@mistake("definite= takes an exception class")
def a_class_that_is_no_error() -> None:
    booked(definite=(NoRoom, Hotel))


@mistake("a predicate that is not async")
def an_async_predicate() -> None:
    async def is_definite(error: BaseException) -> bool:
        return True

    booked(definite=is_definite)


@mistake("travel.book: raises= takes a tuple of exception classes, such as (NoRoom,), not ")
def one_error_without_a_tuple() -> None:
    booked(raises=NoRoom)


@mistake("travel.book is irreversible and needs a gate: approval=approval(by=..., within=...)")
def irreversible_without_a_gate() -> None:
    booked(reversibility=R.IRREVERSIBLE)


@mistake("travel.book is unknown and needs a gate")
def unknown_without_a_gate() -> None:
    booked(reversibility=R.UNKNOWN)


@mistake("travel.book: approval is approval(by=..., within=...) or waived(reason=...), not '@desk'")
def a_gate_in_words() -> None:
    booked(reversibility=R.IRREVERSIBLE, approval="@desk")


@mistake("travel.book: approval is approval(by=..., within=...)")
def a_gate_that_was_not_called() -> None:
    booked(reversibility=R.IRREVERSIBLE, approval=approval)


@mistake("travel.book is read-only: there is nothing to approve")
def a_gate_in_front_of_a_read() -> None:
    booked(reversibility=R.READ_ONLY, approval=waived(reason="no"))


@mistake(
    "classify= of travel.book takes 'price', which is not an input; it can take request, nights"
)
def a_classifier_of_another_input() -> None:
    booked(approval=waived(reason="no"), classify=lambda price: R.COMPENSATABLE)  # pyright: ignore[reportUnknownLambdaType]


@mistake("travel.book: classify= may find it irreversible, so it needs a gate for that case")
def a_classifier_without_a_gate() -> None:
    booked(classify=lambda request: R.COMPENSATABLE)  # pyright: ignore[reportUnknownLambdaType]


@mistake("classify= of travel.book must not be async")
def an_async_classifier() -> None:
    async def classify(request: Request) -> R:
        return R.COMPENSATABLE

    booked(approval=waived(reason="no"), classify=classify)


@mistake("classify= of travel.book is a function of some of the inputs, not 'compensatable'")
def a_classifier_in_words() -> None:
    booked(approval=waived(reason="no"), classify="compensatable")


@mistake(
    "conflicts= of travel.book takes 'room', which is not an input; it can take request, nights"
)
def conflicts_of_another_input() -> None:
    booked(conflicts=lambda room: [room])  # pyright: ignore[reportUnknownLambdaType]


@mistake(
    "travel.book: after= names travel.fly, which is no action of this catalog: it has travel.book"
)
def after_an_action_that_does_not_exist() -> None:
    catalog = travel()
    booked(catalog, after=["fly"]).compensation()(cancel)
    catalog.check()


@mistake(
    "after= goes in a circle: travel.book after travel.fly after travel.book; each would have to "
    "be undone before the next. Take one of them out, or give what touches the same resource the "
    "same key with conflicts="
)
def each_after_the_other() -> None:
    catalog = travel()
    booked(catalog, after=["fly"]).compensation()(cancel)
    booked(catalog, after=["book"], name="fly").compensation()(cancel)
    catalog.check()


@mistake(
    "after= goes in a circle: travel.book after travel.book; each would have to be undone before "
    "the next. Take one of them out, or give what touches the same resource the same key with "
    "conflicts="
)
def after_itself() -> None:
    catalog = travel()
    booked(catalog, after=["book"]).compensation()(cancel)
    catalog.check()


@mistake(
    "after= goes in a circle: air.book after travel.book after air.book; each would have to be "
    "undone before the next. Take one of them out, or give what touches the same resource the same "
    "key with conflicts="
)
def in_a_circle_over_two_catalogs() -> None:
    air, ground = Catalog("air"), travel()
    booked(air, after=["travel.book"]).compensation()(cancel)
    booked(ground, after=["air.book"]).compensation()(cancel)
    check_catalogs([air, ground])


# --- windows ----------------------------------------------------------------------------------

WEEK = timedelta(days=7)


class Terms(BaseModel):
    free_until: datetime | None = None
    opens_on: date | None = None
    note: str = ""
    later: datetime | str | None = None


class Offer(BaseModel):
    terms: Terms | None
    at: AwareDatetime


class Hidden(BaseModel):
    free_until: Annotated[datetime, Sensitive()]


def offered(window: object, returns: Any = Offer) -> Any:
    async def offer(request: Request) -> Any:
        raise NotImplementedError

    offer.__annotations__["return"] = returns
    return travel().action(reversibility=R.COMPENSATABLE, window=window)(offer)


@pytest.mark.parametrize(
    "window",
    [
        Window(duration=WEEK),
        Window(event="shipped"),
        Window(until="at"),
        Window(until="terms.free_until"),
    ],
    ids=str,
)
def test_a_window_that_can_be_right_is_taken(window: Window) -> None:
    assert offered(window).window == window


@mistake(
    "travel.offer: window is a Window, such as Window(duration=timedelta(days=7)), "
    "not datetime.timedelta(days=7)"
)
def a_window_that_is_a_duration() -> None:
    offered(WEEK)


@mistake(
    "travel.book: a window limits an undo, and irreversible has none: remove the window, "
    "or declare reversible or compensatable"
)
def a_window_of_the_irreversible() -> None:
    booked(reversibility=R.IRREVERSIBLE, approval=waived(reason="x"), window=Window(duration=WEEK))


@mistake(
    "travel.book: a window limits an undo, and read-only has none: remove the window, "
    "or declare reversible or compensatable"
)
def a_window_of_what_only_reads() -> None:
    booked(reversibility=R.READ_ONLY, window=Window(event="shipped"))


@mistake(
    "travel.offer: until= names 'terms.until', and the result has no field 'until': name a field "
    "of the result that holds an aware datetime"
)
def a_window_until_a_field_that_is_not_there() -> None:
    offered(Window(until="terms.until"))


@mistake(
    "travel.offer: until= names 'at', and the result has no field 'at': name a field of the result "
    "that holds an aware datetime"
)
def a_window_until_a_field_of_a_text() -> None:
    offered(Window(until="at"), str)


NO_INSTANT = "which is no instant: make it an aware datetime, or one that may be None where nothing can be undone"


@mistake(f"travel.offer: until= names 'terms.note', {NO_INSTANT}")
def a_window_until_a_text() -> None:
    offered(Window(until="terms.note"))


@mistake(f"travel.offer: until= names 'terms.opens_on', {NO_INSTANT}")
def a_window_until_a_day() -> None:
    offered(Window(until="terms.opens_on"))


@mistake(f"travel.offer: until= names 'terms.later', {NO_INSTANT}")
def a_window_until_an_instant_or_words() -> None:
    offered(Window(until="terms.later"))


@mistake(
    "travel.offer: until= names 'free_until', which is sensitive: people are shown when a window "
    "closes, so return the instant in a field of its own"
)
def a_window_until_a_secret() -> None:
    offered(Window(until="free_until"), Hidden)


# --- what is no function ----------------------------------------------------------------------


@mistake("an action of travel: a functools.partial has no name and no annotations")
def a_partial() -> None:
    async def book(client: str, request: Request) -> None: ...

    travel().action(reversibility=R.READ_ONLY)(functools.partial(book, "client"))


@mistake("is no function: decorate a `def` or an `async def`")
def a_class() -> None:
    travel().action(reversibility=R.READ_ONLY)(Connection)


@mistake("is no function: decorate a `def` or an `async def`")
def an_object() -> None:
    travel().action(reversibility=R.READ_ONLY)(Connection())


@mistake("is decorated already, or written in C: decorate a plain function")
def a_builtin() -> None:
    travel().action(reversibility=R.READ_ONLY)(len)


@mistake("an action of travel: book is decorated already")
def an_action_of_an_action() -> None:
    travel().action(reversibility=R.READ_ONLY)(booked())


@mistake("travel.book is a method; make it a function")
def a_method() -> None:
    class _Booking:  # pyright: ignore[reportUnusedClass]
        @travel().action(reversibility=R.READ_ONLY)
        async def book(self, request: Request) -> None: ...


@mistake("it has a `yield`; return a list instead")
def a_generator() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    def book(request: Request) -> Iterator[int]:
        yield 1


@mistake("it has a `yield`; return a list instead")
def an_async_generator() -> None:
    @travel().action(reversibility=R.READ_ONLY)
    async def book(request: Request) -> AsyncIterator[int]:
        yield 1


# --- compensations ----------------------------------------------------------------------------


def cancel(request: Request, result: Hotel) -> None: ...


@mistake("travel.book is compensatable but has no compensation: define one right below it with")
def no_compensation_when_a_saga_is_defined() -> None:
    catalog = travel()
    booked(catalog)

    @catalog.saga
    async def trip(request: Request) -> None: ...


@mistake("travel.book is reversible but has no compensation")
def no_compensation_when_it_is_served() -> None:
    catalog = travel()
    booked(catalog, R.REVERSIBLE)
    check_catalogs([catalog])


@mistake("travel.book is irreversible, so it has no compensation (cancel): declare the action")
def a_compensation_of_something_irreversible() -> None:
    gate = approval(by="ana", within=HOUR)
    booked(reversibility=R.IRREVERSIBLE, approval=gate).compensation()(cancel)


@mistake("travel.book is read-only, so it has no compensation")
def a_compensation_of_a_read() -> None:
    booked(reversibility=R.READ_ONLY).compensation()(cancel)


@mistake("travel.book has a compensation already: cancel")
def two_compensations() -> None:
    book = booked()
    book.compensation()(cancel)
    book.compensation()(cancel)


@mistake(
    "travel.book: compensation undo: nothing to bind `reason` to; it can take request, nights, result"
)
def a_compensation_that_takes_something_else() -> None:
    @booked().compensation()
    async def undo(request: Request, reason: str) -> None: ...


@mistake("travel.book: compensation undo: `request` is a Hotel here")
def a_compensation_with_another_input_type() -> None:
    @booked().compensation()
    async def undo(request: Hotel) -> None: ...


@mistake("its `result` is a Flight, but the action returns Hotel: annotate it as `Hotel`, or")
def a_compensation_with_another_result_type() -> None:
    @booked().compensation()
    async def undo(result: Flight) -> None: ...


@mistake("travel.book: compensation undo: parameter `request` needs a type annotation")
def a_compensation_without_types() -> None:
    @booked().compensation()
    async def undo(request) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001


@mistake("travel.book: compensation undo: parameter **rest: ")
def a_compensation_with_keywords() -> None:
    @booked().compensation()
    async def undo(**rest: str) -> None: ...


@mistake("the action has no before-image reader (`@action.before`, above the compensation)")
def a_compensation_that_takes_an_image_nobody_read() -> None:
    @booked().compensation()
    async def undo(before: Hotel) -> None: ...


@mistake("travel.book: compensation undo returns bool: it can return a Residue, None, or either")
def a_compensation_that_returns_something_else() -> None:
    @booked().compensation()
    async def undo(request: Request) -> bool:
        return True


@mistake("travel.book: compensation undo: an annotation does not resolve")
def a_compensation_with_a_type_that_is_not_defined() -> None:
    @booked().compensation()
    async def undo(result: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821


@mistake("travel.book: compensation undo is irreversible and needs a gate")
def an_irreversible_compensation_without_a_gate() -> None:
    @booked().compensation(reversibility=R.IRREVERSIBLE)
    async def undo(request: Request) -> None: ...


@mistake("travel.book: compensation undo cannot be read-only: it would undo nothing")
def a_compensation_that_only_reads() -> None:
    @booked().compensation(reversibility=R.READ_ONLY)
    async def undo(request: Request) -> None: ...


@mistake("travel.book: compensation undo: timeout is a timedelta")
def a_compensation_with_a_timeout_in_seconds() -> None:
    @booked().compensation(timeout=5)
    async def undo(request: Request) -> None: ...


@mistake("is no function: decorate a `def` or an `async def`")
def one_compensation_for_two_actions() -> None:
    booked().compensation()(booked().compensation()(cancel))


# --- probes -----------------------------------------------------------------------------------


@mistake("travel.book: probe find returns Hotel: a probe returns the action's result, or None")
def a_probe_that_always_finds() -> None:
    @booked().probe()
    async def find(request: Request) -> Hotel:
        return Hotel(ref="h")


@mistake("travel.book: probe find returns Flight | None: a probe returns the action's result")
def a_probe_that_finds_something_else() -> None:
    @booked().probe()
    async def find(request: Request) -> Flight | None:
        return None


@mistake("travel.book: probe find has no return annotation")
def a_probe_without_a_return_type() -> None:
    @booked().probe()
    async def find(request: Request): ...  # type: ignore[no-untyped-def]  # noqa: ANN202


@mistake("travel.label: probe find: the action returns nothing, so its probe tells whether it")
def a_probe_of_an_action_that_returns_nothing() -> None:
    @labelled().probe()
    async def find(text: str) -> str | None:
        return None


@mistake("travel.book: probe find: nothing to bind `result` to; it can take request, nights")
def a_probe_that_takes_what_it_is_asked_for() -> None:
    @booked().probe()
    async def find(result: Hotel) -> Hotel | None:
        return None


@mistake("travel.book has a probe already: ")
def two_probes() -> None:
    async def find(request: Request) -> Hotel | None:
        return None

    book = booked()
    book.probe()(find)
    book.probe()(find)


@mistake("travel.book: probe find: lag is a timedelta, not negative and at most a year")
def a_lag_in_seconds() -> None:
    @booked().probe(lag=2)
    async def find(request: Request) -> Hotel | None:
        return None


@mistake("probe found: the probe of a compensation tells whether it took effect: annotate it as")
def a_probe_of_a_compensation_that_does_not_answer() -> None:
    @booked().compensation()(cancel).probe()
    async def found(request: Request) -> Hotel | None:
        return None


@mistake("probe found: nothing to bind `nights` to; it can take request, result")
def a_probe_of_a_compensation_that_takes_more_than_it() -> None:
    @booked().compensation()(cancel).probe()
    async def found(nights: int) -> bool:
        return True


@mistake("probe found: `result` is a Flight here, but what is recorded is a Hotel")
def a_probe_of_a_compensation_with_another_type() -> None:
    @booked().compensation()(cancel).probe()
    async def found(result: Flight) -> bool:
        return True


@mistake("has a probe already: ")
def two_probes_of_a_compensation() -> None:
    def found() -> bool:
        return True

    undo = booked().compensation()(cancel)
    undo.probe()(found)
    undo.probe()(found)


# --- before-images ----------------------------------------------------------------------------


@mistake("before-image reader read must be defined above the compensation that uses it")
def a_before_image_below_the_compensation() -> None:
    book = booked()
    book.compensation()(cancel)

    @book.before
    async def read(request: Request) -> str:
        return ""


@mistake("travel.book has a before-image reader already: ")
def two_before_images() -> None:
    async def read(request: Request) -> str:
        return ""

    book = booked()
    book.before(read)
    book.before(read)


@mistake("travel.book: before-image reader read needs a return annotation")
def a_before_image_without_a_type() -> None:
    @booked().before
    async def read(request: Request): ...  # type: ignore[no-untyped-def]  # noqa: ANN202


@mistake("before-image of travel.book contains a secret")
def a_secret_in_a_before_image() -> None:
    @booked().before
    async def read(request: Request) -> Login:
        return Login(user="a", passwords=[])


@mistake("before-image reader read: nothing to bind `result` to; it can take request, nights")
def a_before_image_of_the_result() -> None:
    @booked().before
    async def read(result: Hotel) -> str:
        return ""


# --- sagas ------------------------------------------------------------------------------------


@mistake("travel.trip: a saga's body is an `async def`")
def a_saga_that_is_not_async() -> None:
    @travel().saga
    def trip(request: Request) -> None: ...


@mistake(
    "travel.trip takes 2 parameters; a saga takes exactly one input: put what it needs into one"
)
def a_saga_of_two_inputs() -> None:
    @travel().saga
    async def trip(request: Request, nights: int) -> None: ...


@mistake("travel.trip takes 0 parameters")
def a_saga_without_an_input() -> None:
    @travel().saga
    async def trip() -> None: ...


@mistake("travel.trip: its input 'request' must not be keyword-only")
def a_saga_with_a_keyword() -> None:
    @travel().saga
    async def trip(*, request: Request) -> None: ...


@mistake("travel.trip: parameter 'request' needs a type annotation")
def a_saga_without_types() -> None:
    @travel().saga
    async def trip(request) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001


@mistake("travel.trip: it needs a return annotation")
def a_saga_without_a_return_type() -> None:
    @travel().saga
    async def trip(request: Request): ...  # type: ignore[no-untyped-def]  # noqa: ANN202


@mistake("input of travel.trip contains a secret")
def a_saga_of_a_secret() -> None:
    @travel().saga
    async def trip(login: Login) -> None: ...


@mistake("result of travel.trip has the type Connection, which cannot be stored")
def a_saga_whose_result_cannot_be_stored() -> None:
    @travel().saga
    async def trip(request: Request) -> Connection:
        return Connection()


@mistake("travel.trip version 1 is registered twice: give one of them another name or version")
def two_sagas_of_one_name() -> None:
    catalog = travel()

    async def trip(request: Request) -> None: ...

    catalog.saga(trip)
    catalog.saga(trip)


@mistake('after_pivot is "ask" or "unwind", not \'stop\'')
def a_word_that_is_no_answer_to_a_pivot() -> None:
    @travel().saga(after_pivot="stop")
    async def trip(request: Request) -> None: ...


@mistake("travel.trip: version is a whole number from 1, not 0")
def a_saga_of_version_zero() -> None:
    @travel().saga(version=0)
    async def trip(request: Request) -> None: ...


@mistake("it has a `yield`")
def a_saga_that_yields() -> None:
    @travel().saga
    async def trip(request: Request) -> AsyncIterator[int]:
        yield 1


@mistake("two catalogs are named 'travel': names in the journal must be unique")
def two_catalogs_of_one_name() -> None:
    check_catalogs([travel(), travel()])


@mistake("travel.book is compensatable but has no compensation")
def a_retired_action_without_its_compensation() -> None:
    catalog = travel()

    @catalog.retired("book", version=1)
    async def book_1(request: Request) -> Hotel:
        return Hotel(ref="h")

    catalog.check()


@mistake("travel.book version 1 is registered twice")
def a_retired_action_that_is_in_use() -> None:
    catalog = travel()
    booked(catalog)

    @catalog.retired("book", version=1)
    async def book_1(request: Request) -> Hotel:
        return Hotel(ref="h")


@mistake("travel.book: reversibility is one of")
def a_retired_action_with_a_class_in_words() -> None:
    travel().retired("book", version=1, reversibility="reversible")(cancel)


@pytest.mark.parametrize(("make", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_shows_when_the_module_is_imported_and_says_what_to_do(
    make: Mistake, words: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        make()

    assert words in str(caught.value)


# --- approvals that nobody could give ---------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "quorum", "words"),
    [
        ((), 1, "names nobody"),
        (("ana",), 2, "a quorum of 2 cannot be met by ana"),
        (("ana", "bob"), 3, "name more people, or lower it"),
        (("ana", "ana"), 2, "names ana more than once"),
        (("ana",), 0, "would approve without a person"),
    ],
)
def test_an_approval_that_nobody_could_give_is_refused(
    by: tuple[str, ...], quorum: int, words: str
) -> None:
    with pytest.raises(ApprovalDefinitionError, match=words):
        booked(reversibility=R.IRREVERSIBLE, approval=approval(by=by, within=HOUR, quorum=quorum))


def test_a_waiver_needs_a_reason() -> None:
    with pytest.raises(ApprovalDefinitionError, match="without a reason"):
        waived(reason=" ")


def test_a_policy_that_cannot_be_right_is_refused_where_it_is_written() -> None:
    with pytest.raises(Exception, match="a call is made at least once"):
        booked(retry=Retry(attempts=0))


@pytest.mark.parametrize("field", ["pinned", "intent"])
def test_a_gate_that_names_an_argument_which_the_action_does_not_take_is_refused(
    field: str,
) -> None:
    wrong: dict[str, Any] = {field: ["request.city", "reqeust.city"]}
    with pytest.raises(DefinitionError, match=f"{field}= names 'reqeust.city', which begins with"):
        booked(approval=approval(by="ana", within=HOUR, **wrong))


def test_what_is_refused_is_not_registered() -> None:
    catalog = travel()
    with pytest.raises(DefinitionError):
        booked(catalog, timeout=1)

    assert list(catalog.actions) == []


def test_a_compensation_may_return_a_residue_or_none() -> None:
    @booked().compensation()
    async def undo(request: Request) -> Residue | None:
        return None

    assert asyncio.run(undo.fn(Request(city="Rome"))) is None
