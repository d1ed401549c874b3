"""Images: found by name, installed once, named after what is in them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from local.cluster.kubelet.images import Images, PullFailed
from local.cluster.kubelet.processes import Launcher


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    for name, requirements in {"bare": "# nothing\n\n", "broken": "./no-such-folder\n"}.items():
        (made / name).mkdir(parents=True)
        (made / name / "requirements.txt").write_text(requirements)
    return made


def with_images[T](folder: Path, work: Callable[[Images], Awaitable[T]]) -> T:
    async def run() -> T:
        launcher = Launcher()
        launcher.open()
        images = Images(folder, folder.parent / "home", launcher)
        try:
            return await work(images)
        finally:
            await images.close()
            await launcher.close()

    return asyncio.run(run())


def reason(folder: Path, image: str) -> str:
    with pytest.raises(PullFailed) as failed:
        with_images(folder, lambda images: images.pull(image))
    return failed.value.reason


def test_a_pulled_image_has_a_python_of_its_own(folder: Path) -> None:
    environment = with_images(folder, lambda images: images.pull("bare"))
    assert (environment / "bin" / "python").exists()


def test_folders_may_be_relative_paths(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bare" / "requirements.txt").write_text("-e ./no-such-folder-either\n")
    monkeypatch.chdir(folder.parent)
    with pytest.raises(PullFailed, match="no-such-folder-either"):
        with_images(Path("images"), lambda images: images.pull("bare"))


def test_an_image_is_present_once_it_was_pulled(folder: Path) -> None:
    async def pull(images: Images) -> tuple[bool, bool]:
        before = images.is_present("bare")
        await images.pull("bare")
        return before, images.is_present("bare:any-tag")

    assert with_images(folder, pull) == (False, True)
    assert with_images(folder, pull) == (True, True)


def test_pulls_at_the_same_time_share_one_installation(folder: Path) -> None:
    async def pull(images: Images) -> set[Path]:
        return set(await asyncio.gather(*(images.pull("bare") for _ in range(5))))

    (environment,) = with_images(folder, pull)
    assert [path.name for path in environment.parent.iterdir()] == [environment.name]


def test_a_cancelled_pull_does_not_cancel_the_others(folder: Path) -> None:
    async def pull(images: Images) -> Path:
        first, second = (asyncio.create_task(images.pull("bare")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert (with_images(folder, pull) / "bin" / "python").exists()


def test_changed_requirements_are_another_environment(folder: Path) -> None:
    before = with_images(folder, lambda images: images.pull("bare"))
    (folder / "bare" / "requirements.txt").write_text("# nothing still\n")
    assert with_images(folder, lambda images: images.pull("bare")) != before


def test_an_interrupted_installation_starts_again(folder: Path) -> None:
    environment = with_images(folder, lambda images: images.pull("bare"))
    (environment / ".ready").unlink()
    (environment / "bin" / "python").unlink()
    again = with_images(folder, lambda images: images.pull("bare"))
    assert again == environment
    assert (again / "bin" / "python").exists()


def test_an_image_is_pulled_without_uv_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    environment = with_images(folder, lambda images: images.pull("bare"))
    assert (environment / "bin" / "python").exists()


@pytest.mark.parametrize("image", ["nobody", "nobody:1", "docker.io/library/bare", "localhost:5000/bare"])
def test_an_image_without_a_folder_cannot_be_pulled(folder: Path, image: str) -> None:
    assert reason(folder, image) == "ErrImagePull"


@pytest.mark.parametrize("image", ["", "Upper", "a b", "-x", "a//b", "../images/bare"])
def test_an_invalid_image_name_is_reported_as_such(folder: Path, image: str) -> None:
    assert reason(folder, image) == "InvalidImageName"


def test_requirements_that_cannot_be_installed_say_why(folder: Path) -> None:
    with pytest.raises(PullFailed, match="no-such-folder") as failed:
        with_images(folder, lambda images: images.pull("broken"))
    assert failed.value.reason == "ErrImagePull"
    assert reason(folder, "broken") == "ErrImagePull"
