"""Interventions as people answer them in Slack."""

from approvals.channels.slack.actions import Click, QuestionRef, Submission
from approvals.channels.slack.modals import CHOICE, RESULT, answer_view
from compensations import Choice
from compensations.interventions import MEANINGS
from sagas.dispatching.viewing import view as shown
from sagas.errors import PayloadError, Refused
from sagas.model import micros
from sagas.ports import QuestionRow
from sagas.slack.answers import Answer, Declined, Faulty, Said, Shown, sentence
from sagas.slack.gates import given_reason
from sagas.slack.office import CHANNEL, Office
from sagas.slack.who import identify

__all__ = ["answer", "ask"]


async def ask(click: Click, ref: QuestionRef, office: Office) -> Answer:
    """Open the form for an answer."""
    question = await _find(ref, office)
    await identify(click.sender.user, office)
    _check_open(question, office)
    view = answer_view(
        shown(question, micros(office.now())),
        choice=ref.choice,
        meanings={choice.value: MEANINGS[choice] for choice in question.choices},
        wants_result=question.wants_result and Choice.HAPPENED in question.choices,
        origin=click.origin,
    )
    return Shown(view)


async def answer(sent: Submission, ref: QuestionRef, office: Office) -> Answer:
    """Take an answer."""
    question = await _find(ref, office)
    person = await identify(sent.sender.user, office, fresh=True)
    _check_open(question, office)
    choice = sent.values.get(CHOICE)
    if not choice:
        raise Declined("Choose one of the answers.")
    try:
        await office.coordinator.resolve(
            question.id,
            choice,
            reason=given_reason(sent),
            result_json=(sent.values.get(RESULT) or "").strip() or None,
            by=person,
            channel=CHANNEL,
        )
    except PayloadError as error:
        return Faulty({RESULT if RESULT in sent.values else CHOICE: sentence(str(error))})
    except Refused as error:
        _check_open(await _find(ref, office), office)
        return Faulty({CHOICE: sentence(str(error))})
    return Said(title="Answered", text="Your answer counts, and the saga goes on.")


async def _find(ref: QuestionRef, office: Office) -> QuestionRow:
    known = ref.question_id.isprintable()
    question = await office.coordinator.store.question(ref.question_id) if known else None
    if question is None:
        raise Declined("There is no such intervention here: see the inbox.")
    return question


def _check_open(question: QuestionRow, office: Office) -> None:
    if question.state != "open":
        raise Declined(sentence(shown(question, micros(office.now())).standing))
