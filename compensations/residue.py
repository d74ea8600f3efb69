"""What remains in the world although an effect was undone.

Pure.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from reversibility import Audience

_CURRENCY = re.compile(r"[A-Z]{3}")
_LONGEST = timedelta(days=36_525)
_UNITS = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))


class Residue(BaseModel):
    """Something that an undo left behind: in words, in money, in rows, in time, or seen by people.

    A compensation returns one to say what remains. Returning None means "as declared": the
    compensation's declared or estimated residue is recorded, if it has one. `Residue.nothing()`
    says that this time nothing remained.

    Attributes:
        text: What remains, in words. Empty if the measures say it all.
        amount: What it cost, if money: zero or more, with its currency.
        currency: ISO 4217 code of `amount`, such as "EUR".
        audience: Who saw what cannot be unseen, at the widest.
        rows: How many records, files or messages are left.
        time: How long something was taken from somebody, up to a century.

    Raises:
        ValidationError: A measure is negative or not finite, or an amount comes without its
            currency or the reverse; pydantic's, a `ValueError`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    amount: Decimal | None = None
    currency: str | None = None
    audience: Audience | None = None
    rows: Annotated[int, Field(strict=True, ge=0, lt=2**63)] | None = None
    time: timedelta | None = None

    def __init__(
        self,
        text: str = "",
        *,
        amount: Decimal | int | str | None = None,
        currency: str | None = None,
        audience: Audience | None = None,
        rows: int | None = None,
        time: timedelta | None = None,
    ) -> None:
        super().__init__(
            text=storable(text),
            amount=amount,
            currency=currency,
            audience=audience,
            rows=rows,
            time=time,
        )

    @field_validator("amount")
    @classmethod
    def _is_an_amount(cls, amount: Decimal | None) -> Decimal | None:
        if amount is not None and not (amount.is_finite() and amount >= 0):
            raise ValueError(f"the amount is {amount}: give zero or a positive number")
        return amount

    @field_validator("currency")
    @classmethod
    def _is_a_currency(cls, currency: str | None) -> str | None:
        if currency is not None and not _CURRENCY.fullmatch(currency):
            raise ValueError(f"the currency is {currency!r}: give its ISO 4217 code, such as 'EUR'")
        return currency

    @field_validator("time", mode="before")
    @classmethod
    def _is_no_bare_number(cls, time: object) -> object:
        if time is None or isinstance(time, timedelta | str):  # text is how a journal holds it
            return time
        raise ValueError(f"the time is {time!r}: give a timedelta, which has a unit")

    @field_validator("time")
    @classmethod
    def _is_a_time(cls, time: timedelta | None) -> timedelta | None:
        if time is not None and not timedelta(0) <= time <= _LONGEST:
            raise ValueError(f"the time is {time!r}: give one from zero to a century")
        return time

    @model_validator(mode="after")
    def _has_money_with_its_currency(self) -> Self:
        if (self.amount is None) != (self.currency is None):
            raise ValueError("an amount needs its currency: give both or neither")
        return self

    @classmethod
    def nothing(cls) -> "Residue":
        """The statement that nothing remained."""
        return cls("")

    @classmethod
    def recorded(cls, fields: Mapping[str, object]) -> "Residue":
        """One that a journal holds. What earlier releases recorded reads as it was, even if it is refused today.

        Raises:
            ValidationError: It is no residue.
        """
        try:
            return cls(**fields)  # type: ignore[arg-type]
        except (TypeError, ValidationError):
            former = _Former.model_validate(fields)
            return cls.model_construct(
                text=former.text, amount=former.amount, currency=former.currency
            )

    @property
    def is_measured(self) -> bool:
        """Whether more than words says what remains: money, rows, time, or who saw it."""
        measures = (self.amount, self.audience, self.rows, self.time)
        return any(measure is not None for measure in measures)

    @property
    def remains(self) -> bool:
        """Whether there is anything."""
        seen = self.audience not in (None, Audience.NOBODY)
        return bool(self.text) or seen or any((self.amount, self.rows, self.time))

    def __str__(self) -> str:
        """The residue in one line."""
        measures = ", ".join(self._measures())
        return (
            f"{self.text} ({measures})"
            if self.text and measures
            else self.text or measures or "nothing"
        )

    def _measures(self) -> list[str]:
        told: list[str] = []
        if self.amount is not None:
            told.append(f"{self.amount} {self.currency or ''}".strip())
        if self.rows is not None:
            told.append(f"{self.rows} row{'' if self.rows == 1 else 's'}")
        if self.time is not None:
            told.append(duration(self.time))
        if self.audience is not None:
            told.append(f"audience: {self.audience}")
        return told


class _Former(BaseModel):
    """What earlier releases took for a residue: any amount, with a currency or without."""

    model_config = ConfigDict(extra="forbid")

    text: str
    amount: Decimal | None = None
    currency: str | None = None


def duration(length: timedelta) -> str:
    """A duration that is not negative, in words: `1 d 2 h`, `30 min`, `1.5 s`."""
    parts: list[str] = []
    for unit, name in _UNITS:
        count, length = divmod(length, unit)
        if count:
            parts.append(f"{count} {name}")
    if length or not parts:
        parts.append(f"{length.total_seconds():.6f}".rstrip("0").rstrip(".") + " s")
    return " ".join(parts)


def storable(text: object) -> object:
    """Text without what databases cannot hold. An undo is never lost over the words about it."""
    if not isinstance(text, str):
        return text  # the validation says what is wrong with it
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\0")


def settle(returned: Residue | None, declared: Residue | None) -> Residue | None:
    """The residue to record: the one returned, else the one declared or estimated, else none."""
    found = declared if returned is None else returned
    return found if found is not None and found.remains else None
