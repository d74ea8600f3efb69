"""What is clicked on the page, done as the person who looks.

Touches: the network, loopback only.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from approvals.testing.errors import Impossible
from approvals.testing.outcome import Outcome
from approvals.testing.payloads import Json, is_object
from approvals.testing.person import Person
from approvals.testing.workspace import Message, View, Workspace

__all__ = ["do"]

Place = Message | View


async def do(space: Workspace, person: Person, said: Json) -> Outcome:
    """Do what the page says.

    Args:
        space: Where it is done.
        person: Who does it.
        said: `do`, one of `click`, `choose`, `submit`, `close` and `home`; with `channel` and
            `message`, or `view`, where; `block` and `action`, what; `value` and `values`, with
            what.

    Raises:
        Impossible: It is not on the person's screen, or the page says what nobody can do.
    """
    act = _ACTS.get(str(said.get("do")))
    if act is None:
        raise Impossible(f"nobody can do {said.get('do')!r}; there are: {', '.join(_ACTS)}")
    return await act(space, person, said)


async def _click(space: Workspace, person: Person, said: Json) -> Outcome:
    place = _place(space, person, said)
    _fill(person, place, said)
    return await person.click(place, str(said.get("action")), block=str(said.get("block")))


async def _choose(space: Workspace, person: Person, said: Json) -> Outcome:
    place = _place(space, person, said)
    block, action = str(said.get("block")), str(said.get("action"))
    return await person.choose(place, action, _typed(said.get("value")), block=block)


async def _submit(space: Workspace, person: Person, said: Json) -> Outcome:
    _fill(person, _place(space, person, said), said)
    return await person.submit()


async def _close(_: Workspace, person: Person, said: Json) -> Outcome:
    return await person.close(everything=bool(said.get("everything")))


async def _home(_: Workspace, person: Person, __: Json) -> Outcome:
    return await person.open_home()


_ACTS: dict[str, Callable[[Workspace, Person, Json], Awaitable[Outcome]]] = {
    "click": _click,
    "choose": _choose,
    "submit": _submit,
    "close": _close,
    "home": _home,
}


def _place(space: Workspace, person: Person, said: Json) -> Place:
    name = said.get("view")
    if name is not None:
        for view in (person.modal, person.home):
            if view is not None and view.id == name:
                return view
        raise Impossible("this view is not on the screen any more")
    channel = space.channels.get(str(said.get("channel")))
    message = channel.find(str(said.get("message"))) if channel is not None else None
    if message is None:
        raise Impossible("this message is not there any more")
    return message


def _fill(person: Person, place: Place, said: Json) -> None:
    """Put in what stands in the fields of the page."""
    values: Any = said.get("values")
    if not isinstance(place, View) or place is not person.modal or not is_object(values):
        return
    inputs = {block.get("block_id") for block in place.blocks if block.get("type") == "input"}
    for block, value in values.items():
        if block in inputs:
            person.fill(block, _typed(value))


def _typed(value: Any) -> Any:
    """An empty field holds nothing."""
    return None if value == "" else value
