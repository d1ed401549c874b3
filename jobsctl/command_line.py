"""Arguments that several commands take, and how they show what they did."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer
from pydantic import BaseModel

Organization = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="Its id, such as org-acme")]
ProjectId = Annotated[str, typer.Argument(metavar="PROJECT", help="Its id, such as proj_xyz")]
TokenId = Annotated[str, typer.Argument(metavar="TOKEN_ID", help="Its id, as `token list` shows it")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting; a value that is not JSON is a text; repeatable"),
]


def parsed(settings: Iterable[str] | None) -> dict[str, Any]:
    """Return `--set` options as fields; raises BadParameter."""
    return dict(_setting(setting) for setting in settings or ())


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def show(answer: BaseModel | dict[str, Any]) -> None:
    """Print an answer as JSON."""
    document = answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer
    typer.echo(json.dumps(document, indent=2))


def show_all(answers: Iterable[BaseModel], leave_out: set[str] | None = None) -> None:
    """Print answers as a JSON list."""
    typer.echo(json.dumps([answer.model_dump(mode="json", exclude=leave_out) for answer in answers], indent=2))
