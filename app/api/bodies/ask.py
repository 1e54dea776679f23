"""Bodies of questions, and of the events by which an answer arrives."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from app.api.bodies.fields import example
from app.api.bodies.results import REFERENCE, Reference
from app.api.bodies.search import Text
from app.api.bodies.webpages import CallbackUrl

_MOST_TURNS = 20
_CITATION = {"number": 1, **REFERENCE}


class Turn(BaseModel):
    """What was said before the question."""

    model_config = example(
        {"role": "user", "content": "What is the maximum draught at the Alder Gate?"}, extra="forbid"
    )

    role: Literal["user", "assistant"] = Field(description="Who said it.")
    content: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8000)] = Field(
        description="A question of the user, or an answer."
    )


class AskRequest(BaseModel):
    """A question that an agent's documents answer."""

    model_config = example(
        {"question": "What is the maximum draught at the Alder Gate?"}, extra="forbid", populate_by_name=True
    )

    question: Text = Field(description="A question, in any language.")
    top_k: int = Field(5, ge=1, le=50, description="Maximum number of passages that the answer is based on.")
    where: dict[str, Any] | None = Field(
        None, alias="filter", description="A filter of the documents, as a search has it.", examples=[{"year": 2026}]
    )
    callback_url: CallbackUrl = None
    history: list[Turn] = Field(
        default_factory=list,
        max_length=_MOST_TURNS,
        description=(
            "The conversation before the question, oldest first. A question that depends on it, such as *And when does "
            "it open?*, is rewritten into one that can be understood alone; the result shows it as `question`."
        ),
        examples=[
            [
                {"role": "user", "content": "What is the maximum draught at the Alder Gate?"},
                {"role": "assistant", "content": "Its maximum draught is 2.4 metres. [1]"},
            ]
        ],
    )


class Citation(Reference):
    """A reference that a sentence cites, with its number in the answer."""

    model_config = example(_CITATION)

    number: int = Field(description="The number of the reference: the mark `[1]` has the number 1.")


class SentenceEvent(BaseModel):
    """A sentence of an answer. Its citations are verified."""

    model_config = example({"attempt": 1, "text": "Its maximum draught is 2.4 metres. [1]", "citations": [_CITATION]})

    attempt: int = Field(description="The attempt of the task that wrote it.")
    text: str = Field(description="The sentence, with the white space before it. Concatenated, they are the answer.")
    citations: list[Citation] = Field(
        description="The references that it cites, each with the passage that supports this sentence."
    )


class RestartEvent(BaseModel):
    """The answer is written anew: the client discards the sentences that it has received."""

    model_config = example(
        {"attempt": 2, "message": "The answer is written anew. Discard the sentences received so far."}
    )

    attempt: int = Field(description="The attempt that writes it now.")
    message: str = Field(description="What happened, for people.")
