"""Scheduled dbt and SQLMesh jobs: the rules, and one module for each outside system."""
