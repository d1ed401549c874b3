"""The modules that need a deployment: its tables' names must be in the environment before the store is imported."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def operations() -> "ModuleType":
    """Return the operations of an operator."""
    return import_module("jobsctl.operations")


def leaving() -> "ModuleType":
    """Return the steps of organizations that move or are deleted."""
    return import_module("jobsctl.leaving")


def usage_keys() -> "ModuleType":
    """Return the organizations' keys for limits of requests."""
    return import_module("jobsctl.usage_keys")


def store() -> "ModuleType":
    """Return the tables."""
    return import_module("jobs_api.store")
