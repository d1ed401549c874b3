"""The descriptions and examples of docs/openapi.json. Each must be used, and none may be missing."""

import re
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent


def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text())
    return read


def _unwrapped(content: Any) -> Any:
    """Put each paragraph on one line, which Markdown renders alike."""
    if isinstance(content, dict):
        return {name: _unwrapped(part) for name, part in content.items()}
    return re.sub(r"(?<!\n)\n(?!\n)", " ", content) if isinstance(content, str) else content


class MissingWords(LookupError):
    """The API has something that the files in words/ do not explain, or they explain what it does not have."""


_PARTS = {"tag", "summary", "description", "answer"}


class Words:
    """The content of the files; records which parts were used, so that unused ones are found."""

    def __init__(self) -> None:
        files = ("operations", "schemas", "parameters", "errors")
        self.operations, self.schemas, self.parameters, self.errors = (_unwrapped(_read(name)) for name in files)
        self.examples = _read("examples")
        self._asked: set[tuple[str, ...]] = set()

    def operation(self, function: str) -> dict[str, Any]:
        """Return the description of a call."""
        described = dict(self._used(self.operations, "operations", function))
        if missing := _PARTS - described.keys():
            raise MissingWords(f"local/openapi/words/operations.yaml lacks {sorted(missing)} of {function}")
        return described

    def parameter(self, function: str, name: str) -> str:
        """Return the description of a call's parameter."""
        own = f"{function} {name}"
        return str(self._used(self.parameters, "parameters", own if own in self.parameters else name))

    def error(self, code: str) -> dict[str, str]:
        """Return the description of an error code, and an example message."""
        return dict(self._used(self.errors, "errors", code))

    def schema(self, name: str) -> str:
        """Return the description of a schema, by its name in the document."""
        return str(self._used(self.schemas, "schemas", name)["description"])

    def field(self, schema: str, name: str) -> str:
        """Return the description of a schema's field, from the schema or from the one whose descriptions it shares."""
        described = self._used(self.schemas, "schemas", schema)
        if name in described.get("fields", {}):
            self._asked.add(("fields", schema, name))
            return str(described["fields"][name])
        if "like" not in described:
            raise MissingWords(f"local/openapi/words/schemas.yaml says nothing of the field {name} of {schema}")
        return self.field(described["like"], name)

    def example(self, kind: str, name: str) -> Any:
        """Return an example of `bodies` or `answers`."""
        return self._used(self.examples[kind], kind, name)

    def field_example(self, schema: str, name: str) -> Any:
        """Return an example of a field that no whole example has, of this schema or of all that have the field."""
        own = f"{schema}.{name}"
        return self._used(
            self.examples["fields"], "fields of examples", own if own in self.examples["fields"] else name
        )

    def public_names(self) -> dict[str, str]:
        """Return the document's names of the classes that have another name there."""
        return {said["model"]: name for name, said in self.schemas.items() if "model" in said}

    def all_said(self) -> None:
        """Raise MissingWords if a file describes something that the API does not have."""
        kinds = {"operations": self.operations, "schemas": self.schemas, "parameters": self.parameters}
        kinds |= {"errors": self.errors, "bodies": self.examples["bodies"], "answers": self.examples["answers"]}
        kinds |= {"fields of examples": self.examples["fields"]}
        there: set[tuple[str, ...]] = {(kind, name) for kind, said in kinds.items() for name in said}
        there |= {("fields", name, field) for name, said in self.schemas.items() for field in said.get("fields", {})}
        if unused := there - self._asked:
            raise MissingWords(f"local/openapi/words explains what the API has no longer: {sorted(unused)}")

    def _used(self, content: dict[str, Any], kind: str, name: str) -> Any:
        self._asked.add((kind, name))
        if name not in content:
            file = (
                f"examples.yaml, {kind}," if kind in self.examples or kind == "fields of examples" else f"{kind}.yaml"
            )
            raise MissingWords(f"local/openapi/words/{file} says nothing of {name}")
        return content[name]


words = Words()
