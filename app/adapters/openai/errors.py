"""Translates errors of OpenAI's client and of servers into Sluice's."""

import math
import re
import time
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from http import HTTPStatus
from typing import Any

from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError

from app.domain.errors import (
    ProviderBusyError,
    ProviderContextError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderFilteredError,
    ProviderRequestError,
    SluiceError,
)

_REFUSED = frozenset({401, 402, 403, 404, 405})  # wrong key, account, model or address
_REJECTED = frozenset({400, 413, 414, 415, 422, 431})
_ACCOUNT_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "account_deactivated"}
)
"""Codes that arrive with 429 although waiting does not help."""
_MODEL_CODES = frozenset({"model_not_found", "invalid_api_key"})
_CONTEXT = re.compile(
    r"context_length_exceeded|context_window_exceeded|exceed_context_size|string_above_max_length"
    r"|(?:maximum|max|exceed\w*)\W+(?:[\w'’]+\W+){0,6}context|context\W+(?:length|window|size)"  # noqa: RUF001
    r"|(?:prompt|input|request|messages?)\W+(?:is|are|was|were)\W+too\W+(?:long|large)|too\W+many\W+(?:input\W+)?tokens"
    r"|reduce\W+the\W+length",
    re.IGNORECASE,
)
"""How servers say that a request is longer than the model's context, in a code or a message."""
_FILTERED = re.compile(r"content_filter|content_policy|ResponsibleAI", re.IGNORECASE)
_LONGEST_WAIT = 86_400.0
_LONGEST_DETAIL = 300
_KEY = re.compile(r"\bsk-[\w*.-]+")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")


def translate(provider: str, error: OpenAIError, *, secret: str | None = None) -> SluiceError:
    """Translate an error of the client.

    Args:
        provider: The name of the provider, for the detail.
        error: The error.
        secret: The API key. Servers repeat it in messages; it is removed from the detail.
    """
    if isinstance(error, APIStatusError):
        return _translate_status(provider, error, secret)
    if isinstance(error, APITimeoutError):
        return ProviderDownError(f"{provider} did not answer in time.")
    if isinstance(error, APIConnectionError):
        return ProviderDownError(f"{provider} cannot be reached ({_name_cause(error)}).")
    return ProviderDownError(f"{provider} failed ({type(error).__name__}).")


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait that a server states; None if it states none.

    ``retry-after-ms`` and ``retry-after`` (seconds or a date) come first. Then OpenAI's ``x-ratelimit-reset-…``: the
    time after which a limit is restored. The longest of the exhausted limits counts, else the shortest of all.
    """
    waits = (
        _read_seconds(headers.get("retry-after-ms"), 0.001),
        _read_seconds(headers.get("retry-after"), 1.0),
        _read_date(headers.get("retry-after")),
        _read_resets(headers),
    )
    wait = next((wait for wait in waits if wait is not None), None)
    return None if wait is None else min(max(wait, 0.0), _LONGEST_WAIT)


def describe(error: APIStatusError, *, secret: str | None = None) -> str:
    """The message of a server, on one line, shortened and without the key."""
    return _shorten(_find_message(error.body), secret)


def _shorten(message: str, secret: str | None) -> str:
    if secret:
        message = message.replace(secret, "***")
    message = _KEY.sub("***", " ".join(message.split()))
    return message[: _LONGEST_DETAIL - 1] + "…" if len(message) > _LONGEST_DETAIL else message


def translate_event(provider: str, body: object, *, secret: str | None = None) -> SluiceError:
    """Translate an error that a server sends within a stream."""
    message = _shorten(_find_message(body), secret)
    codes = " ".join(str(body.get(name)) for name in ("code", "type")) if isinstance(body, Mapping) else ""
    detail = f"{provider} ended the answer with an error{': ' if message else ''}{message}"
    if is_too_long(f"{codes} {message}"):
        return ProviderContextError(detail)
    return ProviderFilteredError(detail) if _FILTERED.search(codes) else ProviderDownError(detail)


def is_too_long(message: str) -> bool:
    """Whether an error says that the request is longer than the model's context."""
    return bool(_CONTEXT.search(message))


def _translate_status(provider: str, error: APIStatusError, secret: str | None) -> SluiceError:
    status = error.status_code
    message = describe(error, secret=secret)
    request = f" (request {error.request_id[:100]})" if error.request_id else ""
    detail = f"{provider} answered {status}{': ' if message else ''}{message}{request}"
    codes = {error.code, error.type}
    if status in _REFUSED or codes & _ACCOUNT_CODES or codes & _MODEL_CODES:
        return ProviderCredentialsError(detail)
    if is_too_long(f"{error.code} {error.type} {message}") and status != HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderContextError(detail)
    if status in _REJECTED:
        filtered = _FILTERED.search(f"{error.code} {error.type}")
        return ProviderFilteredError(detail) if filtered else ProviderRequestError(detail)
    busy = ProviderBusyError if status == HTTPStatus.TOO_MANY_REQUESTS else ProviderDownError
    return busy(detail, retry_after=read_retry_after(error.response.headers))


def _find_message(body: object) -> str:
    """The message in the body of an error, in any of the usual forms; empty for an HTML page."""
    if isinstance(body, Mapping):
        found = next((body[name] for name in ("message", "detail", "error", "msg") if body.get(name)), "")
        location = body.get("loc")  # the parameter, in errors of FastAPI
        return (f"{location}: " if location else "") + _find_message(found)
    if isinstance(body, list):
        return "; ".join(filter(None, map(_find_message, body)))
    text = body if isinstance(body, str) else ""
    return "" if text.lstrip().startswith("<") else text


def _name_cause(error: BaseException) -> str:
    """The class of the innermost exception, which names what went wrong on the connection."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return type(error).__name__


def _read_seconds(value: str | None, unit: float) -> float | None:
    try:
        seconds = float(value or "") * unit
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _read_date(value: str | None) -> float | None:
    try:
        parsed = parsedate_tz(value or "")
        return None if parsed is None else mktime_tz(parsed) - time.time()
    except (ValueError, OverflowError):
        return None


def _read_resets(headers: Mapping[str, str]) -> float | None:
    resets: dict[str, float] = {
        limit: wait
        for limit in ("requests", "tokens")
        if (wait := _read_duration(headers.get(f"x-ratelimit-reset-{limit}"))) is not None
    }
    used_up = [wait for limit, wait in resets.items() if headers.get(f"x-ratelimit-remaining-{limit}") == "0"]
    return max(used_up) if used_up else min(resets.values(), default=None)


def _read_duration(value: Any) -> float | None:
    """Parse a duration such as ``6m0s`` or ``120ms`` into seconds."""
    parts = _DURATION.findall(value or "")
    if not parts or "".join(number + unit for number, unit in parts) != value:
        return _read_seconds(value, 1.0)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
