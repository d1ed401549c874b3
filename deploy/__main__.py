"""`make deploy`: `sam deploy` with all of its options, and with the digest of the parameters in the template.

The interpreter of SAM's environment runs this. It writes the digest at the last moment, into the template and the
parameters that SAM is about to send. So the digest is right wherever the parameters come from: samconfig.toml,
--parameter-overrides, the questions of --guided or the deployed stack.
"""

import sys
from pathlib import Path
from typing import Any

from samcli.cli.main import cli
from samcli.commands.deploy import deploy_context
from samcli.commands.deploy.command import cli as deploy
from samcli.lib.deploy.deployer import Deployer
from samcli.yamlhelper import yaml_dump, yaml_parse

from deploy.configuration import configured, misspelt, values_of


class ConfiguringDeployer(Deployer):  # type: ignore[misc]
    """SAM's deployer, which makes the change set."""

    def create_changeset(
        self, stack_name: str, cfn_template: str, parameter_values: list[dict[str, Any]], *more: Any, **named: Any
    ) -> Any:
        """Make the change set from the template with its digest."""
        template = yaml_parse(cfn_template)
        values = values_of(template, parameter_values, self._deployed(stack_name))
        ready = yaml_dump(configured(template, values))
        return super().create_changeset(stack_name, ready, parameter_values, *more, **named)

    def _deployed(self, stack_name: str) -> dict[str, str]:
        if not self.has_stack(stack_name):
            return {}
        (stack,) = self._client.describe_stacks(StackName=stack_name)["Stacks"]
        return {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}


def refuse_misspelt(arguments: list[str]) -> None:
    """Exit with a message if the options name a parameter that the built template does not have."""
    options = deploy.make_context("deploy", [*arguments]).params
    template = yaml_parse(Path(options["template_file"]).read_text())
    for name, right in misspelt(template, options["parameter_overrides"] or {}).items():
        sys.exit(f"make deploy: there is no parameter {name}; right would be {right}")


if __name__ == "__main__":
    refuse_misspelt(sys.argv[1:])
    # If this code did not change the template, the template's own rule refuses the deployment, so that is noticed.
    deploy_context.Deployer = ConfiguringDeployer
    cli(prog_name="sam", args=["deploy", *sys.argv[1:]])
