"""Usage: what is counted, for analytics and bills."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

CHARACTERS_A_TOKEN = 4
"""The tokens of a local model are estimated by the characters of the text: nothing is charged for them."""


class UsageKind(StrEnum):
    """The work that used something."""

    DOCUMENT = "document"
    DELETION = "deletion"
    SPECIFICATION = "specification"
    PROFILE = "profile"
    EMBEDDING = "embedding"
    CHAT = "chat"
    RERANK = "rerank"
    SEARCH = "search"
    QUESTION = "question"
    EVALUATION = "evaluation"


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """Something that was used.

    Attributes:
        organization_id: The organization.
        agent_id: Its agent; the internal one for work of the organization itself.
        kind: The work.
        model: The model of the tokens; empty for work without one.
        task_id: The task that did the work, if one did. For searches, the batch that they were recorded in.
        documents: New documents.
        pages: Pages of the documents that were read.
        characters: Characters of their text.
        chunks: Chunks that were stored.
        tokens_in: Tokens that a model read.
        tokens_out: Tokens that a model wrote.
        stored_bytes: Bytes of files that are stored from now on, or no longer, as a negative number.
        searches: Searches, one for each agent that was searched.
        questions: Questions that were answered.
    """

    organization_id: int
    agent_id: int
    kind: UsageKind
    model: str = ""
    task_id: UUID | None = None
    documents: int = 0
    pages: int = 0
    characters: int = 0
    chunks: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    stored_bytes: int = 0
    searches: int = 0
    questions: int = 0


def estimate_tokens(characters: int) -> int:
    """The approximate number of tokens of a text."""
    return -(-characters // CHARACTERS_A_TOKEN)
