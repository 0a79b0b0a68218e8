"""What stands before every request: who may ask, how much they may send, and what a browser may do with the answer.

A server on loopback can still be reached by any page that the browser shows: by a plain cross-site request, or by a
domain that rebinds its name to 127.0.0.1. The first carries a foreign `Origin`, the second a foreign `Host`; an
address or `localhost` as `Host` cannot be a rebound name.
"""

from __future__ import annotations

import ipaddress
import json
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-cache",
}


def trusted(host: str, own: frozenset[str]) -> bool:
    """Whether a Host header (`name`, `name:port`, `[address]:port`) is an address, localhost or one of `own`."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if name == "localhost" or name in own:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware: Host and Origin checks, a cap on the body (declared or not), security headers on answers."""

    def __init__(self, app: ASGIApp, *, own_hosts: frozenset[str], max_bytes: int) -> None:
        self.app = app
        self.own_hosts = own_hosts
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [(key, value) for key, value in message.get("headers", []) if key.lower() not in HEADERS]
                message = {**message, "headers": [*kept, *HEADERS.items()]}
            await send(message)

        refusal = self._refusal(dict(scope["headers"]))
        if refusal:
            await _answer(send_guarded, *refusal)
            return
        taken = 0

        async def receive_capped() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.max_bytes:
                raise HTTPException(*self._too_large())
            return message

        await self.app(scope, receive_capped, send_guarded)

    def _refusal(self, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not trusted(host, self.own_hosts):
            return 400, f"this server does not answer to the name {host!r}"
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin.decode("latin-1").lower()).netloc != host:
            return 403, "requests of other sites' pages are not answered"
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.max_bytes:
            return self._too_large()
        return None

    def _too_large(self) -> tuple[int, str]:
        return 413, f"the request is larger than {self.max_bytes // 1024} KiB"


async def _answer(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
