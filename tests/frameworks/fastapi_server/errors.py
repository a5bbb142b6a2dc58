"""Every error in the one envelope of the contract."""

from http import HTTPStatus

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match

from . import faults


class ApiError(HTTPException):
    """An error with a published code; the status is the code's first part."""

    def __init__(
        self,
        code: str,
        detail: str | None = None,
        *,
        source: str | None = None,
        capability: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(int(code.partition(".")[0]), detail, headers)
        self.code = code
        self.optional = {
            "detail": detail,
            "source": source,
            "extra": {"capability": capability} if capability else None,
        }


def envelope(status: int, code: str, **optional: object) -> dict[str, object]:
    """The body of an error; an optional member without a value is left out."""
    title = HTTPStatus(status).phrase
    present = {name: value for name, value in optional.items() if value is not None}
    return {"error": {"status": status, "code": code, "title": title, **present}, "data": None}


def allowed(request: Request) -> str:
    """The methods of an address: the router names only those of the first route that fits."""
    fitting = [route for route in request.app.routes if route.matches(request.scope)[0] != Match.NONE]
    return ", ".join(sorted(method for route in fitting for method in route.methods))


async def on_http_exception(request: Request, exc: Exception) -> JSONResponse:
    """Ours carry a code; the router's own are an unknown address or a method that is not documented."""
    assert isinstance(exc, StarletteHTTPException)
    if isinstance(exc, ApiError):
        body = envelope(exc.status_code, exc.code, **exc.optional)
    elif exc.status_code == HTTPStatus.NOT_FOUND:
        body = envelope(404, "404.uri", detail="no such address")
    else:
        words = HTTPStatus(exc.status_code).phrase.lower().replace(" ", "-")
        body = envelope(exc.status_code, f"{exc.status_code}.{words}")
    headers = dict(exc.headers or {})
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = allowed(request)
    return JSONResponse(body, exc.status_code, headers)


def pointer(location: tuple[str | int, ...]) -> str | None:
    """The JSON pointer of a member of the body, or nothing for the body itself and for the query."""
    where, *path = location
    return "".join(f"/{part}" for part in path) if where == "body" and path else None


async def on_invalid(request: Request, exc: Exception) -> JSONResponse:
    """The first of the validation's errors, told without the input that drew it."""
    assert isinstance(exc, RequestValidationError)
    first = exc.errors()[0]
    detail = f"{first['loc'][-1]}: {first['msg']}"
    if faults.on("echo-surrogate-500"):
        detail += f", got {first.get('input')}"
    if first["type"] == "json_invalid":
        return JSONResponse(envelope(400, "400.invalid-syntax", detail="the body is not JSON"), 400)
    status = 400 if faults.on("envelope-status") else 422
    code = f"{status}.invalid-syntax" if status == 400 else "422.invalid-argument"
    if first["type"] == "missing" and status == 422:
        code = "422.missing-argument"
    return JSONResponse(envelope(status, code, detail=detail, source=pointer(first["loc"])), 422)


async def on_crash(request: Request, exc: Exception) -> JSONResponse:
    """What nobody foresaw; the server's log has the traceback."""
    return JSONResponse(envelope(500, "500.unknown"), 500)


def add_handlers(app: FastAPI) -> None:
    """The router raises Starlette's HTTPException, which FastAPI's own is only a subclass of."""
    handled = HTTPException if faults.on("router-errors") else StarletteHTTPException
    app.add_exception_handler(handled, on_http_exception)
    if not faults.on("detail-shape"):
        app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_crash)
