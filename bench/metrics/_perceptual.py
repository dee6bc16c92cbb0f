"""How different two images look, to a network: LPIPS, or on mini the judge's own layers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.families import FAMILIES, World
from bench.metrics import Setting
from bench.metrics._images import SQUARE, Transform, by_size, read_images, square, whole
from bench.models.downloads import Checkpoint, Download
from bench.types import InputError, Progress, Prompt

if TYPE_CHECKING:
    from PIL.Image import Image

BATCH = 20
"""Pairs read at once; fixed, so that a resumed run reads the same batches."""
PIXELS = 64
"""Side of what mini's judge takes."""
ALEXNET = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
DETECTOR = (
    f"mini: the layers of its judge ({SQUARE.format(PIXELS)}); others: LPIPS (AlexNet) of "
    "torchmetrics, at the images' own size"
)


@dataclass(frozen=True)
class Network:
    """What compares images, and what it takes."""

    transform: Transform
    distance: Callable[[Any, Any], Any]
    """Of two batches of images (n, 3, height, width), n numbers."""
    device: str


def load(family: str, device: str) -> Network:
    """Return the family's network.

    Args:
        family: Model family that drew the images: `mini` has its judge, others LPIPS.
        device: Where the network computes, as torch names it.

    Raises:
        InputError: its weights are neither on this machine nor to be had.
    """
    return NETWORKS[FAMILIES[family].world](device)


def distances(
    images: Sequence[Path],
    prompts: Sequence[Prompt],
    setting: Setting,
    what: str,
    progress: Progress,
) -> list[float]:
    """Return each image's distance to the un-erased image of its prompt.

    Args:
        images: Files, one a prompt.
        prompts: Their prompts.
        setting: Says where the un-erased images are.
        what: What to call it while it is under way.
        progress: Told the number of images compared.

    Returns:
        Distances from 0 up, NaN where one of the two images is missing or cannot be opened, or
        where LPIPS, which compares place by place, would compare images of two sizes.
    """
    network = load(setting.family, setting.device)

    def compare(one: Any, two: Any) -> Any:
        return network.distance(one.to(network.device), two.to(network.device)).flatten()

    found: list[float] = []
    for start in range(0, len(images), BATCH):
        some = [prompt.id for prompt in prompts[start : start + BATCH]]
        there = [name for name in some if name in setting.unerased]
        ours = _tensors(some, images[start : start + BATCH], network.transform)
        theirs = _tensors(there, [setting.unerased[name] for name in there], network.transform)
        both = [n for n in some if n in ours and n in theirs and ours[n].shape == theirs[n].shape]
        values: dict[str, float] = {}
        if both:
            sides = ([side[name] for name in both] for side in (ours, theirs))
            values = dict(zip(both, by_size(compare, *sides).tolist(), strict=True))
        found += [values.get(name, math.nan) for name in some]
        progress(what, len(found), len(images))
    return found


def _tensors(names: Sequence[str], paths: Sequence[Path], transform: Transform) -> dict[str, Any]:
    """Return the tensors of the images that can be read, by name."""
    tensors, readable = read_images(paths, transform)
    return dict(
        zip((n for n, can in zip(names, readable, strict=True) if can), tensors, strict=True)
    )


def _from_0_to_1(image: Image) -> Any:
    return whole(image).float() / 255


def _judge(device: str) -> Network:
    from bench.models.mini import judge

    judge.load()
    # The judge stays on the CPU, whatever the device that draws.
    return Network(square(PIXELS), _judge_layers, "cpu")


def _judge_layers(one: Any, two: Any) -> Any:
    """Return the distance of images (n, 3, 64, 64) in the judge, computed as LPIPS is.

    The mean over layers and places of |a - b|^2, where a and b are the features of all channels at
    one place, scaled to length 1; from 0 (the same) to 2. Unlike in LPIPS, no layer or channel has
    a weight of its own. Source: Zhang et al. 2018 (1801.03924), equation 1.
    """
    import torch

    from bench.models.mini import judge

    network = judge.load().network
    distances = []
    a, b = one * 2 - 1, two * 2 - 1
    for layer in network.body:
        a, b = layer(a), layer(b)
        if isinstance(layer, judge.Residual):
            difference = torch.nn.functional.normalize(a) - torch.nn.functional.normalize(b)
            distances.append(difference.square().sum(dim=1).mean(dim=(1, 2)))
    return torch.stack(distances).mean(dim=0)


def _alexnet(device: str) -> Network:
    return Network(_from_0_to_1, _lpips(device), device)


@functools.lru_cache(maxsize=1)
def _lpips(device: str) -> Any:
    import torch
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    try:
        metric = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)
    except (OSError, RuntimeError) as error:
        place = Path(torch.hub.get_dir()) / "checkpoints" / Path(ALEXNET).name
        raise InputError(
            f"cannot load AlexNet for LPIPS ({error}); fetch {ALEXNET} and put it at {place}"
        ) from None
    network = metric.net.to(device).eval()
    return lambda one, two: network(one, two, normalize=True)


def downloads(family: str) -> tuple[Download, ...]:
    """Return what the family's network is fetched as; none of mini's, which the package brings.

    Args:
        family: Model family that drew the images.
    """
    return DOWNLOADS[FAMILIES[family].world]


DOWNLOADS: Mapping[World, tuple[Download, ...]] = {
    "rendered": (),
    "photographs": (Checkpoint("AlexNet for LPIPS", ALEXNET),),
}
NETWORKS: Mapping[World, Callable[[str], Network]] = {"rendered": _judge, "photographs": _alexnet}
"""Loads the network that compares images of a world."""
