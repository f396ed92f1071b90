"""Requests that are cached, checked, and asked again with patience.

OSMnx's own requests wait 55 s and try for ever on 429 and 504, and keep their settings in global variables.
Here the number of tries is bounded, the server's ``Retry-After`` is honoured, and the user reads what
happens. Addresses and paths of the services are OSMnx's.

urllib3's ``Retry`` looks at status and connection alone; an answer with status 200 that is cut off, or that says in
its text that the query failed, is worth another try here, too. requests-cache takes down a whole answer
before any limit of size or time can be held (its issue 878), so answers are kept as plain files.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, InvalidHeader, NewConnectionError, ReadTimeoutError
from urllib3.util import Retry

from ..atomic import write_file
from ..errors import NetworkError
from ..texts import text

RETRIED_STATUS = frozenset([408, 425, 429, 500, 502, 503, 504])
FIRST_WAIT_S = 5.0
LONGEST_WAIT_S = 600.0
NOBODY_THERE_RETRIES = 1
"""More tries where no connection came about: a closed port, an unknown name or a wrong proxy seldom mend by
themselves, and whoever sits without internet should read so soon."""
CONNECT_TIMEOUT_S = 15.0
GRACE_S = 30.0
"""How much longer than the server's own time limit an answer is waited for."""
TRANSFER_S = 660.0
"""How much longer an answer may take until it is complete: letter by letter it would never time out."""
MOST_MB = 400
"""Largest answer, unpacked. A tile of a dense city has some 100 MB; packed zeros have any size."""
MAX_AGE_S = 30 * 86_400.0
"""Older answers in the cache are asked for again."""


class UnusableAnswerError(ValueError):
    """The answer is cut off or not what was asked for: worth another try. Never reaches a user."""


class _TooLargeError(requests.RequestException):
    """The answer has more than :data:`MOST_MB`."""


class _TooSlowError(requests.Timeout):
    """The answer came, but was not complete in time."""


@dataclass(frozen=True)
class Client:
    """How to ask: patience, cache, and whom to tell.

    Attributes
    ----------
    cache_dir : Path
        Answers are kept here for :data:`MAX_AGE_S`.
    retries : int
        Tries after the first one.
    timeout_s : float
        Time the server may take.
    write : callable
        Gets a line of text whenever something happens.
    lang : str
        Language of these lines.
    sleep : callable
        Waits some seconds.
    """

    cache_dir: Path
    retries: int = 5
    timeout_s: float = 180.0
    write: Callable[[str], None] = lambda _line: None
    lang: str = "en"
    sleep: Callable[[float], None] = time.sleep

    def log(self, key: str, **values: object) -> None:
        """Say a line of the text catalogue."""
        self.write(text(f"download.{key}", self.lang, **values))

    def _cached(self, name: str, check: Callable[[bytes], None]) -> Path | None:
        """Return the file of an answer that was kept, is not too old, and is still good."""
        path = self.cache_dir / name
        try:
            if time.time() - path.stat().st_mtime > MAX_AGE_S:
                return None
            check(path.read_bytes())
        except (OSError, UnusableAnswerError):
            return None
        return path

    def ask(
        self,
        url: str,
        name: str,
        check: Callable[[bytes], None],
        *,
        data: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Path:
        """Return the file with the answer, from the cache or the server.

        Parameters
        ----------
        url, data, params
            The request: POST if there are ``data``.
        name : str
            File name of the answer in the cache; see :func:`cache_name`.
        check : callable
            Raises :class:`UnusableAnswerError` for an answer that is cut off or says that something failed.

        Raises
        ------
        NetworkError
            If the server refuses, or all tries failed.
        """
        known = self._cached(name, check)
        if known is not None:
            return known
        host = urlsplit(url).netloc
        wait_s = 0.0
        failure: NetworkError | None = None
        for attempt in range(max(0, self.retries) + 1):
            if attempt:
                self.log("retry", host=host, seconds=round(wait_s), attempt=attempt + 1)
                self.sleep(wait_s)
            try:
                body = self._request(url, data, params)
                check(body)
            except (_Refused, requests.RequestException, UnusableAnswerError) as error:
                failure = _failure(error, host, attempt + 1)
                if not _worth_another_try(error, attempt):
                    raise failure from error
                wait_s = max(FIRST_WAIT_S * 2.0**attempt, getattr(error, "retry_after_s", 0.0))
                wait_s = min(wait_s, LONGEST_WAIT_S)
            else:
                return self._keep(name, body)
        assert failure is not None
        raise failure

    def _request(self, url: str, data: Mapping[str, str] | None, params: Mapping[str, str] | None) -> bytes:
        """Return the body of an answer that is complete within the time, whatever takes it."""
        late, came = threading.Event(), queue.SimpleQueue[bytes | Exception]()

        def work() -> None:
            try:
                came.put(self._body(url, data, params, late))
            except Exception as error:  # for the one who waits
                came.put(error)

        threading.Thread(target=work, daemon=True).start()
        try:
            found = came.get(timeout=self.timeout_s + TRANSFER_S)
        except queue.Empty:
            raise _TooSlowError from None
        finally:
            late.set()
        if isinstance(found, Exception):
            raise found
        return found

    def _body(
        self,
        url: str,
        data: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
        late: threading.Event,
    ) -> bytes:
        """Ask, and return the body."""
        agent = {
            "User-Agent": f"plugspan/{version('plugspan')} osmnx/{version('osmnx')}",
            "Accept-Encoding": "gzip",
        }
        with requests.request(
            "GET" if data is None else "POST",
            url,
            data=data,
            params=params,
            headers=agent,
            timeout=(CONNECT_TIMEOUT_S, self.timeout_s + GRACE_S),
            stream=True,
        ) as response:
            if response.status_code != 200:
                raise _Refused(response.status_code, response.headers.get("Retry-After"))
            try:
                return _unpacked(response, late)
            except ReadTimeoutError as error:
                raise requests.ReadTimeout(error) from error
            except HTTPError as error:
                raise requests.ConnectionError(error) from error

    def _keep(self, name: str, body: bytes) -> Path:
        path = self.cache_dir / name
        with write_file(path, overwrite=True, ours=Path.is_file) as part:
            part.write_bytes(body)
        return path


def _unpacked(response: requests.Response, late: threading.Event) -> bytes:
    """Take down an answer piece by piece, until it is complete, too large or too late."""
    packed = response.headers.get("Content-Encoding", "identity").strip().lower()
    if packed not in ("identity", "gzip"):
        raise UnusableAnswerError(packed[:40])
    opener = zlib.decompressobj(31) if packed == "gzip" else None
    room, pieces = MOST_MB * 1_000_000, []
    for piece in response.raw.stream(1 << 16, decode_content=False):
        try:
            plain = piece if opener is None else opener.decompress(piece, room + 1)
        except zlib.error as error:
            raise UnusableAnswerError("gzip") from error
        room -= len(plain)
        if room < 0:
            raise _TooLargeError
        pieces.append(plain)
        if late.is_set() or (opener is not None and opener.eof):
            break
    if opener is not None and not opener.eof:
        raise UnusableAnswerError("gzip")
    return b"".join(pieces)


class _Refused(Exception):  # noqa: N818
    """The server answered with another status than 200."""

    def __init__(self, status: int, retry_after: str | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.retry_after_s = parse_retry_after(retry_after)


def _worth_another_try(error: Exception, attempt: int) -> bool:
    """Whether a failure may mend by itself."""
    if isinstance(error, _Refused):
        return error.status in RETRIED_STATUS
    if isinstance(error, _TooLargeError):
        return False
    return attempt < NOBODY_THERE_RETRIES or not (isinstance(error, _TooSlowError) or _nobody_there(error))


def _nobody_there(error: Exception) -> bool:
    """Whether no connection came about: refused, no such name, no route, or a proxy or certificate in the way."""
    if isinstance(error, requests.exceptions.ProxyError | requests.exceptions.SSLError):
        return True
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(error, requests.ConnectionError) and isinstance(reason, NewConnectionError)


def parse_retry_after(value: str | None) -> float:
    """Seconds to wait by the header ``Retry-After`` (RFC 9110, 10.2.3); 0 if it says nothing that makes sense."""
    try:
        return float(Retry().parse_retry_after(value or ""))
    except (InvalidHeader, ValueError, OverflowError):  # endless digits, or a date in a year beyond reason
        return 0.0


def _failure(error: Exception, host: str, tries: int) -> NetworkError:
    """Say what went wrong and what to do."""
    if isinstance(error, _Refused):
        key = "download-busy" if error.status in RETRIED_STATUS else "download-refused"
        return NetworkError(key, host=host, status=error.status, tries=tries)
    if isinstance(error, _TooLargeError):
        return NetworkError("download-too-large", host=host, most=MOST_MB)
    if isinstance(error, _TooSlowError):
        return NetworkError("download-too-slow", host=host, tries=tries)
    if isinstance(error, requests.Timeout):
        return NetworkError("download-timeout", host=host, tries=tries)
    if isinstance(error, UnusableAnswerError):
        return NetworkError("download-garbled", host=host, tries=tries, reason=str(error))
    return NetworkError("download-unreachable", host=host, tries=tries)


def cache_name(suffix: str, *parts: str) -> str:
    """File name in the cache for a request."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32] + suffix
