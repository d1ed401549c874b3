"""The file of jobs as code: what is read of it, and which line is blamed."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jobs_cli.as_code import importing, jobs_file, yaml_file
from jobs_cli.errors import CommandFailed, FieldFault

TWO = """\
defaults: {timezone: Europe/Berlin, environment: {TARGET: prod, LEVEL: info}}
projects:
  jaffle:
    defaults:
      retries: 1
    jobs:
      - name: nightly
        command: dbt build
        environment: {LEVEL: debug}
        expect: {finish_by: 17:00}
        run_after:
          - job: seed
            on: [success, failed]
      - name: seed
        command: dbt seed
        retries: 0
  shop:
    jobs: []
"""


def jobs_of(text: str) -> Any:
    return [list(project.jobs) for project in jobs_file.parse(text, "jobs.yml")]


def refused(text: str) -> str:
    with pytest.raises(CommandFailed) as told:
        jobs_file.parse(text, "jobs.yml")
    return str(told.value)


def test_defaults_are_filled_in_and_quoted_values_stay_text() -> None:
    jaffle, shop = jobs_of(TWO)

    assert jaffle[0] == {
        "timezone": "Europe/Berlin",
        "environment": {"TARGET": "prod", "LEVEL": "debug"},
        "retries": 1,
        "name": "nightly",
        "command": "dbt build",
        "expect": {"finish_by": "17:00"},
        "run_after": [{"job": "seed", "on": ["success", "failed"]}],
    }
    assert jaffle[1]["retries"] == 0
    assert shop == []


def test_a_file_for_one_project_needs_no_projects() -> None:
    assert jobs_of("project: jaffle\njobs:\n- {name: a, command: dbt run}\n") == [[{"name": "a", "command": "dbt run"}]]


def test_a_fault_of_the_api_gets_the_line_of_its_field() -> None:
    project = jobs_file.parse(TWO, "jobs.yml")[0]
    fields = [
        "jobs[0].run_after.0.on.1",
        "jobs[0].expect.finish_by",
        "jobs[0].timezone",
        "jobs[0].schedule",
        "jobs[1].retries",
        "jobs[1].environment.TARGET",
        "jobs[1]",
        "jobs[9].x",
        "prune",
    ]

    told = project.faults_in_file([FieldFault(field, "is wrong") for field in fields])

    assert [line.split(":")[1] for line in told] == [" jaffle", " jaffle", "1", "1", "7", "10", "13", "14", "16"]
    assert told[6] == "jobs.yml:13: jaffle/nightly: run_after.0.on.1: is wrong"


def test_a_fault_of_the_api_names_another_job_by_its_line() -> None:
    project = jobs_file.parse(TWO, "jobs.yml")[0]
    fault = FieldFault("jobs[1].name", "is the name of jobs[0] too, and of jobs[7]")

    (told,) = project.faults_in_file([fault])

    assert told.endswith(": name: is the name of 'nightly' in line 7 too, and of jobs[7]")


@pytest.mark.parametrize(("style", "end"), [(">", "at the end"), ("|", "at the end"), (">-", "a line break")])
def test_a_folded_command_gets_the_hint_how_yaml_leaves_out_its_last_line_break(style: str, end: str) -> None:
    text = f"project: p\njobs:\n- name: a\n  command: {style}\n    dbt run\n    --select x\n"
    (project,) = jobs_file.parse(text, "jobs.yml")

    (told,) = project.faults_in_file([FieldFault("jobs[0].command", "may not contain a line break")])

    assert told.endswith(end)


def test_values_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGET", "prod\n- name: evil")
    text = 'project: p\njobs:\n- {name: a, environment: {A: "x-${TARGET}", B: "$${TARGET} $HOME $"}}\n'

    assert jobs_of(text)[0][0]["environment"] == {"A": "x-prod\n- name: evil", "B": "${TARGET} $HOME $"}


def test_variables_that_are_not_set_are_named_all_at_once() -> None:
    told = refused('project: p\njobs:\n- name: a\n  command: "${NOBODY_1}"\n  description: "${NOBODY_2} ${}"\n')

    assert [line.split(": ")[0] for line in told.splitlines()] == ["jobs.yml:4", "jobs.yml:5", "jobs.yml:5"]
    assert "NOBODY_1 is not set" in told
    assert "${} names no variable" in told


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("projects:\n\tjaffle: {}\n", 2, "a tab indents this line"),
        ("project: p\njobs:\n- name: a\n  command: x\n  name: b\n", 5, "'name' stands here twice, first in line 3"),
        ("projects:\n  a: {jobs: []}\n  a: {jobs: []}\n", 3, "'a' stands here twice"),
        ("project: p\njobs: [\n", 3, "this is no YAML"),
        ("project: p\njobs:\n- schedule: */5 * * * *\n  name: a\n", 3, "put the text after schedule: into quotes"),
        ("project: p\njobs:\n- name: a\n  schedule: * * * * *\n", 4, "as in schedule: '...'"),
        ("project: p\njobs:\n- name: a\n  schedule: @daily\n", 4, "put the text after schedule: into quotes"),
        ("project: p\njobs:\n- name: a\n  command: dbt run --vars {a: b}\n", 4, "put the text after command: into"),
        ("projcts: {}\n", 1, "did you mean projects?"),
        ("projects:\n  p:\n    job: []\n", 3, "did you mean jobs?"),
        ("project: p\njobs:\n- just text\n", 3, "a job must be a mapping"),
        ("project: p\njobs: {name: a}\n", 2, "jobs must be a list"),
        ("jobs: []\n", 1, "project must be the name"),
        ("", 1, "the file must be a mapping"),
        ("- a\n", 1, "the file must be a mapping"),
        ("projects: {}\n", 1, "has no projects"),
        ("projects:\n  p: 7\n", 2, "p must be a mapping"),
        ("project: p\njobs: []\nprojects: {}\n", 3, "give either"),
        ("project: !secret x\njobs: []\n", 1, "the tag !secret is not known"),
        ("project: p\n? [a]\n: b\n", 2, "a key must be a text"),
        ("a: &a [*a]\n", 1, "aliases is in itself"),
        ("project: p\njobs: &a\n- <<: 7\n", 3, "<< takes an alias"),
        pytest.param("project: p\njobs: " + "[" * 200_000, 2, "more than 50 lists", id="deep lists"),
        pytest.param("project: p\n" + "- " * 200_000, 2, "", id="deep items"),
        pytest.param("a: " + "{a: " * 200_000, 1, "more than 50 lists", id="deep mappings"),
    ],
)
def test_a_fault_is_reported_with_its_line(text: str, line: int, message: str) -> None:
    told = refused(text)

    assert told.startswith(f"jobs.yml:{line}: "), told
    assert message in told


def test_a_fault_in_an_anchor_or_a_merge_is_reported_at_its_own_line() -> None:
    text = (
        "project: p\njobs:\n- &first\n  name: a\n  command: dbt run\n  retries: 9\n"
        "- <<: *first\n  name: b\n  expect: &e {max_minutes: 1}\n- {<<: [*first], name: c, expect: *e}\n"
    )

    (project,) = jobs_file.parse(text, "jobs.yml")

    assert [job["name"] for job in project.jobs] == ["a", "b", "c"]
    assert all(job["command"] == "dbt run" for job in project.jobs)
    told = project.faults_in_file([FieldFault(f"jobs[1].{field}", "no") for field in ("retries", "name", "expect")])
    assert [line.split(":")[1] for line in told] == ["6", "8", "9"]


@pytest.mark.parametrize("layer", ["[*{0}, *{0}, *{0}]", "{{<<: [*{0}, *{0}, *{0}], z: 1}}"])
def test_aliases_that_multiply_are_refused_as_too_large(layer: str) -> None:
    first = "[1]" if layer.startswith("[") else "{a: 1}"
    lines = [f"x0: &x0 {first}", *(f"x{n}: &x{n} {layer.format(f'x{n - 1}')}" for n in range(1, 40))]
    started = time.process_time()

    assert "too large" in refused("\n".join(lines))
    assert time.process_time() - started < 15


def test_a_thousand_jobs_are_read_in_seconds() -> None:
    job = "- name: job {n}\n  command: dbt build\n  schedule: 0 2 * * *\n  environment: {{A: b, C: d}}\n"
    text = "project: p\njobs:\n" + "".join(job.format(n=n) for n in range(1000))
    started = time.process_time()

    assert len(jobs_of(text)[0]) == 1000
    assert time.process_time() - started < 5


TEXTS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12) | st.sampled_from(
    [
        "17:00",
        "on",
        "yes",
        "null",
        "~",
        "0123",
        "1e3",
        "${HOME}",
        "$${X}",
        "${",
        "${a${b}",
        "08",
        "-09",
        "***",
        "# no",
        "- a",
        "<<",
        "2026-01-01",
    ]
)


@given(st.lists(st.tuples(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3)), max_size=4))
def test_an_imported_file_is_read_as_the_same_jobs(jobs: list[tuple[str, dict[str, str]]]) -> None:
    known = [
        {"id": f"job_{n}", "name": f"n{n}", "command": text, "environment": variables, "retries": 0, "enabled": False}
        for n, (text, variables) in enumerate(jobs)
    ]

    (read,) = jobs_of(importing.text_of(importing.content_of({"p": known})))

    assert read == [
        {"name": job["name"], "command": job["command"], "enabled": False}
        | ({"environment": job["environment"]} if job["environment"] else {})
        for job in known
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXTS,
        lambda one: st.lists(one) | st.dictionaries(TEXTS, one),
        max_leaves=8,
    )
)
def test_json_is_read_as_it_is(value: Any) -> None:
    assert yaml_file.read(json.dumps(value, ensure_ascii=False), "x").content == value


def test_the_header_of_an_import_is_a_comment() -> None:
    assert yaml.safe_load(importing.HEADER) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", ["jobs.yml", "-"])
def test_a_file_may_have_the_encodings_of_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, name: str
) -> None:
    file = tmp_path / "jobs.yml"
    file.write_bytes("project: jaffle\r\njobs:\r\n- {name: Łódź, command: dbt run}\r\n".encode(encoding))
    with file.open(encoding="cp1252") as stream:
        monkeypatch.setattr("sys.stdin", stream)

        (project,) = jobs_file.load(name if name == "-" else str(file))

    assert project.jobs == [{"name": "Łódź", "command": "dbt run"}]


@pytest.mark.parametrize("name", ["jobs.yml", "-"])
def test_a_file_in_another_encoding_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    file = tmp_path / "jobs.yml"
    file.write_bytes("project: jaffle\njobs:\n- {name: café}\n".encode("latin-1"))
    with file.open(errors="surrogateescape") as stream:
        monkeypatch.setattr("sys.stdin", stream)

        with pytest.raises(CommandFailed, match=":3: this is not UTF-8"):
            jobs_file.load(name if name == "-" else str(file))
