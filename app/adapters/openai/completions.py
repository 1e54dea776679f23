"""Reads completions in OpenAI's protocol: whole ones, and those that arrive as server-sent events."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.adapters.openai.errors import translate_event
from app.domain.errors import (
    ProviderDownError,
    ProviderFilteredError,
    ProviderRefusedError,
    ProviderRequestError,
    SluiceError,
)

_DONE = "[DONE]"
# NUL cannot be stored in the database. Invisible characters would hide the marks of citations, or reorder the text.
_REMOVED = dict.fromkeys([0, 0x200B, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_LONGEST = 16 * 1024 * 1024
"""The largest number of characters of a response, most of which are the frames of its events."""


@dataclass
class Answer:
    """What a model has answered so far. Its reasoning is left out where the server separates it."""

    text: str = ""
    reason: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    is_refused: bool = False
    has_tool_calls: bool = False

    def check(self, provider: str, model: str, max_tokens: int) -> None:
        """Check that there is an answer.

        Raises:
            ProviderFilteredError, ProviderRefusedError: the provider withholds it.
            ProviderRequestError: all tokens were used before it began.
            ProviderDownError: it is empty for another reason; another attempt may be better.
        """
        if self.reason == "content_filter":
            raise ProviderFilteredError(f"{provider}: a content filter withheld the answer.")
        if self.text.strip():
            return
        if self.is_refused:
            raise ProviderRefusedError(f"{provider}: {model} refused to answer.")
        if self.reason == "length":
            raise ProviderRequestError(f"{provider}: {model} used all {max_tokens} tokens before it answered.")
        if self.has_tool_calls:
            raise ProviderDownError(f"{provider}: {model} called a tool, though none was offered.")
        raise ProviderDownError(f"{provider}: the answer of {model} is empty.")


class CompletionReader:
    """Reads the lines of a response: events, or one JSON document from a server that does not stream.

    Args:
        provider: The name of the provider, for error messages.
        secret: The API key, which is removed from error messages.
    """

    def __init__(self, provider: str, secret: str | None = None) -> None:
        self.answer = Answer()
        self._provider = provider
        self._secret = secret
        self._whole: list[str] = []
        self._size = 0
        self._has_events = self.is_done = False

    def feed(self, line: str) -> str | None:
        """Read one line; returns the text in it, and None if the line contains nothing of an answer.

        Raises:
            ProviderDownError, ProviderContextError, ProviderFilteredError
        """
        self._size += len(line)
        if self._size > _LONGEST:
            raise ProviderDownError(f"The answer of {self._provider} is too long.")
        name, _, value = line.partition(":")
        if name == "data":
            self._has_events = True
            return self._read_event(value.strip())
        if not self._has_events and name not in {"", "event", "id", "retry"}:
            self._whole.append(line)
        return None

    def end(self) -> str:
        """Read the rest at the end of the response; returns its text.

        Raises:
            ProviderDownError: the response is no completion, or ended in the middle of one.
        """
        if not self._has_events:
            body = "\n".join(self._whole)
            return self.read_whole(body.encode("utf-8", "replace"))
        if not self.is_done and self.answer.reason is None:
            raise ProviderDownError(f"{self._provider} closed the connection in the middle of an answer.")
        return ""

    def read_whole(self, body: bytes) -> str:
        """Read a completion that arrived as one JSON document; returns its text."""
        try:
            parsed = json.loads(body)
            if isinstance(parsed, dict) and parsed.get("error") and "choices" not in parsed:
                raise self._translate(parsed["error"])
            choice = parsed["choices"][0]
            return self._read_choice(choice, choice["message"], parsed)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            raise ProviderDownError(f"The answer of {self._provider} cannot be read.") from None

    def _read_event(self, data: str) -> str | None:
        if not data or self.is_done:
            return None
        if data == _DONE:
            self.is_done = True
            return ""
        try:
            parsed = json.loads(data)
            if error := parsed.get("error"):
                raise self._translate(error)
            choices = parsed.get("choices") or []
            choice: Any = next((choice for choice in choices if not choice.get("index")), {})
            return self._read_choice(choice, choice.get("delta") or choice.get("message") or {}, parsed)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            raise ProviderDownError(f"The answer of {self._provider} cannot be read.") from None

    def _read_choice(self, choice: Any, message: Any, parsed: Any) -> str:
        text = read_content(message.get("content"))
        answer = self.answer
        answer.text += text
        answer.reason = choice.get("finish_reason") or answer.reason
        answer.is_refused = answer.is_refused or bool(message.get("refusal"))
        answer.has_tool_calls = answer.has_tool_calls or bool(message.get("tool_calls") or message.get("function_call"))
        if isinstance(usage := parsed.get("usage"), dict):
            answer.usage = usage
        return text

    def _translate(self, error: object) -> SluiceError:
        return translate_event(self._provider, error, secret=self._secret)


def read_content(content: object) -> str:
    """The text of a message: a string, or a list of parts of which those of type text count."""
    if isinstance(content, str):
        return content.translate(_REMOVED)
    if not isinstance(content, list):
        return ""
    parts = (part for part in content if isinstance(part, dict))
    texts = (part.get("text") for part in parts if part.get("type", "text") in {"text", "output_text"})
    return "".join(read_content(text if isinstance(text, str) else None) for text in texts)
