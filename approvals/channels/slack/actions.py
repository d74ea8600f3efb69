"""What people do in Slack: what a button carries, and how what comes back is read.

A button carries which gate it is about, which revision and digest of it, and what was shown beside
it; never an argument. What comes back is read strictly where it is used, and the rest of it, which
Slack may change, is not looked at. Nothing that comes back says who may decide. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from approvals.errors import ApprovalError

__all__ = [
    "LONGEST_INPUT",
    "VALUE",
    "Asked",
    "Callback",
    "Carried",
    "Click",
    "GateRef",
    "Ignored",
    "MalformedInteraction",
    "Origin",
    "QuestionRef",
    "Sender",
    "Submission",
    "answer_action",
    "parse_interaction",
    "value_of",
]

VALUE = "value"
"""The action id of every input in our forms."""

LONGEST_INPUT = 3_000
"""What an input of a form holds (characters)."""

_ANSWER = "sagas.answer."


class MalformedInteraction(ApprovalError):
    """What came in is nothing that one of our buttons or forms sends."""


class Asked(StrEnum):
    """What somebody wants by clicking; the action ids of our buttons."""

    APPROVE = "sagas.approve"
    REJECT = "sagas.reject"
    EDIT = "sagas.edit"
    DETAILS = "sagas.details"
    PAGE = "sagas.page"
    """Another page of the details."""
    OPEN = "sagas.open"
    """To follow the link to the inbox, which needs nothing but an acknowledgement."""
    ANSWER = "sagas.answer"
    """To answer an intervention."""


class Callback(StrEnum):
    """Our forms, by their callback ids."""

    REASON = "sagas.form.reason"
    EDIT = "sagas.form.edit"
    """Other arguments, filled in; nobody has seen yet what that changes."""
    CONFIRM = "sagas.form.confirm"
    """Other arguments, with what they change."""
    ANSWER = "sagas.form.answer"
    SHOWN = "sagas.shown"
    """A view that sends nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRef:
    """A gate as it was shown to whoever clicks."""

    gate_id: str
    revision: int
    digest: str
    """The whole of it."""
    seen: str
    """The digest of what was shown; see `approvals.seen`."""
    page: int = 1
    """Which page of the details."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionRef:
    """An intervention, and the answer that was picked, if one was."""

    question_id: str
    choice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The message that somebody clicked in."""

    channel: str
    message_ts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a form has with it, unseen, and brings back."""

    ref: GateRef | QuestionRef
    origin: Origin | None = None
    vote: str | None = None
    """What the reason is for: the kind of the vote."""
    draft: str | None = None
    """The hash of the arguments whose changes were shown; see `approvals.channels.slack.forms`."""

    def to_json(self) -> str:
        """Write it so that `parse_interaction` reads it."""
        return _written(self.ref, self.origin, self.vote, self.draft)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Whom Slack says this comes from; what they may do is looked up, and not in here."""

    app: str | None
    user: str
    user_team: str | None
    """The workspace of the user: with a shared channel it may be another company's."""
    team: str | None
    """The workspace it was sent from; none with an app of a whole organization."""
    enterprise: str | None
    installed_team: str | None
    """The workspace that has the app, where a form says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """Somebody pressed one of our buttons."""

    sender: Sender
    asked: Asked
    ref: GateRef | QuestionRef | None
    """None for a link."""
    origin: Origin | None
    """None where no message is known, as on the home page."""
    view_id: str | None
    """The view it was pressed in, if it was in one."""
    in_modal: bool
    """Whether that view is a form, and not the home page."""
    view_hash: str | None
    trigger_id: str | None = field(repr=False)
    """A secret: good for opening a view within three seconds."""
    response_url: str | None = field(repr=False)
    """A secret: whoever has it can write into the conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Somebody sent one of our forms."""

    sender: Sender
    callback: Callback
    carried: Carried
    values: Mapping[str, str | None] = field(repr=False)
    """What was filled in, by block; None for what was left empty."""
    view_id: str
    view_hash: str | None
    trigger_id: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something that needs no more than an acknowledgement: ``view_closed``, ``shortcut``."""

    kind: str


def answer_action(choice: str) -> str:
    """The action id of the button of an answer: buttons side by side need different ones."""
    return f"{_ANSWER}{choice}"


class _Read(BaseModel):
    """Extra members are left alone: Slack adds some without telling."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


_Id = Annotated[str, StringConstraints(pattern=r"\A[A-Z0-9]{1,64}\z")]
_Ts = Annotated[str, StringConstraints(pattern=r"\A[0-9]{1,16}\.[0-9]{1,6}\z")]
_Key = Annotated[str, StringConstraints(min_length=1, max_length=255)]
_Ours = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Hex = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{64}\z")]
_Seen = Annotated[str, StringConstraints(pattern=r"\A(?:whole|cut):[0-9a-f]{64}\z")]
_Vote = Annotated[str, StringConstraints(pattern=r"\A[a-z-]{1,32}\z")]
_Filled = Annotated[str, StringConstraints(max_length=LONGEST_INPUT)]
_Secret = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
_Count = Annotated[int, Field(ge=1, le=1_000_000)]


class _Named(_Read):
    id: _Id


class _Team(_Named):
    enterprise_id: _Id | None = None


class _User(_Named):
    team_id: _Id | None = None


class _Container(_Read):
    channel_id: _Id | None = None
    message_ts: _Ts | None = None


class _Message(_Read):
    ts: _Ts


class _Pressed(_Read):
    action_id: _Key
    value: str | None = Field(None, max_length=2_000)


class _Option(_Read):
    value: Annotated[str, StringConstraints(max_length=150)]


class _Input(_Read):
    value: _Filled | None = None
    selected_option: _Option | None = None

    def given(self) -> str | None:
        return self.value if self.selected_option is None else self.selected_option.value


class _State(_Read):
    values: dict[_Key, dict[_Key, _Input]] = {}


class _View(_Read):
    id: _Id
    type: str = ""
    hash: _Key | None = None
    callback_id: str = ""
    private_metadata: str = Field("", max_length=3_000)
    app_installed_team_id: _Id | None = None


class _Form(_View):
    state: _State


class _Sent(_Read):
    user: _User
    team: _Team | None = None
    enterprise: _Named | None = None
    api_app_id: _Id | None = None
    trigger_id: _Secret | None = None


class _BlockActions(_Sent):
    actions: list[_Pressed] = Field(min_length=1, max_length=1)
    channel: _Named | None = None
    message: _Message | None = None
    container: _Container = _Container()
    view: _View | None = None
    response_url: _Secret | None = None


class _ViewSubmission(_Sent):
    view: _Form


class _Stored(_Read):
    """What we wrote ourselves, in as few letters as are needed."""

    g: _Ours | None = None
    r: _Count = 1
    d: _Hex | None = None
    s: _Seen | None = None
    p: _Count = 1
    q: _Ours | None = None
    a: _Ours | None = None
    c: _Id | None = None
    m: _Ts | None = None
    v: _Vote | None = None
    h: _Hex | None = None

    def ref(self) -> GateRef | QuestionRef:
        if self.q is not None:
            return QuestionRef(question_id=self.q, choice=self.a)
        if self.g is None or self.d is None or self.s is None:
            raise _malformed("it does not say what it is about")
        return GateRef(gate_id=self.g, revision=self.r, digest=self.d, seen=self.s, page=self.p)

    def origin(self) -> Origin | None:
        if self.c is None or self.m is None:
            return None
        return Origin(channel=self.c, message_ts=self.m)


def value_of(ref: GateRef | QuestionRef) -> str:
    """What a button carries."""
    return _written(ref, None, None, None)


def _written(
    ref: GateRef | QuestionRef, origin: Origin | None, vote: str | None, draft: str | None
) -> str:
    stored = (
        _Stored(g=ref.gate_id, r=ref.revision, d=ref.digest, s=ref.seen, p=ref.page)
        if isinstance(ref, GateRef)
        else _Stored(q=ref.question_id, a=ref.choice)
    )
    more = {
        "c": None if origin is None else origin.channel,
        "m": None if origin is None else origin.message_ts,
        "v": vote,
        "h": draft,
    }
    whole = _Stored.model_validate({**stored.model_dump(exclude_defaults=True), **more})
    return whole.model_dump_json(exclude_defaults=True)


def parse_interaction(payload: Mapping[str, Any]) -> Click | Submission | Ignored:
    """Read what Slack sent: the member ``payload`` of the form, or of the envelope, as JSON.

    Raises:
        MalformedInteraction: It is none of ours, or something in it is missing or cannot be right;
            the message repeats nothing of it.
    """
    kind = payload.get("type")
    if kind == "block_actions":
        return _click(_read(_BlockActions, payload))
    if kind == "view_submission":
        return _submission(_read(_ViewSubmission, payload))
    if isinstance(kind, str):
        return Ignored(kind[:64])
    raise _malformed("it does not say what it is")


_Kind = TypeVar("_Kind", bound=_Read)


def _read(kind: type[_Kind], payload: object) -> _Kind:
    try:
        return kind.model_validate(payload)
    except ValidationError as error:
        raise _malformed(_fault(error)) from None


def _read_stored(text: str | None) -> _Stored:
    try:
        return _Stored.model_validate_json(text or "")
    except ValidationError as error:
        raise _malformed(_fault(error)) from None


def _fault(error: ValidationError) -> str:
    """Which member is wrong, in words that hold nothing of what was sent."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = str(first["loc"][0]) if first["loc"] else "it"
    return f"{place} is missing, or is not what it should be"


def _malformed(why: str) -> MalformedInteraction:
    return MalformedInteraction(
        f"this was not sent by a button or a form of ours ({why}): open the request again"
    )


def _click(sent: _BlockActions) -> Click:
    pressed = sent.actions[0]
    asked, ref = _asked(pressed)
    return Click(
        sender=_sender(sent, sent.view),
        asked=asked,
        ref=ref,
        origin=_origin(sent),
        view_id=None if sent.view is None else sent.view.id,
        in_modal=sent.view is not None and sent.view.type == "modal",
        view_hash=None if sent.view is None else sent.view.hash,
        trigger_id=sent.trigger_id,
        response_url=sent.response_url,
    )


def _asked(pressed: _Pressed) -> tuple[Asked, GateRef | QuestionRef | None]:
    if pressed.action_id == Asked.OPEN:
        return Asked.OPEN, None
    ref = _read_stored(pressed.value).ref()
    if isinstance(ref, QuestionRef):
        if pressed.action_id != answer_action(ref.choice or ""):
            raise _malformed("the button and what it carries are of two kinds")
        return Asked.ANSWER, ref
    if pressed.action_id not in _ABOUT_GATES:
        raise _malformed("the button is not known here")
    return Asked(pressed.action_id), ref


_ABOUT_GATES = frozenset({Asked.APPROVE, Asked.REJECT, Asked.EDIT, Asked.DETAILS, Asked.PAGE})


def _origin(sent: _BlockActions) -> Origin | None:
    """Where the message is; in a view, what the view has with it."""
    if sent.view is not None:
        carried = sent.view.private_metadata
        return _read_stored(carried).origin() if carried else None
    channel = _agreed(None if sent.channel is None else sent.channel.id, sent.container.channel_id)
    ts = _agreed(None if sent.message is None else sent.message.ts, sent.container.message_ts)
    if channel is None or ts is None:
        raise _malformed("it does not say in which message")
    return Origin(channel=channel, message_ts=ts)


def _agreed(one: str | None, other: str | None) -> str | None:
    if one is not None and other is not None and one != other:
        raise _malformed("it names two messages")
    return one or other


def _submission(sent: _ViewSubmission) -> Submission:
    stored = _read_stored(sent.view.private_metadata)
    return Submission(
        sender=_sender(sent, sent.view),
        callback=_callback(sent.view.callback_id),
        carried=Carried(ref=stored.ref(), origin=stored.origin(), vote=stored.v, draft=stored.h),
        values={
            block: given[VALUE].given()
            for block, given in sent.view.state.values.items()
            if VALUE in given
        },
        view_id=sent.view.id,
        view_hash=sent.view.hash,
        trigger_id=sent.trigger_id,
    )


def _callback(text: str) -> Callback:
    try:
        return Callback(text)
    except ValueError:
        raise _malformed("the form is not known here") from None


def _sender(sent: _Sent, view: _View | None) -> Sender:
    team = sent.team
    of_team = None if team is None else team.enterprise_id
    return Sender(
        app=sent.api_app_id,
        user=sent.user.id,
        user_team=sent.user.team_id,
        team=None if team is None else team.id,
        enterprise=of_team if sent.enterprise is None else sent.enterprise.id,
        installed_team=None if view is None else view.app_installed_team_id,
    )
