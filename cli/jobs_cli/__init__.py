"""The command line of the Jobs API, which it reaches over HTTP alone."""

VERSION = "0.2.0"
