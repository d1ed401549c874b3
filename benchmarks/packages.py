"""How many packages jobs_api has, on how many floors, with how many arrows between them.

    python -m benchmarks.packages

A package stands one floor above the highest package that it imports; an arrow is a package that imports another one,
once, however many of its modules do. Modules beside the packages count as packages.
"""

from functools import cache
from itertools import permutations

import grimp

from benchmarks.measure import Figure, report


def main() -> None:
    """Count and print."""
    graph = grimp.build_graph("jobs_api", cache_dir=None)
    packages = sorted(graph.find_children("jobs_api"))
    arrows = {
        (importer, imported)
        for importer, imported in permutations(packages, 2)
        if graph.direct_import_exists(importer=importer, imported=imported, as_packages=True)
    }

    @cache
    def floor(package: str) -> int:
        return 1 + max((floor(imported) for importer, imported in arrows if importer == package), default=0)

    counts = {
        "packages": len(packages),
        "floors": max(map(floor, packages)),
        "arrows": len(arrows),
        "modules": len(graph.modules),
    }
    report("The packages of jobs_api", [Figure(name, count, "") for name, count in counts.items()])


if __name__ == "__main__":
    main()
