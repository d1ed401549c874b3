"""Names of images, by the grammar that registries and kubelets share."""

import pytest

from jobs_api.model.container_image import check_image

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    "image",
    [
        *(
            "dbt",
            "dbt:1.11",
            f"dbt@{DIGEST}",
            f"dbt:1.11@{DIGEST}",
            "acme/dbt",
            "my-org/my_image/part__two:v1",
            "a/b/c",
        ),
        *("ghcr.io/acme/jaffle:1f0a9c3", "GHCR.io/acme/x", "localhost/x", "localhost:5000/x:1", "registry:5000/x"),
        *("[::1]:5000/x", "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:latest", "x:_v1", "x:V1.0-RC_2", "1/2"),
    ],
)
def test_a_name_that_a_kubelet_pulls_is_accepted(image: str) -> None:
    assert check_image(image) == image


@pytest.mark.parametrize(
    "image",
    [
        *(
            "https://ghcr.io/acme/x:1",
            "docker://x",
            "Dbt",
            "ghcr.io/Acme/x",
            "acme/DBT",
            "/x",
            "x/",
            "a//b",
            "x:",
            ":1",
        ),
        *("x@", "x@sha256", "x@sha256:abc", "x:1:2", "x:.1", f"x:{'v' * 129}", "-x", "x-", "a___b", "a..b", "é", "x:é"),
        *("host:port/x", "my host/x", "x\n", "[::1/x", "_a.b/x", ""),
    ],
)
def test_any_other_text_is_refused_with_a_name_that_would_do(image: str) -> None:
    with pytest.raises(ValueError, match=r"small letters, without https://, such as ghcr.io/acme/jaffle"):
        check_image(image)


def test_a_long_name_takes_linear_time() -> None:
    with pytest.raises(ValueError, match="not the name"):
        check_image("a-" * 100_000 + "/" + "a." * 100_000 + ":")
