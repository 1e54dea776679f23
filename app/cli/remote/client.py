"""The HTTP client of the command line.

httpx is imported with the first client, not with this module: help is shown without it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from app.cli.output import CommandError
from app.cli.remote.place import Place

if TYPE_CHECKING:
    import httpx

_ANSWER_SECONDS, _CONNECT_SECONDS = 120.0, 5.0
_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
_LONGEST_PAUSE = 30.0
_BAD_USAGE = 2
_LATER = {HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


class ApiError(CommandError):
    """The API refused a request. ``problem`` is the response's body (RFC 9457)."""

    def __init__(self, problem: dict[str, Any], hint: str = "") -> None:
        self.problem = problem
        names = [problem["code"], *([f"request {problem['request_id']}"] if problem.get("request_id") else [])]
        message = f"{problem['detail']} ({', '.join(names)}){hint}"
        super().__init__(message, _BAD_USAGE if problem["code"].startswith("invalid_") else 1)


class UnreachableError(CommandError):
    """No server answers at the address."""

    def __init__(self, place: Place, error: Exception) -> None:
        reason = re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
        super().__init__(f"Sluice does not answer at {place.url} ({reason}). {place.hint}")


class Client:
    """Requests to the API. Every write carries an ``Idempotency-Key``, so that it can be repeated without harm."""

    def __init__(self, place: Place) -> None:
        import httpx  # noqa: PLC0415

        self.place = place
        self._http = httpx.Client(base_url=place.url, **make_options(place))
        self._reached = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """GET below ``/api/v1``. Parameters that are None are not sent."""
        given = {name: value for name, value in parameters.items() if value is not None}
        return read(self._request("GET", path, params=given), self.place)

    def get_text(self, path: str, **parameters: Any) -> str:
        """GET a text below ``/api/v1``."""
        return check(self._request("GET", path, params=parameters), self.place).text

    def post(self, path: str, body: Any = None) -> Any:
        """POST JSON below ``/api/v1``."""
        return read(self._request("POST", path, json=body), self.place)

    def query(self, path: str, body: Any) -> Any:
        """POST JSON that asks for data below ``/api/v1``. It changes nothing, so that the API keeps no response."""
        return read(self._repeat("POST", f"/api/v1{path}", {"json": body}), self.place)

    def patch(self, path: str, body: Any) -> Any:
        """PATCH JSON below ``/api/v1``."""
        return read(self._request("PATCH", path, json=body), self.place)

    def put(self, path: str, body: Any) -> Any:
        """PUT JSON below ``/api/v1``."""
        return read(self._request("PUT", path, json=body), self.place)

    def delete(self, path: str) -> Any:
        """DELETE below ``/api/v1``."""
        return read(self._request("DELETE", path), self.place)

    def upload(self, path: str, field: str, files: list[Path], form: dict[str, str]) -> Any:
        """POST files as a form below ``/api/v1``. They are read from disk while they are sent."""
        return read(self._request("POST", path, files=(field, files), data=form), self.place)

    def download(self, path: str, target: Path) -> None:
        """GET a file below ``/api/v1`` and write it to ``target``, which appears when it is complete.

        Raises:
            CommandError: the file cannot be written.
        """
        import httpx  # noqa: PLC0415

        part = target.with_name(f"{target.name}.part")
        try:
            with self._http.stream("GET", f"/api/v1{path}") as response:
                if response.is_error:
                    response.read()
                check(response, self.place)
                with part.open("wb") as file:
                    for piece in response.iter_bytes():
                        file.write(piece)
            part.replace(target)
        except httpx.TransportError as error:
            part.unlink(missing_ok=True)
            raise UnreachableError(self.place, error) from error
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise CommandError(f"{target} cannot be written ({error.strerror}). Name another file.") from error

    def stream(self, path: str, parameters: Mapping[str, Any], seen: str = "") -> Iterator[tuple[str, str]]:
        """GET server-sent events below ``/api/v1``: the fields of each, by name, with the ``data`` last.

        ``seen`` is the id of the last event that was received. Ends when the server ends the stream.
        """
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": seen} if seen else {})}
        with self._http.stream("GET", f"/api/v1{path}", params=dict(parameters), headers=headers) as response:
            if response.is_error:
                response.read()
            check(response, self.place)
            event: dict[str, str] = {}
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if line:
                    event[name] = value
                    continue
                data = event.pop("data", None)
                yield from event.items()
                if data is not None:
                    yield "data", data
                event = {}

    def count_workers(self) -> int | None:
        """The number of running workers; None if the installation does not report it."""
        answer = self._repeat("GET", "/readyz", {})
        return answer.json().get("workers") if answer.headers.get("content-type") == "application/json" else None

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        if method != "GET":
            options["headers"] = {"Idempotency-Key": str(uuid4())}
        return self._repeat(method, f"/api/v1{path}", options)

    def _repeat(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        """Send a request, again after a lost connection, and when the server says when to try again.

        Raises:
            UnreachableError: no server answers.
        """
        import httpx  # noqa: PLC0415

        for pause in (*_PAUSES, None):
            try:
                with _open_files(options) as opened:
                    response = self._http.request(method, path, **opened)
            except httpx.TransportError as error:
                # A server that never answered is not there. One that did may be about to start again.
                if pause is None or not self._reached:
                    raise UnreachableError(self.place, error) from error
                time.sleep(pause)
                continue
            self._reached = True
            wait = _find_pause(response, pause)
            if wait is None:
                return response
            time.sleep(wait)
        raise AssertionError  # pragma: no cover - the last round returns or raises


@contextmanager
def _open_files(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Open the files of a form. A repeated request reads them from their start."""
    with ExitStack() as stack:
        if "files" in options:
            field, paths = options["files"]
            opened = [(field, (path.name, stack.enter_context(path.open("rb")))) for path in paths]
            yield {**options, "files": opened}
        else:
            yield options


def _find_pause(response: httpx.Response, pause: float | None) -> float | None:
    """Seconds until the request is repeated; None if the response is final."""
    after = response.headers.get("Retry-After", "")
    if pause is None or response.status_code not in _LATER or not after.isdecimal():
        return None
    return float(after) if float(after) <= _LONGEST_PAUSE else None


def make_options(place: Place) -> dict[str, Any]:
    """The options of an httpx client for an installation."""
    import httpx  # noqa: PLC0415

    headers = {"Authorization": f"Bearer {place.key}"} if place.key else {}
    timeout = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
    return {"headers": headers, "timeout": timeout, "trust_env": not place.is_local}


def check(response: httpx.Response, place: Place) -> httpx.Response:
    """Return a successful response.

    Raises:
        ApiError: the API refused the request.
        CommandError: the server is not Sluice.
    """
    if response.is_success:
        return response
    try:
        problem: dict[str, Any] = response.json()
        problem["code"], problem["detail"]
    except (KeyError, TypeError, ValueError):
        raise _not_sluice(response, place) from None
    hint = ""
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        hint = "\nOn the machine of the installation, this makes a key: ./sluice keys create NAME --local"
    raise ApiError(problem, hint)


def read(response: httpx.Response, place: Place) -> Any:
    """The JSON of a successful response; None if it has no body.

    Raises:
        ApiError: the API refused the request.
        CommandError: the server is not Sluice.
    """
    check(response, place)
    if response.status_code == HTTPStatus.NO_CONTENT:
        return None
    try:
        return response.json()
    except ValueError:
        raise _not_sluice(response, place) from None


def _not_sluice(response: httpx.Response, place: Place) -> CommandError:
    return CommandError(f"The server at {place.url} is not Sluice: {response.url.path} answers {response.status_code}.")
