"""How far the pictures that should stay have moved as a set: FID and KID to the un-erased model."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from bench.metrics import ALL, REAL, STAYING, Measure, Measured, Metric, View
from bench.metrics._images import SQUARE, Transform, in_batches, square, whole
from bench.types import InputError, Progress, silent

BATCH = 25
"""Images read at once."""
PIXELS = 64
"""Side of what mini's judge takes."""
FEATURES = {"mini": 224, "sd": 2048, "sdxl": 2048}
"""Width of the features of each family's network."""
LEAST_KID = 50
"""Fewest images of a side for KID, which is unbiased but noisy below."""
INCEPTION = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
MINI = frozenset({"mini"})


class Fidelity(Metric):
    """FID and KID of what should stay, to the un-erased model's pictures of the same prompts."""

    paper: ClassVar[str] = "FID: Heusel et al. 2017 (1706.08500); KID: 1801.01401; torchmetrics"
    detector: ClassVar[str] = (
        f"mini: its judge's 224 features ({SQUARE.format(PIXELS)}); others: torch-fidelity's "
        "InceptionV3, 2048 features, which itself brings pictures of any size to 299 x 299 as "
        "TensorFlow 1 did (bilinear, without antialiasing; clean-fid's convention differs)"
    )

    @property
    def criterion(self) -> str:
        """Say how many images it takes."""
        return (
            f"FID from {FEATURES['mini'] + 1} images (mini) or {FEATURES['sd'] + 1}, so that "
            f"covariances have full rank, KID from {LEAST_KID}; below, not measured"
        )

    def measures(self) -> tuple[Measure, ...]:
        """Return FID and KID, on each role that should stay and on all of those together."""
        words = (("fid", "Frechet distance"), ("kid", "squared MMD, cubic kernel"))
        nets = (("_judge", "the judge's features", MINI), ("", "InceptionV3's features", REAL))
        return tuple(
            Measure(
                name=f"{self.name}_{name}{suffix}",
                what=f"{distance} of {network}; `{ALL}` pools the roles that should stay",
                direction="lower",
                unit=name.upper(),
                roles=(*STAYING, ALL),
                families=families,
            )
            for suffix, network, families in nets
            for name, distance in words
        )

    def prepare(self, family: str, device: str) -> None:
        """Load the family's network."""
        _network(family, device)

    def of_run(self, view: View, progress: Progress = silent) -> list[Measured]:
        """Return FID and KID over the pairs of which both pictures can be read.

        NaN where there is no un-erased model's run beside, or where pairs are too few.
        """
        roles = [role for role in STAYING if role in view.images]
        paired = [
            role for role in roles if len(view.unerased.get(role, ())) == len(view.images[role])
        ]
        sets: dict[str, tuple[Any, Any]] = {
            role: _both(
                *(features(side[role], view, progress) for side in (view.images, view.unerased))
            )
            for role in paired
        }
        if paired and paired == roles:
            sets[ALL] = _together(list(sets.values()))
        return [score for role in (*roles, ALL) for score in self._scores(role, sets, view)]

    def _scores(
        self, role: str, sets: Mapping[str, tuple[Any, Any]], view: View
    ) -> Iterator[Measured]:
        family = view.setting.family
        suffix = "_judge" if family == "mini" else ""
        one, two = sets.get(role, ((), ()))
        n = len(one)
        fid = frechet(one, two) if n > FEATURES[family] else math.nan
        kid = kernel(one, two) if n >= LEAST_KID else math.nan
        yield Measured(f"{self.name}_fid{suffix}", role, fid, n)
        yield Measured(f"{self.name}_kid{suffix}", role, kid, n)


def features(paths: Sequence[Path], view: View, progress: Progress) -> Any:
    """Return the features (images, d) of files in fp64; a row of NaN for an unreadable one."""
    import torch

    family = view.setting.family
    transform, network = _network(family, view.setting.device)
    seen, readable = in_batches(paths, transform, BATCH, network, "fidelity", progress)
    rows = torch.full((len(paths), FEATURES[family]), math.nan, dtype=torch.float64)
    if any(readable):
        rows[torch.tensor(readable)] = seen.double()
    return rows


def _both(one: Any, two: Any) -> tuple[Any, Any]:
    """Return the rows that neither side lacks."""
    whole = ~(one.isnan().any(dim=1) | two.isnan().any(dim=1))
    return one[whole], two[whole]


def _together(sets: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    import torch

    return torch.cat([one for one, _ in sets]), torch.cat([two for _, two in sets])


def frechet(one: Any, two: Any) -> float:
    """Return the FID of two sets of features (n, d), in fp64."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    return float(_filled(FrechetInceptionDistance(feature=_as_is(one.shape[1])), one, two))


def kernel(one: Any, two: Any) -> float:
    """Return the KID of two sets of features (n, d): one estimate over all images, no subsets."""
    import torch
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(len(one), len(two))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        with warnings.catch_warnings():
            # It warns of the memory that features take; these are a few megabytes.
            warnings.simplefilter("ignore", UserWarning)
            metric = KernelInceptionDistance(
                feature=_as_is(one.shape[1]), subsets=1, subset_size=size
            )
        return float(_filled(metric, one, two)[0])


def _filled(metric: Any, one: Any, two: Any) -> Any:
    metric.set_dtype(one.dtype)
    metric.update(two, real=True)
    metric.update(one, real=False)
    return metric.compute()


def _as_is(width: int) -> Any:
    """Return a network that takes features for images, since torchmetrics wants to extract them."""
    import torch

    network: Any = torch.nn.Identity()
    network.num_features = width
    return network


@functools.lru_cache(maxsize=1)
def _network(family: str, device: str) -> tuple[Transform, Callable[[Any], Any]]:
    """Return what a family's features come from: a transform of pictures, and a network."""
    if family == "mini":
        from bench.mini import judge

        network = judge.load().network
        return square(PIXELS), lambda pixels: network.features(pixels * 2 - 1)
    return whole, _inception(device)


def _inception(device: str) -> Callable[[Any], Any]:
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    try:
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    except (OSError, RuntimeError) as error:
        place = Path(torch.hub.get_dir()) / "checkpoints" / Path(INCEPTION).name
        raise InputError(
            f"cannot load InceptionV3 for FID ({error}); fetch {INCEPTION} and put it at {place}"
        ) from None
    network = network.to(device)
    return lambda pixels: network(pixels.to(device))[0]
