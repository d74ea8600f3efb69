"""The few static files: one style, one script, one mark."""

from importlib.resources import files

from fastapi import APIRouter, Response

from sagas.web.errors import WebError

_TYPES = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}


def router() -> APIRouter:
    """The static files."""
    routes = APIRouter()

    @routes.api_route("/static/{name}", methods=["GET", "HEAD"])
    async def asset(name: str) -> Response:
        if name not in _TYPES:
            raise WebError(404, "there is no such file")
        content = files("sagas.web").joinpath("static", name).read_bytes()
        # The path that pages name changes with the content.
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(content, media_type=_TYPES[name], headers=headers)

    return routes
