"""Whether every value of a type can be stored and comes back as it was, here and elsewhere.

Touches: processes, if it is asked to compare with some.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from math import isfinite
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from sagas.errors import DefinitionError, PayloadError
from sagas.payloads import Codec, explain
from sagas.testing.actions.elsewhere import Part, encoded_elsewhere
from sagas.testing.actions.findings import Finding, report_of, smallest, text_of
from sagas.testing.actions.inputs import (
    Given,
    Inputs,
    Made,
    arguments_of_example,
    require_hypothesis,
)
from sagas.testing.errors import Unexplorable
from sagas.testing.report import Report


async def check_payload(
    model_or_action: object,
    *examples: object,
    runs: int = 100,
    seed: int = 0,
    strategies: Mapping[Any, Any] | None = None,
    processes: bool = True,
) -> Report:
    """Store values of a type and read them again.

    - Every value can be stored: it is canonical JSON, without NaN, and not too large.
    - It comes back equal, and what came back has the same bytes.
    - Encoding it twice gives the same bytes, also in another process, where sets have another order.
    - Every `datetime` has a time zone.

    Args:
        model_or_action: A type, or an action: then its inputs, its result and its before-image.
        examples: Values of the type; for an action, inputs, and then only its inputs are checked.
            Without any, values are made of the type and shrunk (needs hypothesis).
        runs: How many values are made.
        seed: The same seed makes the same values, with the same hypothesis and the same modules
            loaded: it also draws on the constants of your code.
        strategies: For hypothesis: strategies by parameter name or by class, for types of which
            it could not make values by itself.
        processes: Whether to compare with other processes, which must be able to import the type.

    Raises:
        NotDeterministic: A value was wrong once and right another time.
        Unexplorable: An example does not fit, no value could be made, or another process could
            not import the type.
    """
    began = time.perf_counter()
    name, found, tried = _name_of(model_or_action), list[Finding](), 0
    if processes:
        _ = Part(model_or_action, "value").place  # before anything is tried
    stored: list[_Stored] = []
    for part in _parts_of(model_or_action, only_inputs=bool(examples)):
        try:
            codec = part.codec
        except DefinitionError as error:
            found.append(Finding("types_are_storable", str(error), "", "no value was made"))
            continue
        values = _values_of(part, codec, examples, strategies or {}, runs=runs, seed=seed)
        check = _Payload(part.name, codec)
        found += await values.tried(check)
        tried += check.tried
        stored += check.stored.values()
    if processes and stored:
        found += await _compared(model_or_action, stored)
    unchanged = "" if processes else ", processes=False"
    return report_of(
        name,
        smallest(found),
        again=f"await check_payload({name.rpartition('.')[2]}, {{input}}seed={seed}{unchanged})",
        runs=tried,
        seed=seed,
        seconds=time.perf_counter() - began,
    )


def _name_of(owner: Any) -> str:
    action = Part(owner, "value").action
    if action is not None:
        return action.name
    return owner.__name__ if isinstance(owner, type) else str(owner)


def _parts_of(owner: object, *, only_inputs: bool) -> Iterator[Part]:
    action = Part(owner, "value").action
    if action is None:
        yield Part(owner, "value")
        return
    yield Part(action, "inputs")
    if only_inputs:
        return
    yield Part(action, "result")
    if action.image is not None:
        yield Part(action, "before")


def _values_of(
    part: Part,
    codec: Codec[Any],
    examples: Sequence[object],
    strategies: Mapping[Any, Any],
    *,
    runs: int,
    seed: int,
) -> Inputs[Any]:
    action = part.action
    if examples and action is not None:
        return Given([arguments_of_example(action, one, n) for n, one in enumerate(examples, 1)])
    if examples:
        return Given([_valid(part.hint, one, n) for n, one in enumerate(examples, 1)])
    require_hypothesis()
    from sagas.testing.actions.strategies import members_of, values_of

    made = (
        members_of(action, strategies)
        if action is not None and part.name == "inputs"
        else values_of(part.hint, strategies, codec.what)
    )
    return Made(made, f"value of {codec.what}", runs=runs, seed=seed)


def _valid(hint: Any, value: object, number: int) -> object:
    adapter: TypeAdapter[Any] = TypeAdapter(hint)
    try:
        return adapter.validate_python(value, by_alias=True, by_name=True)
    except ValidationError as error:
        raise Unexplorable(f"example {number} does not fit: {explain(error)}") from error


@dataclass(frozen=True, slots=True)
class _Stored:
    """A value that was stored, and came back."""

    part: str
    encoded: bytes
    value: object
    what: str


async def _compared(owner: object, stored: Sequence[_Stored]) -> list[Finding]:
    """What other processes make of the same values."""
    answers = await encoded_elsewhere(owner, [(one.part, one.encoded) for one in stored])
    found: list[Finding] = []
    for one, (first, second) in zip(stored, answers, strict=True):
        if first == second == one.encoded.decode():
            continue
        said = (
            f"{one.encoded.decode()} becomes {first} in one process and {second} in another: "
            "something goes by the order of a set, or by a clock or chance"
        )
        found.append(_finding(one.value, "bytes_are_the_same_elsewhere", said, one.what))
    return found


def _finding(value: object, rule: str, detail: str, what: str) -> Finding:
    return Finding(rule, detail, text_of(value), f"encode, decode: {what}")


class _Payload:
    """Tries one value after another."""

    def __init__(self, part: str, codec: Codec[Any]) -> None:
        self.tried = 0
        self.stored: dict[bytes, _Stored] = {}
        self._part = part
        self._codec = codec

    def __call__(self, value: object, /) -> Sequence[Finding]:
        """What is wrong with one value."""
        self.tried += 1
        found, what = list(self._without_zone(value)), self._codec.what
        try:
            encoded = self._codec.encode(value)
            again = self._codec.encode(value)
        except PayloadError as error:
            said = f"{error}{_mend(value)}"
            return [*found, _finding(value, "values_come_back", said, what)]
        if encoded != again:
            said = f"two encodings differ: {encoded.decode()} and {again.decode()}"
            return [*found, _finding(value, "bytes_are_stable", said, what)]
        self.stored.setdefault(encoded, _Stored(self._part, encoded, value, what))
        return found

    def _without_zone(self, value: object) -> Iterator[Finding]:
        for moment in _leaves(value):
            if isinstance(moment, datetime) and moment.utcoffset() is None:
                said = f"{moment!r} names no instant: use AwareDatetime, which has a time zone"
                yield _finding(value, "instants_have_zones", said, self._codec.what)
                return


def _mend(value: object) -> str:
    infinite = any(isinstance(leaf, float) and not isfinite(leaf) for leaf in _leaves(value))
    return "; use FiniteFloat, or Decimal for amounts" if infinite else ""


def _leaves(value: object) -> Iterator[object]:
    """What a value is made of in the end."""
    is_leaf = True
    for part in _parts(value):
        is_leaf = False
        yield from _leaves(part)
    if is_leaf:
        yield value


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, BaseModel):
        yield from (member for _, member in value)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from (getattr(value, field.name) for field in fields(value))
    elif isinstance(value, Mapping):
        for name, member in cast(Mapping[object, object], value).items():
            yield name
            yield member
    elif isinstance(value, list | tuple | set | frozenset):
        yield from cast(Iterable[object], value)
