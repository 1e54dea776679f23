"""The interfaces to the outside world. ``app.adapters`` implements them; ``app.bootstrap`` chooses the adapters."""

from app.domain.ports.mail import Mailer
from app.domain.ports.models import BatchIndexer, ChatModel, Embedder, OnText, RateLimiter, Reranker
from app.domain.ports.rates import CountedRequest, RequestCounter
from app.domain.ports.storage import BlobStore, BlobWriter, StoredFile
from app.domain.ports.vectors import VectorStore
from app.domain.ports.web import PageReader, RobotsReader, RobotsRules
from app.domain.ports.webhooks import WebhookSender
from app.domain.ports.work import Alarm, Doorbell, Parser, TaskWatch

__all__ = [
    "Alarm",
    "BatchIndexer",
    "BlobStore",
    "BlobWriter",
    "ChatModel",
    "CountedRequest",
    "Doorbell",
    "Embedder",
    "Mailer",
    "OnText",
    "PageReader",
    "Parser",
    "RateLimiter",
    "RequestCounter",
    "Reranker",
    "RobotsReader",
    "RobotsRules",
    "StoredFile",
    "TaskWatch",
    "VectorStore",
    "WebhookSender",
]
