"""The only place where adapters are chosen: settings in, services out."""

from app.bootstrap.choices import check_choices, check_store
from app.bootstrap.database import check_database, check_schema, find_schema_differences, prepare_database
from app.bootstrap.error_reports import report_errors, send_reports
from app.bootstrap.models import Embedders, choose_reranker, describe_embedding
from app.bootstrap.schedules import open_schedules
from app.bootstrap.services import Services, build_services
from app.bootstrap.storage import check_storage, choose_blobs
from app.bootstrap.stores import check_index
from app.bootstrap.web import choose_page_reader

__all__ = [
    "Embedders",
    "Services",
    "build_services",
    "check_choices",
    "check_database",
    "check_index",
    "check_schema",
    "check_storage",
    "check_store",
    "choose_blobs",
    "choose_page_reader",
    "choose_reranker",
    "describe_embedding",
    "find_schema_differences",
    "open_schedules",
    "prepare_database",
    "report_errors",
    "send_reports",
]
