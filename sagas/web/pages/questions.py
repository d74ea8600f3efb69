"""One intervention: a question that only a person can answer, and the form that answers it."""

from fastapi import APIRouter, Request, Response

from compensations import Choice
from compensations.interventions import MEANINGS
from sagas.errors import PayloadError, Refused
from sagas.ports import QuestionRow
from sagas.web import forms
from sagas.web.answering import told
from sagas.web.deciding import find_question, resolve
from sagas.web.errors import WebError
from sagas.web.office import Office
from sagas.web.pages.sending import sent_once
from sagas.web.rendering import html
from sagas.web.sessions import Visitor, visitor

CHANNEL = "web"
_SHOWN_AGAIN = (409, 422)


def router(office: Office) -> APIRouter:
    """The pages of interventions."""
    routes = APIRouter()

    @routes.api_route("/interventions/{question_id}", methods=["GET", "HEAD"])
    async def question_page(request: Request, question_id: str) -> Response:
        who = await visitor(request, office)
        return _page(await find_question(question_id, office), who, office)

    @routes.post("/interventions/{question_id}")
    async def answer(request: Request, question_id: str) -> Response:
        forms.check_origin(request.headers, office.site)
        who = await visitor(request, office)
        sent = forms.fields(
            await request.body(),
            request.headers,
            ("seal", "choice", "reason", "result"),
            needed=("seal",),
        )
        purpose = f"answer {question_id}"
        seal = forms.check(who.session, purpose, sent["seal"], now=office.now(), site=office.site)
        try:
            await sent_once(seal, who, office)
            await resolve(
                question_id,
                _choice(sent),
                who.principal,
                office,
                reason=sent.get("reason"),
                result_json=sent.get("result", "").strip() or None,
                channel=CHANNEL,
            )
        except (WebError, Refused, PayloadError) as error:
            refusal = told(error)
            if refusal.status not in _SHOWN_AGAIN:
                raise
            question = await find_question(question_id, office)
            return _page(question, who, office, refusal=refusal, sent=sent)
        return Response(status_code=303, headers={"location": f"/interventions/{question_id}"})

    return routes


def _choice(sent: dict[str, str]) -> str:
    if not sent.get("choice"):
        raise WebError(422, "choose one of the answers", title="No answer is chosen")
    return sent["choice"]


def _page(
    question: QuestionRow,
    who: Visitor,
    office: Office,
    *,
    refusal: WebError | None = None,
    sent: dict[str, str] | None = None,
) -> Response:
    now = office.now()
    return html(
        "question.html",
        office.site,
        status=200 if refusal is None else refusal.status,
        visitor=who,
        question=question,
        choices=[(choice.value, MEANINGS[choice]) for choice in question.choices],
        takes_result=question.wants_result and Choice.HAPPENED in question.choices,
        is_open=question.state == "open",
        refusal=refusal,
        sent=sent or {},
        seal=forms.seal(who.session, f"answer {question.id}", now=now),
    )
