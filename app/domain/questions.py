"""Question sets: questions with what a search for each should find, read from JSON."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from app.domain.errors import InvalidQuestionsError

MOST_QUESTIONS = 5000
MOST_ERRORS = 20
_QUESTION_CHARACTERS = 2000
_DOCUMENTS = 100
_QUOTES = 20
_NAME_CHARACTERS = 2048
_LARGEST_ID = 2**63 - 1
_FIELDS = ("question", "documents", "quotes", "answerable")


class _WrongQuestionError(Exception):
    """A question is not valid. The text says what is allowed."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question and what is expected of a search for it.

    Attributes:
        text: The question.
        documents: The expected documents, each by its id, or by its file name or source URL.
        quotes: Passages that the documents contain, and that the results should.
        answerable: Whether the documents answer it. If not, an answer should be refused.
    """

    text: str
    documents: tuple[int | str, ...] = ()
    quotes: tuple[str, ...] = ()
    answerable: bool = True

    @property
    def expected(self) -> dict[str, Any]:
        """Everything but the text, as JSON."""
        return {name: value for name, value in asdict(self).items() if name != "text"}


def read_lines(text: str) -> list[Question]:
    """Read JSON lines; empty lines are skipped.

    Raises:
        InvalidQuestionsError: it names the lines that are wrong.
    """
    lines = ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    return _read_all("line", ((number, _parse(line)) for number, line in lines))


def read_list(values: Iterable[Any]) -> list[Question]:
    """Read the questions of a JSON list.

    Raises:
        InvalidQuestionsError: it names the items that are wrong, counted from 1 as lines are.
    """
    return _read_all("question", enumerate(values, 1))


def _read_all(noun: str, values: Iterable[tuple[int, Any]]) -> list[Question]:
    """Read questions up to the first that is one too many: a million wrong lines would take seconds."""
    questions, errors, more = list[Question](), list[tuple[str, str]](), 0
    for number, value in islice(values, MOST_QUESTIONS + 1):
        try:
            questions.append(_read_one(value))
        except _WrongQuestionError as error:
            if len(errors) < MOST_ERRORS:
                errors.append((f"{noun} {number}", str(error)))
            else:
                more += 1
    if not errors and not questions:
        errors.append(("body", "Must have at least 1 question."))
    if not errors and len(questions) > MOST_QUESTIONS:
        errors.append(("body", f"Must have at most {MOST_QUESTIONS:,} questions."))
    if errors:
        raise InvalidQuestionsError(errors, more)
    return questions


def _parse(line: str) -> Any:
    """The value of a line; for text that is not JSON, the error that ``_read_one`` raises."""
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        return _WrongQuestionError(f"Is not valid JSON: {error.msg} (character {error.pos + 1}).")
    except (ValueError, RecursionError):
        return _WrongQuestionError("Is nested too deeply, or has a number of too many digits.")


def _read_one(value: Any) -> Question:
    """Read a question.

    Raises:
        _WrongQuestionError: the message says what is allowed.
    """
    if isinstance(value, _WrongQuestionError):
        raise value
    if not isinstance(value, Mapping):
        raise _WrongQuestionError('Must be a JSON object, such as {"question": "…", "documents": ["a.pdf"]}.')
    if unknown := [name for name in value if name not in _FIELDS]:
        raise _WrongQuestionError(f"{unknown[0][:100]!r} is unknown. The fields are: {', '.join(_FIELDS)}.")
    text = _read_text(value.get("question"), "question", _QUESTION_CHARACTERS)
    documents = tuple(_read_document(entry) for entry in _read_items(value, "documents", _DOCUMENTS))
    quotes = tuple(_read_text(entry, "quotes", _QUESTION_CHARACTERS) for entry in _read_items(value, "quotes", _QUOTES))
    answerable = value.get("answerable", True)
    if not isinstance(answerable, bool):
        raise _WrongQuestionError("answerable: Must be true or false.")
    if answerable and not documents and not quotes:
        raise _WrongQuestionError("Must name expected documents or quotes, or have answerable: false.")
    if not answerable and (documents or quotes):
        raise _WrongQuestionError("answerable: A question that has no answer expects no documents and no quotes.")
    return Question(text, documents, quotes, answerable)


def _read_items(value: Mapping[str, Any], name: str, most: int) -> list[Any]:
    items = value.get(name) or []
    if not isinstance(items, list):
        raise _WrongQuestionError(f"{name}: Must be a list.")
    if len(items) > most:
        raise _WrongQuestionError(f"{name}: Must have at most {most} items.")
    return items


def _read_text(value: Any, name: str, most: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _WrongQuestionError(f"{name}: Must be text that is not empty.")
    if len(value) > most:
        raise _WrongQuestionError(f"{name}: Must have at most {most} characters.")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise _WrongQuestionError(f"{name}: Must be valid Unicode text without NUL.")
    return value.strip()


def _read_document(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= _LARGEST_ID:
            raise _WrongQuestionError("documents: An id must be at least 1.")
        return value
    if not isinstance(value, str):
        raise _WrongQuestionError("documents: Each must be an id (a number), or a file name or source URL (text).")
    return _read_text(value, "documents", _NAME_CHARACTERS)
