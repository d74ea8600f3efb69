"""`check_payload`: each type that loses something, and types that lose nothing."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from itertools import count
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from pydantic import (
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    FutureDate,
    HttpUrl,
    JsonValue,
    PastDatetime,
    PlainSerializer,
    RootModel,
    field_validator,
)
from typing_extensions import TypedDict

from sagas import Catalog, Reversibility, waived
from sagas.testing import Report, Unexplorable, check_payload
from tests.testing.wares import Basket, Tags, fill


def rules(report: Report) -> list[str]:
    return sorted(violation.rule for violation in report.violations)


async def checked(kind: Any, *examples: object, runs: int = 25) -> Report:
    return await check_payload(kind, *examples, runs=runs, processes=False)


# --- correct types ------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    number: int = Field(ge=1, multiple_of=3)
    code: str = Field(pattern="^[a-z]{2,4}$")
    parts: list["Part"] = Field(default=[], max_length=2)


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(gt=0, lt=10)]


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = Field(alias="dogName")


class Address(TypedDict):
    street: str
    number: int


@dataclass
class Point:
    x: int
    y: FiniteFloat = 0.0


class Pair(NamedTuple):
    one: int
    two: str


class Names(RootModel[list[str]]):
    pass


class Everything(BaseModel):
    model_config = ConfigDict(extra="allow")

    price: Annotated[Decimal, Field(max_digits=8, decimal_places=2, ge=0)]
    colour: Colour
    at: AwareDatetime | None = None
    day: date
    hour: time
    long: timedelta
    due: FutureDate
    was: PastDatetime | None = Field(default=None, strict=False, exclude=False)
    id: UUID
    part: Part | int
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    address: Address
    point: Point
    pair: Pair
    names: Names
    pairs: tuple[int, str]
    many: tuple[int, ...]
    amounts: Mapping[str, int]
    words: Sequence[str]
    url: HttpUrl
    data: Base64Bytes
    anything: JsonValue
    flag: bool
    ratio: Annotated[float, Field(ge=0, le=1)]

    @field_validator("was")
    @classmethod
    def only_instants(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a zone is missing")
        return value


async def test_a_type_with_everything_in_it_raises_no_alarm() -> None:
    report = await checked(Everything, runs=30)

    assert report.violations == []
    assert report.schedules == 30
    assert report.saga == "Everything"


@pytest.mark.parametrize(
    "kind",
    [int, str, bool, Part, Cat, Point, Pair, Names, list[Part], dict[str, Address], Cat | None],
    ids=str,
)
async def test_a_correct_type_raises_no_alarm(kind: Any) -> None:
    assert (await checked(kind, runs=10)).violations == []


async def test_a_correct_type_raises_no_alarm_in_other_processes() -> None:
    assert (await check_payload(Basket, runs=20)).violations == []


async def test_values_of_recursive_types_are_made_to_a_depth() -> None:
    class Odd(BaseModel):
        inner: "Odd | None" = None

        @field_validator("inner")
        @classmethod
        def shallow(cls, inner: "Odd | None") -> "Odd | None":
            if inner is not None and inner.inner is not None:
                seen.append(inner)
            return inner

    seen: list[Odd] = []
    assert (await checked(Odd)).violations == []
    assert seen


# --- what is lost -------------------------------------------------------------------------------


class Measured(BaseModel):
    weight: float


class Local(BaseModel):
    name: str
    at: datetime


class Rounded(BaseModel):
    price: Annotated[Decimal, PlainSerializer(lambda value: f"{value:.0f}")]


class Forgetful(BaseModel):
    name: str
    note: str = Field(default="", exclude=True)


class Raw(BaseModel):
    data: bytes


numbers = count()


class Numbered(BaseModel):
    """It writes another number each time, and does not mind."""

    number: Annotated[int, PlainSerializer(lambda value: next(numbers) // 2)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Numbered)

    __hash__ = None  # type: ignore[assignment]


async def test_a_float_that_may_be_infinite_is_found() -> None:
    report = await checked(Measured)

    assert rules(report) == ["values_come_back"]
    assert "with Measured(weight=inf): " in report.violations[0].detail
    assert "use FiniteFloat" in report.violations[0].detail


async def test_a_datetime_without_a_zone_is_found_with_the_smallest_value() -> None:
    report = await checked(Local)

    assert rules(report) == ["instants_have_zones"]
    assert "with Local(name='', at=datetime.datetime(2000, 1, 1, 0, 0)):" in str(report)
    assert report.violations[0].rerun.startswith("await check_payload(Local, Local(name=''")


async def test_a_serialiser_that_rounds_is_found() -> None:
    assert rules(await checked(Rounded)) == ["values_come_back"]


async def test_a_member_that_is_not_written_is_found() -> None:
    report = await checked(Forgetful)

    assert rules(report) == ["values_come_back"]
    assert "note='0'" in report.violations[0].detail


async def test_bytes_that_are_no_text_are_found() -> None:
    assert rules(await checked(Raw)) == ["values_come_back"]


async def test_what_a_subclass_adds_is_found_to_be_dropped() -> None:
    class Special(Basket):
        wish: str = ""

    report = await checked(Basket, Special(owner="ana", wish="soon"))

    assert rules(report) == ["values_come_back"]


async def test_bytes_that_differ_each_time_are_found() -> None:
    assert rules(await checked(Numbered, Numbered(number=1))) == ["bytes_are_stable"]


async def test_a_type_that_cannot_be_stored_at_all_is_found() -> None:
    report = await checked(set[int])

    assert rules(report) == ["types_are_storable"]
    assert "use a list" in str(report)


async def test_an_order_that_differs_between_processes_is_found_with_a_small_value() -> None:
    report = await check_payload(Tags, runs=30)

    assert rules(report) == ["bytes_are_the_same_elsewhere"]
    assert "Tags(tags=['" in report.violations[0].detail


# --- actions ------------------------------------------------------------------------------------


async def test_the_inputs_the_result_and_the_before_image_of_an_action_are_checked() -> None:
    report = await check_payload(fill, runs=20, processes=False)

    assert report.violations == []
    assert report.saga == "wares.fill"
    assert report.schedules > 40


async def test_a_result_that_differs_between_processes_is_found() -> None:
    report = await check_payload(fill, runs=25)

    assert rules(report) == ["bytes_are_the_same_elsewhere"]
    assert "result of wares.fill" in str(report)


async def test_examples_of_an_action_are_its_inputs() -> None:
    example = {"basket": {"owner": "ana"}}

    assert (await checked(fill, example)).schedules == 1


async def test_an_input_that_cannot_be_sent_is_a_violation() -> None:
    catalog = Catalog("shop")

    @catalog.action(reversibility=Reversibility.UNKNOWN, approval=waived(reason="a test"))
    async def weigh(weight: float) -> None: ...

    assert rules(await checked(weigh)) == ["values_come_back"]
    assert rules(await checked(weigh, float("nan"))) == ["values_come_back"]


# --- what is no check ---------------------------------------------------------------------------


async def test_a_type_that_no_other_process_can_import_is_refused_with_the_mend() -> None:
    class Here(BaseModel):
        name: str

    with pytest.raises(Unexplorable, match="pass processes=False"):
        await check_payload(Here)


async def test_an_example_that_does_not_fit_is_refused() -> None:
    with pytest.raises(Unexplorable, match="example 1 does not fit: number"):
        await checked(Part, {"number": 2, "code": "ab"})


async def test_a_type_whose_every_value_is_refused_is_named() -> None:
    class Never(BaseModel):
        number: int

        @field_validator("number")
        @classmethod
        def refuse(cls, number: int) -> int:
            raise ValueError("no")

    with pytest.raises(Unexplorable, match="no value of Never could be made"):
        await checked(Never)


async def test_without_hypothesis_examples_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)  # as Python does where it is missing

    with pytest.raises(Unexplorable, match="pip install hypothesis"):
        await checked(Part)
    assert (await checked(Part, {"number": 3, "code": "ab"})).violations == []


async def test_the_same_seed_makes_the_same_values() -> None:
    first, second = [await checked(Forgetful) for _ in range(2)]

    assert (first.violations, first.schedules) == (second.violations, second.schedules)


async def test_an_instant_is_none_the_less_in_a_list() -> None:
    report = await checked(list[datetime], [datetime(2025, 1, 1, tzinfo=UTC)])

    assert report.violations == []


@pytest.mark.parametrize("runs", [0, -1])
async def test_no_values_at_all_are_refused(runs: int) -> None:
    with pytest.raises(Unexplorable, match=f"runs is at least 1, not {runs}: nothing would be"):
        await check_payload(int, runs=runs, processes=False)
