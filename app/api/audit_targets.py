"""What an entry of the audit log says about a request: the things it wrote, and the names of its fields."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.types import Scope

# No route answers a write with more, except lists, which name nothing that was created.
_LONGEST_RESPONSE = 64 * 1024
_MOST = 20
_ID = re.compile(r"[0-9]{1,19}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_VALUE = re.compile(r"[\w.:-]{1,100}")
_NAME = re.compile(r"[a-z_]{1,40}")
_SUFFIX = "_id"


def find_targets(path: str, parameters: Mapping[str, Any], headers: Headers, body: bytes) -> list[str]:
    """The things that a request wrote, each as ``kind:id``.

    Args:
        path: The template of the route.
        parameters: The parameters in the path.
        headers: Those of the response. A ``Location`` names what was created.
        body: The response; the ids in the first level of its JSON name what was created.
    """
    location = headers.get("location", "").rpartition("/")
    found = [
        *((_name_kind(path, name), str(value)) for name, value in parameters.items()),
        *_read_ids(path, headers, body),
        *([(_singular(location[0].rpartition("/")[2]), location[2])] if _ID.fullmatch(location[2]) else []),
    ]
    targets = [f"{kind}:{value}" for kind, value in found if _NAME.fullmatch(kind) and _VALUE.fullmatch(value)]
    return list(dict.fromkeys(targets))[:_MOST]


@cache  # of the routes, which are few
def _name_kind(path: str, parameter: str) -> str:
    """The kind of thing that a parameter of a path names: ``agent`` for ``/agents/{agent_id}``.

    The segment before it is more exact where it ends with the parameter's name: ``/api-keys/{key_id}``.
    """
    segments = path.split("/")
    place = next((place for place, segment in enumerate(segments) if segment == f"{{{parameter}}}"), 0)
    before = _singular(segments[place - 1]) if place else ""
    name = parameter.removesuffix(_SUFFIX)
    return before if name == parameter or before.endswith(name) else name


def _singular(segment: str) -> str:
    word = segment.replace("-", "_")
    return f"{word.removesuffix('ies')}y" if word.endswith("ies") else word.removesuffix("s")


def _read_ids(path: str, headers: Headers, body: bytes) -> Iterator[tuple[str, str]]:
    """The ids in the first level of a response in JSON: ``task_id``, and the ``id`` of the created thing."""
    if not body or len(body) > _LONGEST_RESPONSE or "json" not in headers.get("content-type", ""):
        return
    with suppress(ValueError, RecursionError):
        answer = json.loads(body)
        for name, value in answer.items() if isinstance(answer, dict) else ():
            if not isinstance(value, (int, str)) or not _ID.fullmatch(str(value)):
                continue
            if name.endswith(_SUFFIX):
                yield name.removesuffix(_SUFFIX), str(value)
            elif name == "id" and not path.endswith("}") and "document_id" not in answer:
                yield _singular(path.rpartition("/")[2]), str(value)


def find_fields(scope: Scope, body: bytes) -> list[str]:
    """The names of the fields that a request in JSON gives, without their values.

    Only names that the route's model declares, of the first two levels: ``settings.weight``. Other names are the
    client's own texts, such as the keys of ``metadata``.
    """
    field = getattr(scope.get("route"), "body_field", None)
    if field is None or not body:
        return []
    with suppress(ValueError, RecursionError):
        return sorted(_name_fields(_find_model(field.field_info.annotation), json.loads(body)))[: 5 * _MOST]
    return []


def _name_fields(model: type[BaseModel] | None, given: Any, *, nested: bool = True) -> Iterator[str]:
    if model is None or not isinstance(given, dict):
        return
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in given:
            continue
        within = list(_name_fields(_find_model(field.annotation), given[key], nested=False)) if nested else []
        yield from (f"{key}.{name}" for name in within) if within else [key]


def _find_model(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation names, alone or as one of several types."""
    for option in (annotation, *get_args(annotation)):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None
