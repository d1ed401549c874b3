"""`python -m deploy.console`, which is `make console`: the files that functions/serve_console serves.

It copies the pages of `console/` and what npm installed in `console/node_modules` to `functions/serve_console/site`:

- `console` and `docs`, the two pages. A client asks each time whether they have changed.
- `console/<digest>/…` and `docs/<digest>/…`, what the pages load. The digest is of the content, so a client keeps these
  for a year. The page's own modules are joined into one by esbuild: each file is a request to the
  function, and a new AWS account may run ten functions at a time.
- `openapi.json`, in which the function puts the address of the API.
- `manifest.json`: the headers of each file, by its name.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "console"
SITE: Final = ROOT / "functions" / "serve_console" / "site"
NODE: Final = ROOT / ".tools" / "node" / "bin" / "node"
# The files of the packages that the page imports by name.
MODULES: Final = {
    "preact": "preact/dist/preact.mjs",
    "preact/hooks": "preact/hooks/dist/hooks.mjs",
    "htm": "htm/dist/htm.mjs",
}
REFERENCE: Final = ("swagger-ui-dist/swagger-ui-bundle.js", "swagger-ui-dist/swagger-ui.css")
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PAGE: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
_YEAR: Final = 31_536_000


class NothingInstalled(Exception):
    """The packages that npm installs are missing."""


class Site:
    """The files to serve and their headers, by name."""

    def __init__(self) -> None:
        """Begin with none."""
        self.files: dict[str, str] = {}
        self.headers: dict[str, dict[str, str]] = {}

    def add(self, name: str, text: str, kind: str, more: dict[str, str], keep: str = "no-cache") -> None:
        """Add a file; `kind` is the ending of its source, `keep` its Cache-Control."""
        # API Gateway compresses what it passes on, so a strong tag would name two different contents.
        tag = f'W/"{digest(text)}"'
        self.files[name] = text
        self.headers[name] = {"Content-Type": TYPES[kind], "Cache-Control": keep, "ETag": tag, **ALWAYS, **more}

    def add_fixed(self, folder: str, files: dict[str, str]) -> str:
        """Add files whose names change with their content; return the folder that they are in."""
        whole = digest("\0".join(f"{name}\0{text}" for name, text in sorted(files.items())))
        for name, text in files.items():
            self.add(f"{folder}/{whole}/{name}", text, Path(name).suffix, {}, f"public, max-age={_YEAR}, immutable")
        return f"{folder}/{whole}"

    def write(self, to: Path) -> None:
        """Replace what is in the folder `to`; a reader sees all of the old files or all of the new."""
        draft = Path(tempfile.mkdtemp(dir=to.parent, prefix=".site-"))
        draft.chmod(0o755)
        for name, text in self.files.items():
            # `console` is a page, and the folder `console` has the files that it loads.
            file = draft / (name if "." in name else f"{name}.html")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (draft / "manifest.json").write_text(json.dumps(self.headers, indent=1, sort_keys=True))
        shutil.rmtree(to, ignore_errors=True)
        draft.rename(to)


def digest(text: str) -> str:
    """Return a digest that names a content."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def policy(*, inline: tuple[str, ...] = (), styles: str = "'self'") -> dict[str, str]:
    """Return the headers of a page whose only inline scripts are these, by their hashes."""
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in inline]
    directives = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *hashes]),
        "style-src": styles,
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {"Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in directives.items()), **_PAGE}


def site() -> Site:
    """Make all files.

    Raises:
        NothingInstalled: with the command that repairs it.
    """
    packages = SOURCE / "node_modules"
    if not NODE.exists() or not packages.is_dir():
        raise NothingInstalled("the packages of console/ are not installed: run make console/node_modules/ready")
    made = Site()
    _add_console(made, packages)
    _add_reference(made, packages)
    return made


def _add_console(made: Site, packages: Path) -> None:
    modules = {f"{name.replace('/', '-')}.js": (packages / file).read_text() for name, file in MODULES.items()}
    kept = made.add_fixed("console", {name: _without_map(text) for name, text in modules.items()})
    own = made.add_fixed(
        "console",
        {
            "app.js": _joined(SOURCE / "app.js"),
            "style.css": (SOURCE / "style.css").read_text(),
            "icon.svg": (SOURCE / "icon.svg").read_text(),
        },
    )
    imports = json.dumps({"imports": {name: f"./{kept}/{name.replace('/', '-')}.js" for name in MODULES}})
    loads = "\n".join(f'<link rel="modulepreload" href="{kept}/{name}">' for name in modules)
    page = (SOURCE / "index.html").read_text()
    page = page.replace("@own@", own).replace("@imports@", imports).replace("<!-- @modules@ -->", loads)
    made.add("console", page, ".html", policy(inline=(imports,)))


def _add_reference(made: Site, packages: Path) -> None:
    library = {Path(file).name: _without_map((packages / file).read_text()) for file in REFERENCE}
    kept = made.add_fixed("docs", library)
    own = made.add_fixed("docs", {name: (SOURCE / "docs" / name).read_text() for name in ("docs.js", "docs.css")})
    icon = made.add_fixed("docs", {"icon.svg": (SOURCE / "icon.svg").read_text()})
    page = (SOURCE / "docs" / "index.html").read_text()
    page = page.replace("@own@", own).replace("@library@", kept).replace("@icon@", icon)
    made.add("docs", page, ".html", policy())
    document = json.loads((ROOT / "docs" / "openapi.json").read_text())
    document["servers"] = [{"url": "@server@", "description": "Where this document comes from"}]
    made.add("openapi.json", json.dumps(document), ".json", {"Access-Control-Allow-Origin": "*"})


def _joined(module: Path) -> str:
    """Return a module together with all that it imports by paths."""
    command = [str(NODE), str(SOURCE / "node_modules/esbuild/bin/esbuild"), str(module), "--bundle", "--format=esm"]
    # Function names are kept, so that an error's stack trace can be read.
    command += ["--minify-whitespace", "--minify-syntax", "--target=es2022", "--charset=utf8", "--log-level=warning"]
    command += [f"--external:{name}" for name in MODULES]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603


def _without_map(text: str) -> str:
    """Remove the line that names a source map, which is not served."""
    # Not splitlines, which also breaks at characters that JavaScript may have in a string.
    before, _, last = text.rstrip().rpartition("\n")
    return f"{before}\n" if last.startswith(("//# sourceMappingURL=", "/*# sourceMappingURL=")) else text


def refresh() -> Path:
    """Make the files unless they are there as they would be made; return their folder.

    Raises:
        NothingInstalled: as `site` does.
    """
    made = site()
    manifest = SITE / "manifest.json"
    if not manifest.exists() or json.loads(manifest.read_text()) != made.headers:
        made.write(SITE)
    return SITE


if __name__ == "__main__":
    try:
        refresh()
    except NothingInstalled as missing:
        sys.exit(f"make console: {missing}")
    except subprocess.CalledProcessError as failed:
        sys.exit(f"make console: esbuild says\n{failed.stderr}")
