"""Makes the answer that `kubectl get` shows: a Table of objects instead of the objects."""

from datetime import datetime
from typing import Any

from local.cluster.api.columns import TABLES
from local.cluster.kinds import Kind
from local.cluster.storage import Object


def table(kind: Kind, objects: list[Object], now: datetime, include: str, metadata: dict[str, Any]) -> Object:
    """Return a metav1.Table of objects; `include` is the includeObject parameter: None, Metadata or Object."""
    columns, cells = TABLES[kind.resource]
    rows = [{"cells": cells(obj, now), **_row_object(obj, include)} for obj in objects]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [column.as_dict() for column in columns],
        "rows": rows,
    }


def _row_object(obj: Object, include: str) -> Object:
    if include == "Object":
        return {"object": obj}
    if include == "None":
        return {"object": None}
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
    return {"object": partial}
