"""`python -m jobsctl`: makes, lists, changes and removes organizations, projects and tokens.

Results are JSON on standard output, so that scripts can read them; errors are one line on standard error.
"""

import sys
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from pynamodb.exceptions import PynamoDBException

from jobs_api.errors import JobsApiError
from jobsctl import organizations, projects, stack, tokens

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Operate a Jobs API.")
app.add_typer(organizations.app, name="organization")
app.add_typer(projects.app, name="project")
app.add_typer(tokens.app, name="token")


@app.callback()
def use(
    stack_name: Annotated[
        str | None, typer.Option("--stack", envvar="JOBS_API_STACK", help="The deployed CloudFormation stack")
    ] = None,
) -> None:
    """Find the deployment that the command is for."""
    try:
        stack.use(stack_name)
    except LookupError as error:
        raise typer.BadParameter(str(error)) from error


def main() -> None:
    """Run a command; print an error that an operator can correct as one line, without a traceback."""
    try:
        app()
    except NoRegionError:
        sys.exit("jobsctl: Name the region of the stack: export AWS_REGION=eu-central-1")
    except (JobsApiError, PynamoDBException, BotoCoreError, ClientError) as error:
        sys.exit(f"jobsctl: {error}")


if __name__ == "__main__":
    main()
