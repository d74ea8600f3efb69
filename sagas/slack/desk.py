"""What a click in Slack does: who it is, what they decide by it, and what they are told.

A decision is committed before it is acknowledged; whatever Slack is asked to show comes after.
Touches: the journal by the coordinator, Slack.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

from approvals import ApprovalError
from approvals.channels.slack.actions import (
    Asked,
    Callback,
    Click,
    GateRef,
    Ignored,
    MalformedInteraction,
    Origin,
    QuestionRef,
    Submission,
    parse_interaction,
)
from approvals.channels.slack.calling import record
from approvals.channels.slack.forms import FormFaults
from approvals.channels.slack.modals import REASON, told_view
from sagas.coordinator import Coordinator
from sagas.errors import Corrupt, JournalError, SagaError
from sagas.slack import edits, gates, questions
from sagas.slack.answers import Answer, Declined, Faulty, Said, Shown, Turned, sentence
from sagas.slack.home import Homes
from sagas.slack.installed import Installed
from sagas.slack.office import Office
from sagas.slack.origins import thread_of
from sagas.slack.reply import Reply, in_turn
from sagas.slack.saying import Place, Voice
from sagas.slack.who import check_sender, is_ours

__all__ = ["Desk", "Reply"]

log = logging.getLogger("sagas.slack")

_NO_EFFECT = "No effect"


class Desk:
    """Takes what people do in Slack, from either transport.

    Args:
        coordinator: Through which everything is decided.
        team: The app, as it is installed.
        link: The address of the web inbox, without a path, if there is one.
    """

    def __init__(
        self, coordinator: Coordinator, team: Installed, *, link: str | None = None
    ) -> None:
        self._office = Office(coordinator=coordinator, team=team, link=link)
        self._voice = Voice(team.client)
        self._homes = Homes(self._office, self._voice)

    async def interaction(self, payload: Mapping[str, Any]) -> Reply:
        """Take a click or a form: the member ``payload`` of the request, or of the envelope.

        Whatever was decided is committed when this returns. Who clicks again after that is told
        what has become of it.

        Raises:
            JournalError: Nothing could be committed: there is to be no acknowledgement.
        """
        try:
            came = parse_interaction(payload)
            if isinstance(came, Ignored) or (isinstance(came, Click) and came.asked is Asked.OPEN):
                return Reply()
            return await self._taken(came)
        except MalformedInteraction as error:
            log.warning("something that no button or form of ours sends came from Slack")
            return self._unread(payload, sentence(str(error)))

    async def event(self, event: Mapping[str, Any]) -> Reply:
        """Take an event, as the whole ``event_callback``; those that matter to nobody are ignored."""
        team = self._office.team
        if event.get("api_app_id") != team.app or not is_ours(event, team):
            log.warning("an event of another app or organization came from Slack, and is ignored")
            return Reply()
        told = record(event.get("event"))
        user = told.get("user")
        match told.get("type"):
            case "app_home_opened" if isinstance(user, str) and told.get("tab") != "messages":
                return Reply(after=in_turn(partial(self._homes.open, user)))
            case "user_change":
                team.people.forget(str(record(user).get("id")))
            case _:
                pass
        return Reply()

    # --- clicks and forms -----------------------------------------------------------------------

    async def _taken(self, came: Click | Submission) -> Reply:
        place = _place(came)
        try:
            check_sender(came.sender, self._office.team)
            if place.origin is not None:
                thread = await thread_of(_subject(came), place.origin, self._office)
                place = replace(place, thread=thread)
            answer: Answer | Declined = await self._answered(came)
        except (Declined, FormFaults, ApprovalError, SagaError) as error:
            answer = _refused(error)
        if isinstance(came, Click):
            return self._to_click(place, answer)
        return self._to_form(place, answer)

    async def _answered(self, came: Click | Submission) -> Answer:
        asked = came.asked if isinstance(came, Click) else came.callback
        ref = came.ref if isinstance(came, Click) else came.carried.ref
        handler = _HANDLERS.get((type(came), type(ref), asked))
        if handler is None:
            raise MalformedInteraction("the button or form is about something else: open it again")
        return await handler(came, ref, self._office)

    def _to_click(self, place: Place, answer: Answer | Declined) -> Reply:
        match answer:
            case Said():
                tell = partial(self._voice.tell, place, answer.title, answer.text)
                return Reply(after=in_turn(tell, partial(self._homes.again, place.user)))
            case Shown():
                return Reply(after=in_turn(partial(self._voice.show, place, answer.view)))
            case Turned():
                return Reply(after=in_turn(partial(self._voice.turn, place, answer.view)))
            case Faulty():
                told = "\n".join(answer.by_block.values())
            case Declined():
                told = answer.text
        return Reply(after=in_turn(partial(self._voice.tell, place, _NO_EFFECT, told)))

    def _to_form(self, place: Place, answer: Answer | Declined) -> Reply:
        match answer:
            case Said():
                return self._counted(place, answer)
            case Shown() | Turned():
                return _update(answer.view)
            case Faulty():
                return _errors(answer.by_block)
            case Declined():
                if answer.view is not None:
                    return _update(answer.view)
                return _errors({REASON: answer.text})

    def _counted(self, place: Place, said: Said) -> Reply:
        """Close the form and say so in the conversation; in its place where there is none."""
        again = partial(self._homes.again, place.user)
        if place.origin is None:
            return replace(_update(told_view(said.title, said.text)), after=in_turn(again))
        tell = partial(self._voice.tell, place, said.title, said.text)
        return Reply(body={"response_action": "clear"}, after=in_turn(tell, again))

    # --- what cannot be read --------------------------------------------------------------------

    def _unread(self, payload: Mapping[str, Any], told: str) -> Reply:
        """Tell whoever can be made out that nothing was decided."""
        if payload.get("type") == "view_submission":
            return _update(told_view(_NO_EFFECT, told))
        user = record(payload.get("user")).get("id")
        if payload.get("type") != "block_actions" or not isinstance(user, str):
            return Reply()
        place = Place(user=user, origin=_origin_in(payload), trigger=_trigger_in(payload))
        return Reply(after=in_turn(partial(self._voice.tell, place, _NO_EFFECT, told)))


Handler = Callable[[Any, Any, Office], Awaitable[Answer]]

_HANDLERS: Mapping[tuple[type, type, Asked | Callback], Handler] = {
    (Click, GateRef, Asked.APPROVE): gates.approve,
    (Click, GateRef, Asked.REJECT): gates.ask_for_reason,
    (Click, GateRef, Asked.DETAILS): gates.show_details,
    (Click, GateRef, Asked.PAGE): gates.turn_page,
    (Click, GateRef, Asked.EDIT): edits.open_form,
    (Click, QuestionRef, Asked.ANSWER): questions.ask,
    (Submission, GateRef, Callback.REASON): gates.vote_with_reason,
    (Submission, GateRef, Callback.EDIT): edits.show_changes,
    (Submission, GateRef, Callback.CONFIRM): edits.send_changes,
    (Submission, QuestionRef, Callback.ANSWER): questions.answer,
}


def _refused(error: Exception) -> Faulty | Declined:
    """What somebody is told for an error; what is wrong with the journal is not theirs to hear.

    Raises:
        JournalError: Nothing could be committed, or read.
    """
    match error:
        case Declined():
            return error
        case FormFaults():
            return Faulty(error.by_block)
        case Corrupt():
            return Declined("Its saga cannot be read here, so that nothing was decided.")
        case JournalError():
            raise error
        case _:
            return Declined(f"Nothing was decided: {sentence(str(error))}")


def _place(came: Click | Submission) -> Place:
    if isinstance(came, Submission):
        return Place(user=came.sender.user, origin=came.carried.origin, trigger=came.trigger_id)
    return Place(
        user=came.sender.user,
        origin=came.origin,
        modal=came.view_id if came.in_modal else None,
        modal_hash=came.view_hash,
        trigger=came.trigger_id,
    )


def _subject(came: Click | Submission) -> str:
    ref = came.ref if isinstance(came, Click) else came.carried.ref
    match ref:
        case GateRef():
            subject = ref.gate_id
        case QuestionRef():
            subject = ref.question_id
        case None:
            subject = ""
    if not subject.isprintable():
        raise Declined("There is nothing of that id here: see the inbox.")
    return subject


def _update(view: Mapping[str, Any]) -> Reply:
    return Reply(body={"response_action": "update", "view": view})


def _errors(by_block: Mapping[str, str]) -> Reply:
    return Reply(body={"response_action": "errors", "errors": dict(by_block)})


def _origin_in(payload: Mapping[str, Any]) -> Origin | None:
    container = record(payload.get("container"))
    channel, ts = container.get("channel_id"), container.get("message_ts")
    if not isinstance(channel, str) or not isinstance(ts, str):
        return None
    return Origin(channel=channel, message_ts=ts)


def _trigger_in(payload: Mapping[str, Any]) -> str | None:
    return cast("str | None", payload.get("trigger_id"))
