"""Which commands may run, by example."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.model.commands import DBT_SUBCOMMANDS, InvalidCommand, ProjectType, job_type, parse_command
from jobs_api.model.words import split

ACCEPTED_DBT = [
    ("dbt build", ["dbt", "build"]),
    ("dbt run --select models/core", ["dbt", "run", "--select", "models/core"]),
    ("dbt run --select +orders+ @customers tag:nightly,config.materialized:table", None),
    ("dbt run -s *", ["dbt", "run", "-s", "*"]),
    ('dbt run --vars \'{"day": "2026-04-28"}\'', ["dbt", "run", "--vars", '{"day": "2026-04-28"}']),
    ('dbt run --vars "{day: 2026-04-28}"', ["dbt", "run", "--vars", "{day: 2026-04-28}"]),
    ("dbt run-operation grant --args '{role: reader}'", ["dbt", "run-operation", "grant", "--args", "{role: reader}"]),
    ("dbt docs generate --no-compile", ["dbt", "docs", "generate", "--no-compile"]),
    ("dbt source freshness -o target/fresh.json", ["dbt", "source", "freshness", "-o", "target/fresh.json"]),
    ("dbt ls --output json", None),
    ("dbt list --resource-type model", None),
    ("  dbt   test\t--store-failures  ", ["dbt", "test", "--store-failures"]),
    ("dbt --debug run", None),
    ("dbt -d -x build", None),
    ("dbt --no-use-colors --no-partial-parse build", None),
    ("dbt --log-level debug --target prod run", None),
    ("dbt --log-level=debug run", None),
    ("dbt -t prod run", None),
    ("dbt -tprod run", None),
    ("dbt --target run build", None),
    ("dbt -dt run build", None),
    ("dbt -dtprod run", None),
    ("dbt -xr timing run", None),
    ("dbt --maximum-seed-size-mib 5 seed", None),
    ("dbt --v2-parser fusion build", None),
    ('dbt --warn-error-options \'{"include": "all"}\' build', None),
    ("dbt --profiles-dir . --project-dir sub build", None),
    ("dbt --quiet docs generate", None),
    ("dbt docs --quiet generate", None),
    ("dbt -- run", None),
    ("dbt 'run'", ["dbt", "run"]),
    ("dbt run --select ''", ["dbt", "run", "--select", ""]),
    ("dbt run --select 'it''s'", ["dbt", "run", "--select", "its"]),
    ("dbt run # every night", ["dbt", "run"]),
    ("dbt run --select a#b", ["dbt", "run", "--select", "a#b"]),
    ("dbt run --select modèle", None),
    *((f"dbt {subcommand}", ["dbt", *subcommand.split()]) for subcommand in DBT_SUBCOMMANDS),
]

REJECTED_DBT = [
    ("", "is empty; it starts with dbt"),
    ("   ", "is empty"),
    ("dbt", "dbt alone does nothing"),
    ("dbt --debug", "has no subcommand"),
    ("dbt --version", "has no subcommand"),
    ("dbt --target run", "has no subcommand"),
    ("dbt -dt run", "has no subcommand"),
    ("dbt -dt run init", "dbt 'init' is not allowed"),
    ("dbt -xr run clean", "dbt 'clean' is not allowed"),
    ("dbt docs -dt generate serve", "dbt 'docs serve' is not allowed"),
    ("dbt --deprecated-state run show", "dbt 'show' is not allowed"),
    ("dbt --deprecated-defer run show", "dbt 'show' is not allowed"),
    ("dbt --deprecated-favor-state run show", "dbt 'show' is not allowed"),
    ("dbt --maximum-seed-size-mib run init", "dbt 'init' is not allowed"),
    ("dbt --v2-parser run init", "dbt 'init' is not allowed"),
    ("dbt --", "has no subcommand"),
    ("DBT run", "starts with 'DBT'; in this project it starts with dbt"),
    ("run", "starts with dbt"),
    ("sqlmesh run", "starts with dbt"),
    ("/usr/bin/dbt run", "starts with dbt"),
    ("DBT_TARGET=prod dbt run", "starts with dbt"),
    ("'dbt run'", "starts with dbt"),
    ("dbt clean", "build, clone, compile"),
    ("dbt init shop", "allowed are"),
    ("dbt show --inline 'select 1'", "allowed are"),
    ("dbt docs serve", "docs generate"),
    ("dbt docs", "docs generate"),
    ("dbt source snapshot-freshness", "source freshness"),
    ("dbt generate docs", "allowed are"),
    ("dbt Run", "allowed are"),
    ("dbt ''", "allowed are"),
    ("dbt 'docs generate'", "allowed are"),
    ("dbt run; rm -rf /", "may not contain ;"),
    ("dbt run && dbt test", "may not contain &"),
    ("dbt run &", "may not contain &"),
    ("dbt run | tee log", "may not contain |"),
    ("dbt run || true", "may not contain |"),
    ("dbt run > log", "may not contain >"),
    ("dbt run < vars", "may not contain <"),
    ("dbt run --vars `date`", "may not contain `"),
    ("dbt run --vars $DAY", "may not contain $"),
    ("dbt run --vars '$DAY'", "may not contain $"),
    ("dbt run --select '(a)'", "may not contain ("),
    ('dbt run --vars "a;b"', "may not contain ;"),
    ("dbt run \\", "may not contain \\"),
    ("dbt run\ndbt test", "may not contain a line break"),
    ("dbt run\r", "may not contain a line break"),
    ("dbt run\u2028dbt test", "may not contain a line break"),
    ("dbt run --vars 'a\nb'", "may not contain a line break"),
    ("dbt run\0", "control character"),
    ("dbt run \x1b[31m", "control character"),
    ("dbt run --profiles-dir ~/.dbt", "'~', which a shell would expand"),
    ("dbt run --vars '{a: 1}", "opens a quote that it never closes"),
    ('dbt run --vars "', "opens a quote that it never closes"),
]

ACCEPTED_SQLMESH = [
    ("sqlmesh run", ["sqlmesh", "run"]),
    ("sqlmesh run --select-model '*'", ["sqlmesh", "run", "--select-model", "*"]),
    ("sqlmesh plan prod --auto-apply --no-prompts", None),
    ("sqlmesh --gateway prod run", None),
    ("sqlmesh --help", None),
    ("sqlmesh plan --select-model '+a&b|c'", ["sqlmesh", "plan", "--select-model", "+a&b|c"]),
    ('sqlmesh fetchdf "select 1; -- (one)"', ["sqlmesh", "fetchdf", "select 1; -- (one)"]),
    ("sqlmesh fetchdf 'select 1\n  > 0'", ["sqlmesh", "fetchdf", "select 1\n  > 0"]),
    ("sqlmesh run --select-model a\\&b", ["sqlmesh", "run", "--select-model", "a&b"]),
    ("sqlmesh run '&&'", ["sqlmesh", "run", "&&"]),
    ("sqlmesh plan \\\n --auto-apply", ["sqlmesh", "plan", "--auto-apply"]),
    ("sqlmesh \\\n run", ["sqlmesh", "run"]),
    ("sqlmesh plan \\\n --auto-apply\n", ["sqlmesh", "plan", "--auto-apply"]),
    ("sqlmesh fetchdf \"select '\\$5'\"", ["sqlmesh", "fetchdf", "select '$5'"]),
    ("sqlmesh run --var '$HOME'", ["sqlmesh", "run", "--var", "$HOME"]),
    ("sqlmesh run --select-model *.a?", ["sqlmesh", "run", "--select-model", "*.a?"]),
    ("sqlmesh run # every night", ["sqlmesh", "run"]),
]

REJECTED_SQLMESH = [
    ("", "is empty; it starts with sqlmesh"),
    ("sqlmesh", "sqlmesh alone does nothing"),
    ("dbt run", "in this project it starts with sqlmesh"),
    ("sqlmesh run && sqlmesh audit", "has && outside quotes"),
    ("sqlmesh run ; true", "has ; outside quotes"),
    ("sqlmesh run; true", "has ; outside quotes"),
    ("sqlmesh run | cat", "has | outside quotes"),
    ("sqlmesh run || true", "has || outside quotes"),
    ("sqlmesh run &", "has & outside quotes"),
    ("sqlmesh run > log", "has > outside quotes"),
    ("sqlmesh run 2>&1", "outside quotes"),
    ("sqlmesh run < in", "has < outside quotes"),
    ("(sqlmesh run)", "has ( outside quotes"),
    ("sqlmesh run\nsqlmesh audit", "has a line break outside quotes"),
    ("sqlmesh run 'a", "opens a quote that it never closes"),
    ("sqlmesh run \\", "ends in a backslash"),
    ('sqlmesh run --select-model "`date`"', "'`', which a shell would expand"),
    ('sqlmesh run "$(date)"', "'$(', which a shell would expand"),
    ("sqlmesh run $(date)", "'$(', which a shell would expand"),
    ("sqlmesh run $ENV", "'$ENV', which a shell would expand, and no shell runs it"),
    ("sqlmesh -p ~/models run", "'~', which a shell would expand"),
    ("sqlmesh run\0", "control character"),
]


@pytest.mark.parametrize(("command", "words"), ACCEPTED_DBT)
def test_dbt_may_run(command: str, words: list[str] | None) -> None:
    assert parse_command(command, ProjectType.DBT) == (words or shlex.split(command))


@pytest.mark.parametrize(("command", "advice"), REJECTED_DBT)
def test_dbt_may_not_run(command: str, advice: str) -> None:
    with pytest.raises(InvalidCommand) as caught:
        parse_command(command, ProjectType.DBT)
    assert advice in str(caught.value)


@pytest.mark.parametrize(("command", "words"), ACCEPTED_SQLMESH)
def test_sqlmesh_may_run(command: str, words: list[str] | None) -> None:
    assert parse_command(command, ProjectType.SQLMESH) == (words or shlex.split(command))


@pytest.mark.parametrize(("command", "advice"), REJECTED_SQLMESH)
def test_sqlmesh_may_not_run(command: str, advice: str) -> None:
    with pytest.raises(InvalidCommand) as caught:
        parse_command(command, ProjectType.SQLMESH)
    assert advice in str(caught.value)


def test_a_subcommand_that_is_not_allowed_gets_the_list_of_allowed_ones() -> None:
    with pytest.raises(InvalidCommand) as caught:
        parse_command("dbt clean", ProjectType.DBT)
    assert all(subcommand in str(caught.value) for subcommand in DBT_SUBCOMMANDS)


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("dbt build", "build"),
        ("dbt --target prod run --full-refresh", "run"),
        ("dbt --log-level=debug -x test", "test"),
        ("dbt docs generate", "docs generate"),
        ("dbt docs --quiet generate --static", "docs generate"),
        ("dbt source freshness", "source freshness"),
        ("dbt run-operation grant", "run-operation"),
        ("dbt ls", "ls"),
        ("sqlmesh run --select-model '*'", "run"),
        ("sqlmesh plan --auto-apply", "plan"),
        ("sqlmesh --gateway prod audit", "audit"),
        ("sqlmesh --debug", "run"),
        ("sqlmesh --paths shop", "run"),
        ("sqlmesh \\\n run", "run"),
        ("sqlmesh plan \\\n --auto-apply", "plan"),
    ],
)
def test_the_job_type_is_the_subcommand_or_run_without_one(command: str, kind: str) -> None:
    assert job_type(command) == kind
    assert job_type(split(command)) == kind


@given(st.sampled_from(ProjectType), st.text(alphabet="dbtsqlmehrun -'\"\\;|\n\t$*{}é", max_size=30))
def test_anything_is_words_or_an_invalid_command(project_type: ProjectType, rest: str) -> None:
    try:
        words = parse_command(f"{project_type} run{rest}", project_type)
    except InvalidCommand:
        return
    assert words[0] == project_type
    assert job_type(words).startswith("run")


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), max_size=8), max_size=5))
def test_sqlmesh_gets_any_word_that_is_quoted(words: list[str]) -> None:
    assert parse_command(shlex.join(["sqlmesh", "run", *words]), ProjectType.SQLMESH) == ["sqlmesh", "run", *words]
