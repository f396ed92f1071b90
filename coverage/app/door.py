"""The door of the local application: who may ask, and what a page may do.

The address opens for this machine alone, once, with a token that becomes a cookie. Other programs of the machine see
neither; pages of other sites are kept out by Host (against DNS rebinding), Origin and Sec-Fetch-Site (a page from
another port of 127.0.0.1 is the *same site*, so that SameSite alone would not do).
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..texts import LANGUAGES, text

HOST = "127.0.0.1"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
SHUT_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""For all that is no page of ours: a file that is looked at runs nothing and loads nothing."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_SAFE = ("GET", "HEAD")


class Door:
    """Lets in who has the cookie, with requests of our own pages only.

    Parameters
    ----------
    app : ASGI application
        What is behind the door.
    port : int
        The port that is listened on; other names and ports in Host are refused.

    Attributes
    ----------
    address : str
        To be opened once: it carries the token.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app, self.port = app, port
        self.origin = f"http://{HOST}:{port}"
        self._token: str | None = secrets.token_urlsafe(32)
        self._key = secrets.token_urlsafe(32)
        self._cookie = f"plugspan_{port}"  # cookies of all ports of a machine lie in one jar
        self.address = f"{self.origin}/?token={self._token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it before anything of it is read."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**HEADERS, "Content-Security-Policy": SHUT_POLICY}.items():
                    headers.setdefault(name, value)
                if scope.get("entered"):
                    headers.append("Set-Cookie", self._set_cookie())
            await send(message)

        refusal = self._refusal(scope)
        await (self.app if refusal is None else refusal)(scope, receive, send_with)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not self._of_our_pages(scope["method"], headers):
            return PlainTextResponse("403", 403)
        if self._has_key(headers):
            return None
        if scope["path"] == "/" and scope["method"] == "GET" and self._enters(scope):
            scope["entered"] = True
            return None
        return HTMLResponse(_no_entry(), 401)

    def _of_our_pages(self, method: str, headers: Headers) -> bool:
        """Whether Host, Origin and Sec-Fetch-Site are those of our own pages, or of an address that was typed."""
        if headers.getlist("host") != [f"{HOST}:{self.port}"]:
            return False
        origins = headers.getlist("origin")
        if origins != [self.origin] if method not in _SAFE else origins not in ([], [self.origin]):
            return False
        # "none": typed, or opened by the system.
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")

    def _has_key(self, headers: Headers) -> bool:
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            return False
        found = cookies.get(self._cookie)
        return found is not None and hmac.compare_digest(found.value.encode(), self._key.encode())

    def _enters(self, scope: Scope) -> bool:
        """Whether the token of the address is given; it is good for one time."""
        query = scope["query_string"].decode("latin-1")
        given = [part[6:] for part in query.split("&") if part.startswith("token=")]
        if self._token is None or len(given) != 1:
            return False
        right = hmac.compare_digest(given[0].encode(), self._token.encode())
        self._token = None if right else self._token
        return right

    def _set_cookie(self) -> str:
        return f"{self._cookie}={self._key}; Path=/; HttpOnly; SameSite=Strict"


def _no_entry() -> str:
    """Page for who comes without the cookie: constant texts, in every language."""
    words = "".join(f"<p>{text('app.no-entry', lang)}</p>" for lang in LANGUAGES)
    return f'<!doctype html><html><head><meta charset="utf-8"><title>plugspan</title></head><body>{words}</body></html>'


def with_policy(response: Response, policy: str) -> Response:
    """Give a response the Content-Security-Policy of a page in the place of the one that shuts everything."""
    response.headers["Content-Security-Policy"] = policy
    return response
