"""The webhook as an ASGI 3 application: paths, sizes, deadlines. It decides nothing.

What was decided before is answered in the event loop; what wasn't is worked out by a few threads, once however many
ask it at the same time. Nothing leaves the process but the answer, the log and the journal.
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import msgspec

from admission.bounded import EXTENSION, SHORT
from admission.metrics import CONTENT_TYPE
from admission.recording import Recorder
from admission.webhook import Answered
from attest.http_server import Limits, problem
from dbom.errors import DocumentError, PathError
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from admission.bounded import Posted
    from admission.cached import Key
    from admission.counts import Counts
    from admission.decision import Decision
    from admission.journal import Entry, Head
    from admission.review import Review
    from admission.webhook import Webhook
    from dbom.canonical import JsonObject
    from dbom.errors import DbomError

__all__ = ["Application", "Desk", "caller_patience"]

_Message: TypeAlias = "MutableMapping[str, Any]"
_Receive: TypeAlias = "Callable[[], Awaitable[_Message]]"
_Send: TypeAlias = "Callable[[_Message], Awaitable[None]]"

_JSON: Final = b"application/json"
_JSON_HEAD: Final = b"content-type: application/json\r\nx-content-type-options: nosniff\r\n"
_SHARE: Final = 0.8
"""How much of the caller's patience is ours: the rest is for the way there and back."""

_PATIENCE: Final = re.compile(rb"(?:^|&)timeout=(?:(\d{1,4})m)?(?:(\d{1,4}(?:\.\d{1,9})?)s)?(?:&|$)")
_LONGEST_QUERY: Final = 200
"""What API servers say is short, and the same each time; a stranger's long words aren't kept."""

_MOST_UNDER_WAY: Final = 128


class Desk(Protocol):
    """What an application answers from: it may be another webhook at each request."""

    @property
    def webhook(self) -> Webhook:
        """The webhook of now."""

    @property
    def not_ready(self) -> str:
        """Why no review should be sent here; empty where all is well."""

    def status(self) -> JsonObject:
        """Return what is known of the gate that runs."""


def caller_patience(query: bytes) -> float | None:
    """Return how many seconds the caller waits, as API servers say it (`timeout=5s`); None where it doesn't say."""
    match = _PATIENCE.search(query)
    if match is None or not (match[1] or match[2]):
        return None
    return 60.0 * int(match[1] or 0) + float(match[2] or 0)


_known_patience: Final = lru_cache(64)(caller_patience)


class Application:
    """What answers requests: POST /validate, and GET /healthz, /readyz, /metrics, /status.

    Where `demands_client` is set, reviews are taken only from clients that showed a certificate.
    """

    def __init__(
        self,
        desk: Desk,
        log: Callable[[JsonObject], None],
        counts: Counts,
        limits: Limits | None = None,
        *,
        demands_client: bool = False,
    ) -> None:
        self.desk, self.log, self.counts, self.limits = desk, log, counts, limits or Limits()
        self.demands_client = demands_client
        self._workers = ThreadPoolExecutor(self.limits.workers, thread_name_prefix="decide")
        # One thread reads what is large or can't be read, a body at a time: a stranger's can take a second and 100 MB.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="read")
        self._recorder = Recorder()
        self._under_way: dict[Key, asyncio.Future[Decision]] = {}

    def close(self) -> None:
        """Let the workers go; what nobody waits for any more is left undone."""
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._recorder.close()

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one request (ASGI 3.0, HTTP)."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        if path == "/validate":
            await self._validate(scope, receive, send)
        elif path not in ("/healthz", "/readyz", "/metrics", "/status"):
            await _send(send, 404, problem("there are /validate, /healthz, /readyz, /metrics and /status"))
        elif method not in ("GET", "HEAD"):
            await _send(send, 405, problem("GET only"), headers=((b"allow", b"GET, HEAD"),))
        elif path == "/metrics":
            await _send(send, 200, self.counts.metrics.text(), content_type=CONTENT_TYPE.encode())
        elif path == "/status":
            await _send(send, 200, msgspec.json.encode(self.desk.status()))
        else:
            why = self.desk.not_ready if path == "/readyz" else ""
            await _send(send, 503 if why else 200, problem(why) if why else b'{"status":"ok"}')

    async def _validate(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        began, is_known = scope.get("extensions", {}).get(EXTENSION, (monotonic(), False))
        is_post = scope["method"] == "POST"
        wrong = (405, problem("POST an AdmissionReview"))
        refused = self._refused(scope["headers"], is_known=is_known) if is_post else wrong
        if refused is not None:
            await _send(send, *refused, close=True)
            return
        try:
            body = await self._body(receive)
        except EOFError:
            return
        if body is None:
            limit = self.limits.body_bytes
            await _send(send, 413, problem(f"the body is larger than {limit} bytes"), close=True)
            return
        allowed = self._allowed(scope["query_string"])
        answered = await self._answered(body, began + allowed, allowed)
        self.tell(answered, began)
        await _send(send, answered.status, answered.body)

    def expects(self, posted: Posted) -> bool:
        """Return whether it is a review by somebody who may send one, by its head."""
        path = posted.target.partition(b"?")[0]
        return path == b"/validate" and self._refused(posted.headers, is_known=posted.is_known) is None

    def at_once(self, posted: Posted) -> bool:
        """Answer a review whose decision is known, with no task for it; False where the application is to be called."""
        webhook, body = self.desk.webhook, posted.body
        review = webhook.glance(body)
        if review is None or isinstance(review, Answered):
            return False
        at = webhook.now()
        decision = webhook.recalled(review, at)
        if decision is None:
            return False
        allowed = self._allowed(posted.target.partition(b"?")[2])
        deadline = posted.began + allowed
        if monotonic() >= deadline:
            return False
        self.counts.looked_up(found=True)
        reply = _Reply(self, webhook, review, decision, allowed, posted)
        try:
            entry = webhook.entry(review, decision, body, at)
        except (PathError, DocumentError) as error:
            reply.set_exception(error)
            return True
        if entry is None or webhook.journal is None:
            reply.give()
        else:
            self._recorder.record(webhook.journal, entry, reply, deadline=deadline, belied=reply.belied)
        posted.parts.clear()  # it may wait for the disk, and its body is needed no more
        return True

    def _allowed(self, query: bytes) -> float:
        """Return how many seconds an answer may take, by the query in the request's target."""
        patience = (_known_patience if len(query) <= _LONGEST_QUERY else caller_patience)(query)
        return self.limits.request if patience is None else min(self.limits.request, _SHARE * patience)

    def _refused(self, headers: list[tuple[bytes, bytes]], *, is_known: bool) -> tuple[int, bytes] | None:
        """Return the status and the body for what isn't a review by somebody who may send one, by its head alone."""
        if self.demands_client and not is_known:
            return 401, problem("a client certificate is expected")
        kind, kinds, length = b"", 0, b""
        for name, value in headers:
            if name == b"content-type":
                kind, kinds = value, kinds + 1
            elif name == b"content-length":
                length = length or value
        if kinds != 1 or (kind != _JSON and kind.partition(b";")[0].strip().lower() != _JSON):
            return 415, problem("expected the content type application/json")
        if length.isdigit() and int(length) > self.limits.body_bytes:
            return 413, problem(f"the body is larger than {self.limits.body_bytes} bytes")
        return None

    async def _body(self, receive: _Receive) -> bytes | None:
        """Return the body, None where it is too large. The connection itself ends what is too slow.

        Raises `EOFError` where the other side left before the body was whole: nobody is there to be answered.
        """
        parts: list[bytes] = []
        size, is_more = 0, True
        while is_more:
            message = await _part(receive)
            parts.append(message.get("body", b""))
            size, is_more = size + len(parts[-1]), message.get("more_body", False)
            if size > self.limits.body_bytes:
                return None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _answered(self, body: bytes, deadline: float, allowed: float) -> Answered:
        webhook = self.desk.webhook
        review = webhook.glance(body) if len(body) <= SHORT else None
        if review is None:
            reading = asyncio.get_running_loop().run_in_executor(self._reader, webhook.read, body)
            if not await _is_done(reading, deadline):
                reading.cancel()
                return self.late(webhook, body, allowed)
            review = reading.result()
        if isinstance(review, Answered):
            return review
        at = webhook.now()
        decision = webhook.recalled(review, at)
        self.counts.looked_up(found=decision is not None)
        if decision is None:
            decision = await self._worked_out(webhook, review, deadline)
            at = at if decision is None else decision.at
        if decision is None or monotonic() >= deadline:
            return self.late(webhook, review, allowed)
        try:
            entry = webhook.entry(review, decision, body, at)
            if entry is not None and webhook.journal is not None:
                belied = partial(webhook.belied, review)
                recorded: asyncio.Future[Head | None] = asyncio.get_running_loop().create_future()
                self._recorder.record(webhook.journal, entry, recorded, deadline=deadline, belied=belied)
                if await recorded is None:
                    return self.late(webhook, review, allowed, ": the journal is slow")
        except (PathError, DocumentError) as error:
            return webhook.unrecorded(review, decision, error)
        return webhook.answered(review, decision)

    async def _worked_out(self, webhook: Webhook, review: Review, deadline: float) -> Decision | None:
        """Return the decision, worked out once for all who wait for it; None where it doesn't come in time."""
        key = webhook.key(review)
        work = self._under_way.get(key)
        if work is None:
            if len(self._under_way) >= _MOST_UNDER_WAY:
                return None
            work = asyncio.get_running_loop().run_in_executor(self._workers, webhook.decide, review)
            self._under_way[key] = work
            work.add_done_callback(lambda _: self._under_way.pop(key, None))
        return work.result() if await _is_done(work, deadline) else None

    def late(self, webhook: Webhook, asked: Review | bytes, allowed: float, why: str = "") -> Answered:
        """Return what is said where `allowed` seconds weren't enough."""
        self.counts.late.add()
        return webhook.gave_up(asked, f"no decision within {allowed:g} s{why}")

    def tell(self, answered: Answered, began: float) -> None:
        """Count and log an answer to what began at a moment by `time.monotonic`."""
        self.counts.answered(answered, monotonic() - began)
        self.log(answered.log)


class _Reply(msgspec.Struct):
    """An answer that is given once its record is written (a `Promise`), in `allowed` seconds from the first byte on."""

    application: Application
    webhook: Webhook
    review: Review
    decision: Decision
    allowed: float
    posted: Posted
    is_given: bool = False

    def done(self) -> bool:
        """Return whether it was given."""
        return self.is_given

    def set_result(self, head: Head | None, /) -> None:
        """Answer what was decided; a no where the record came too late."""
        self._give(is_late=head is None)

    def set_exception(self, error: DbomError, /) -> None:
        """Answer what is said where nothing can be recorded."""
        self._give(error=error)

    def give(self) -> None:
        """Answer what was decided, of which no record is kept."""
        self._give()

    def belied(self, head: Head) -> Entry:
        """Return what follows the record at `head`, which came too late."""
        return self.webhook.belied(self.review, head)

    def _give(self, *, is_late: bool = False, error: DbomError | None = None) -> None:
        self.is_given = True
        application, webhook, posted = self.application, self.webhook, self.posted
        try:
            if error is not None:
                answered = webhook.unrecorded(self.review, self.decision, error)
            elif is_late:
                answered = application.late(webhook, self.review, self.allowed, ": the journal is slow")
            else:
                answered = webhook.answered(self.review, self.decision)
            application.tell(answered, posted.began)
            posted.respond(answered.status, _JSON_HEAD, answered.body)
        except Exception as wrong:  # noqa: BLE001  whoever else waits for the same flush is answered all the same
            application.log({"event": "server", "error": printable(repr(wrong), limit=500)})
            posted.drop()


async def _part(receive: _Receive) -> _Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise EOFError
    return message


async def _is_done(future: asyncio.Future[Any], deadline: float) -> bool:
    """Wait for something until a moment by the loop's clock; return whether it is there. It isn't cancelled."""
    if future.done():
        return True
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer = loop.call_at(deadline, wake)
    future.add_done_callback(wake)
    try:
        await waiter
    finally:
        timer.cancel()
        future.remove_done_callback(wake)
    return future.done()


async def _send(
    send: _Send,
    status: int,
    body: bytes,
    *,
    content_type: bytes = _JSON,
    headers: tuple[tuple[bytes, bytes], ...] = (),
    close: bool = False,
) -> None:
    told = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        *headers,
    ]
    if close:
        told.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})
