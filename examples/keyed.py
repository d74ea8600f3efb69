"""The HTTP side of a ledger: requests that carry an `Idempotency-Key`, and the ledger to read."""

import json
from collections.abc import Callable

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from examples.ledger import JSON_OBJECT, Answer, JsonObject, KeyReused, Ledger, Transaction


def refusal(status: int, error: str) -> JSONResponse:
    """Answer with an error a program and a person can read."""
    return JSONResponse({"error": error}, status)


async def answer_once(
    request: Request, ledger: Ledger, work: Callable[[Transaction, JsonObject], Answer]
) -> JSONResponse:
    """Do `work` with the request's JSON object, at most once for its `Idempotency-Key`."""
    key = request.headers.get("idempotency-key")
    if not key:
        return refusal(400, "the Idempotency-Key header is missing")
    try:
        body = JSON_OBJECT.validate_json(await request.body() or b"{}")
    except ValidationError:
        return refusal(400, "the body is not a JSON object")
    fingerprint = f"{request.method} {request.url.path} {json.dumps(body, sort_keys=True)}"
    try:
        answer = ledger.once(key, fingerprint, lambda transaction: work(transaction, body))
    except KeyReused as reused:
        return refusal(422, str(reused))
    return JSONResponse(answer.body, answer.status)


def ledger_response(ledger: Ledger) -> JSONResponse:
    """List every effect, in order."""
    return JSONResponse([line.model_dump(mode="json") for line in ledger.lines()])
