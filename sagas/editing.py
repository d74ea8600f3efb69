"""What a person wants an open gate to ask instead, in the action's own terms.

Pure.
"""

from dataclasses import dataclass
from typing import Any, cast

from pydantic_core import from_json

from approvals import Approval, Gate
from approvals.policies import Call, Policies
from approvals.stakes import Stakes
from reversibility import ClassUpgrade, Reversibility
from sagas.authoring.action import Action, Compensation
from sagas.driving.environment import Handlers
from sagas.errors import PayloadError, Refused
from sagas.model import Direction
from sagas.payloads import parse_untrusted
from sagas.state import Step


@dataclass(frozen=True, slots=True)
class Edited:
    """Other arguments for a call.

    Attributes:
        arguments: Their canonical bytes.
        needed: What would be asked for before a call with them; None if nothing.
    """

    arguments: bytes
    stakes: Stakes
    needed: Approval | None


def edited(gate: Gate, step: Step, handlers: Handlers, policies: Policies, text: str) -> Edited:
    """The arguments in that JSON text, as the call behind a gate would get them.

    Args:
        step: The one that the gate stands in front of, or in front of whose undo.
        policies: What is asked for beside what the authors of actions ask for.

    Raises:
        Refused: No catalog here has the action, or the call was made before.
        PayloadError: These are no arguments of the action.
    """
    direction = Direction(gate.direction)
    action = action_to_edit(gate, step, handlers)
    given = parse_untrusted(text, "the arguments")
    decoded = action.inputs.decode(given)
    encoded = action.inputs.encode(decoded)
    _check_whole(from_json(given), from_json(encoded), "the arguments")
    if direction is Direction.DO:
        kind = _class(action, decoded)
        call = Call(action=gate.action, reversibility=kind, arguments=encoded, parties=gate.parties)
        needed = policies.requirement(action.gate(kind), call)
        return Edited(encoded, action.stakes(decoded, kind), needed)
    undo = _undo(gate, action)
    _check_taken(undo, from_json(gate.arguments), from_json(encoded))
    approval = undo.options.approval
    needed = approval if isinstance(approval, Approval) else None
    return Edited(encoded, action.stakes(decoded, undo.options.reversibility), needed)


def action_to_edit(gate: Gate, step: Step, handlers: Handlers) -> Action[..., Any]:
    """The action whose arguments are edited, by whose types they are checked.

    Raises:
        Refused: No catalog here has the action, or the call was made before.
    """
    action = handlers.action(step.action, step.version)
    if action is None:
        raise Refused(
            f"the arguments of {step.action} version {step.version} cannot be checked: name the "
            "target whose catalog has it (--target)"
        )
    if step.track(Direction(gate.direction)).attempts:
        raise Refused(
            f"{gate.action} has been called before with these arguments, and may have taken effect: "
            "approve them, or reject"
        )
    return action


def _check_whole(given: object, kept: object, where: str) -> None:
    """Refuse what the action's types would drop: nobody wants to approve that and see it gone."""
    if isinstance(given, dict) and isinstance(kept, dict):
        members = cast(dict[str, object], kept)
        for name, value in cast(dict[str, object], given).items():
            if name not in members:
                raise PayloadError(
                    f"{where}: the action does not take {name!r}; write them as the gate shows them"
                )
            _check_whole(value, members[name], f"{where}: {name}")
    elif isinstance(given, list) and isinstance(kept, list):
        for at, (value, held) in enumerate(
            zip(cast(list[object], given), cast(list[object], kept), strict=False)
        ):
            _check_whole(value, held, f"{where}[{at}]")


def _check_taken(undo: Compensation, before: dict[str, object], after: dict[str, object]) -> None:
    """Refuse changes that an undo would never see."""
    changed = {name for name in (*before, *after) if before.get(name) != after.get(name)}
    unseen = sorted(changed - set(undo.binding.inputs))
    if unseen:
        raise Refused(
            f"{undo.name} does not take {', '.join(unseen)}: an edit of it would change nothing"
        )


def _class(action: Action[..., Any], arguments: dict[str, object]) -> Reversibility:
    try:
        return action.classified(arguments)
    except ClassUpgrade:
        return action.options.reversibility


def _undo(gate: Gate, action: Action[..., Any]) -> Compensation:
    if action.undo is None:
        raise Refused(
            f"{action.name} has no compensation here: deploy the code that has {gate.action}"
        )
    return action.undo
