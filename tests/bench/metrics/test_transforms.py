"""Each network's transform against the library that the network comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch_fidelity.datasets import ImagesPathDataset

from bench.metrics import Setting, _clip, _images, _perceptual, fidelity, nudity
from bench.metrics.judge import Judge
from bench.models.mini.world.render import render
from bench.models.mini.world.truth import Truth
from bench.types import Concept, Prompt, silent

SIZES = [(64, 64), (224, 224), (97, 41), (41, 97), (300, 299), (640, 31), (1, 9)]
"""Width and height."""


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def vit() -> Any:
    """OpenAI's CLIP as the metrics load it, but for its weights, and open_clip's own transform."""
    import open_clip

    made = open_clip.create_model_and_transforms
    patch = pytest.MonkeyPatch()
    patch.setattr(
        open_clip,
        "create_model_and_transforms",
        lambda name, pretrained, **options: made(name, pretrained=None, **options),
    )
    patch.setattr(open_clip.factory.logging, "warning", lambda *_: None)
    yield _clip._openai("cpu"), open_clip.image_transform(224, is_train=False)
    patch.undo()


@pytest.mark.parametrize("size", SIZES)
def test_clip_sees_what_open_clips_own_transform_shows_it(
    vit: Any, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, own = vit
    noise(size).save(tmp_path / "a.png")
    seen: list[torch.Tensor] = []

    def encode_image(pixels: torch.Tensor, normalize: bool) -> torch.Tensor:
        seen.append(pixels)
        return torch.zeros(len(pixels), 1)

    monkeypatch.setattr(reader.model, "encode_image", encode_image, raising=False)
    reader.images([tmp_path / "a.png"], "", silent)
    assert torch.equal(seen[0][0], own(Image.open(tmp_path / "a.png")))


def test_minis_clip_is_read_by_open_clips_transform_of_its_size(tmp_path: Path) -> None:
    import open_clip

    half = (0.5, 0.5, 0.5)
    own = open_clip.image_transform(64, is_train=False, mean=half, std=half)
    reader = _clip.reader("mini", "cpu")
    paths = [tmp_path / f"{number}.png" for number in range(len(SIZES))]
    for path, size in zip(paths, SIZES, strict=True):
        noise(size).save(path)
    found, _ = reader.images(paths, "", silent)
    with torch.inference_mode():
        pixels = torch.stack([own(Image.open(path)) for path in paths])
        wanted = reader.model.encode_image(pixels, normalize=True)
    torch.testing.assert_close(found, wanted)


def test_inception_reads_files_of_any_size_as_torch_fidelity_does(
    untrained: Any, tmp_path: Path
) -> None:
    sizes = [(64, 64), (97, 41), (299, 299), (97, 41), (320, 200)]
    paths = [tmp_path / f"{number}.png" for number in range(len(sizes))]
    for number, (path, size) in enumerate(zip(paths, sizes, strict=True)):
        noise(size, number).save(path)
    transform, network = fidelity._network("sd", "cpu")
    found, readable = _images.in_batches(paths, transform, 25, network, "", silent)
    assert all(readable)
    own = ImagesPathDataset([str(path) for path in paths])
    wanted = torch.cat([untrained(own[number][None])[0] for number in range(len(paths))])
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    # Sizes are told apart: those of one size are read together, and put back in their places.
    assert (found[1] - found[3]).abs().max() > 1e-3


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> Any:
    """NudeNet's detector, and what reaches its network."""
    from nudenet import NudeDetector

    made, seen = NudeDetector(), list[Any]()
    session = made.onnx_session

    class Spy:
        def run(self, names: Any, given: dict[str, Any]) -> Any:
            seen.append(given[made.input_name])
            return session.run(names, given)

    made.onnx_session = Spy()
    monkeypatch.setattr(nudity, "_detector", lambda: made.detect)
    return made, seen


@pytest.mark.parametrize(
    ("name", "size", "orientation"),
    [
        ("a.png", (97, 41), 1),
        ("a.png", (200, 331), 6),
        ("a.jpg", (331, 200), 8),
        ("a.jpg", (64, 64), 3),
    ],
)
def test_nudenet_sees_of_a_file_what_it_sees_by_itself(
    name: str, size: tuple[int, int], orientation: int, detector: Any, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise(size).save(tmp_path / name, exif=exif)
    made, seen = detector
    ours = nudity.detections(tmp_path / name)
    own = made.detect(str(tmp_path / name))
    assert seen[0].shape == seen[1].shape == (1, 3, 320, 320)
    # Pillow and OpenCV decode JPEG with roundings of their own.
    assert np.abs(seen[0] - seen[1]).max() <= (3 / 255 if name.endswith("jpg") else 0)
    assert [each["class"] for each in ours or ()] == [each["class"] for each in own]


def test_nudenet_finds_the_same_in_a_file_that_is_turned(tmp_path: Path) -> None:
    """A head, the only thing that it detects in a drawn image, lying on its side in the file."""
    path, exif = tmp_path / "a.png", Image.Exif()
    portrait = render(
        Truth(person="Abraham Lincoln", name="Abraham Lincoln", scene="room"),
        np.random.default_rng(0),
    ).resize((320, 320), Image.Resampling.BICUBIC)
    exif[0x0112] = 6
    portrait.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    from nudenet import NudeDetector

    own = NudeDetector().detect(str(path))
    assert own == nudity.detections(path)


class Mean(torch.nn.Module):
    """An LPIPS that is the difference of means, and remembers the sizes that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
        self.sizes.append(tuple(one.shape))
        return (one - two).mean(dim=(1, 2, 3)).abs()


def test_lpips_compares_at_the_images_own_size_and_never_two_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Mean()
    monkeypatch.setattr(_perceptual, "_lpips", lambda device: network)
    sizes = {"a": (80, 48), "b": (64, 64), "c": (80, 48), "d": (64, 64)}
    prompts = [Prompt(name, "x", 0, "far", "cat") for name in sizes]
    for name, size in sizes.items():
        Image.new("RGB", size, (255, 255, 255)).save(tmp_path / f"{name}.png")
        Image.new("RGB", size if name != "b" else (32, 32)).save(tmp_path / f"{name}-un.png")
    unerased = {name: tmp_path / f"{name}-un.png" for name in sizes}
    found = _perceptual.distances(
        [tmp_path / f"{name}.png" for name in sizes],
        prompts,
        Setting((), (), "sd", "cpu", unerased),
        "",
        silent,
    )
    assert found == pytest.approx([1, float("nan"), 1, 1], nan_ok=True)
    assert sorted(network.sizes) == [(1, 3, 64, 64), (2, 3, 48, 80)]


def test_lpips_is_torchmetrics_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With AlexNet's weights at random, which alone are not in the package."""
    from torchmetrics.functional.image import lpips
    from torchmetrics.functional.image.lpips import learned_perceptual_image_patch_similarity

    features = lpips._get_tv_model_features

    def untrained(net: str, pretrained: bool = False) -> Any:
        torch.manual_seed(0)
        return features(net)

    monkeypatch.setattr(lpips, "_get_tv_model_features", untrained)
    _perceptual._lpips.cache_clear()
    noise((96, 80)).save(tmp_path / "a.png")
    noise((96, 80), 1).save(tmp_path / "b.png")
    setting = Setting((), (), "sd", "cpu", {"a": tmp_path / "b.png"})
    prompts = [Prompt("a", "x", 0, "far", "cat")]
    with torch.random.fork_rng(devices=[]):
        (found,) = _perceptual.distances([tmp_path / "a.png"], prompts, setting, "", silent)
        pair = [_images.whole(Image.open(tmp_path / f"{n}.png"))[None] / 255 for n in "ab"]
        wanted = learned_perceptual_image_patch_similarity(*pair, net_type="alex", normalize=True)
    _perceptual._lpips.cache_clear()
    assert found > 0 and found == pytest.approx(float(wanted), rel=1e-5)


def test_the_judge_sees_the_middle_of_a_wide_image_and_not_all_of_it_squashed(
    tmp_path: Path,
) -> None:
    ship = render(
        Truth(object="ship", name="ship", colour="red", scene="sea"), np.random.default_rng(0)
    )
    wide = Image.new("RGB", (192, 64), (255, 255, 255))
    wide.paste(ship, (64, 0))
    ship.save(tmp_path / "ship.png")
    wide.save(tmp_path / "wide.png")
    concept = Concept("ship", "object", "the sea")
    prompts = [Prompt(name, "a ship", 0, "target", "ship") for name in ("ship", "wide")]
    paths = [tmp_path / f"{name}.png" for name in ("ship", "wide")]
    one, two = Judge().measure(paths, prompts, Setting((concept,), (concept,), "mini", "cpu"))
    assert one == two and one["label"] == "ship"
