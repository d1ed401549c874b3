"""`python -m local.openapi` prints docs/openapi.json."""

import os
import sys

from local.openapi import ROOT, text
from local.template import read

if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    sys.stdout.write(text(read(ROOT / "template.yaml", cache=ROOT / ".local" / "cache")))
