"""Random points around a text embedding, at chosen angles to it: RealEra's neighbours and beyonds.

The law is that of rejection sampling: draw v ~ N(0, I) and r ~ U[0, D], step r from e towards v,
keep the point x = (1 - t) e + t v, t = r / ||v - e||, when cos(e, x) lies in the band. Nothing is
rejected here. The cosine falls with t, so each v has one interval of t that fits both bounds, in
closed form; rejection favours a v in proportion to its interval, so v is resampled with that
weight. Only two numbers of v decide the interval (its part along e, and the length of the rest), so
a few hundred candidates cost nothing even for a prompt of 59,136 dimensions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.types import InputError

CANDIDATES = 256
"""Draws of (part along e, rest) that each sample is chosen from; the law's error is one over
this."""


Sample = Callable[..., Tensor]
"""`sample_neighbors` or `sample_beyond` with their band of cosines filled in."""


def sample_neighbors(
    embedding: Tensor,
    n: int,
    *,
    min_cos: float,
    max_cos: float,
    max_distance: float | Tensor,
    generator: torch.Generator,
    by_row: bool = False,
) -> Tensor:
    """Draw points whose cosine to the embedding lies in [min_cos, max_cos].

    Norm, cosine and distance are those of the whole tensor, flattened, or of each row. Source:
    RealEra section 3 as summarised; the sampler's law is the third-party one.

    Args:
        embedding: Any shape.
        n: Number of points.
        min_cos: Least cosine, at least -1.
        max_cos: Greatest cosine, at most 1.
        max_distance: Greatest Euclidean distance to the embedding; one number, or one per row.
        generator: Source of all randomness, on the CPU.
        by_row: Perturb each row of (m, d) by itself.

    Returns:
        (n, *embedding.shape) in the embedding's dtype, on its device.

    Raises:
        InputError: if the band is empty or no point within max_distance reaches it.
    """
    points = around(
        embedding if by_row else embedding.reshape(1, -1),
        n,
        min_cos=min_cos,
        max_cos=max_cos,
        max_distance=max_distance,
        generator=generator,
    )
    return points.reshape(n, *embedding.shape)


def sample_beyond(
    embedding: Tensor,
    n: int,
    *,
    max_cos: float,
    max_distance: float | Tensor,
    generator: torch.Generator,
    by_row: bool = False,
) -> Tensor:
    """Draw points whose cosine to the embedding is below max_cos: concepts to be left alone.

    Arguments, result and errors are those of `sample_neighbors`.

    Args:
        embedding: Any shape.
        n: Number of points.
        max_cos: Greatest cosine, at most 1.
        max_distance: Greatest Euclidean distance to the embedding; one number, or one per row.
        generator: Source of all randomness, on the CPU.
        by_row: Perturb each row of (m, d) by itself.

    Returns:
        As `sample_neighbors`.

    Raises:
        InputError: no point within max_distance is that far off.
    """
    return sample_neighbors(
        embedding,
        n,
        min_cos=-1.0,
        max_cos=max_cos,
        max_distance=max_distance,
        generator=generator,
        by_row=by_row,
    )


def check_band(min_cos: float, max_cos: float) -> None:
    """Refuse a band of cosines that is empty or holds what no cosine can be.

    Args:
        min_cos: Least cosine.
        max_cos: Greatest cosine.

    Raises:
        InputError: naming both ends.
    """
    if not -1.0 <= min_cos < max_cos <= 1.0:
        raise InputError(
            f"min_cos is {min_cos} and max_cos {max_cos}, allowed is -1 <= min_cos < max_cos <= 1"
        )


def around(
    rows: Tensor,
    n: int,
    *,
    min_cos: float,
    max_cos: float,
    max_distance: float | Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Draw n points around each row on its own.

    Args:
        rows: (m, d).
        n: Points per row.
        min_cos: Least cosine to the row.
        max_cos: Greatest cosine to the row.
        max_distance: Greatest distance to the row; one number, or one per row (m,).
        generator: Source of all randomness, on the CPU.

    Returns:
        (n, m, d).
    """
    check_band(min_cos, max_cos)
    count, dim = rows.shape
    if n == 0:
        return rows.new_zeros(0, count, dim)
    if dim < 2:
        raise InputError("an embedding of one number has no neighbours")
    e = rows.detach().to("cpu", torch.float64)
    length = e.norm(dim=1)
    if not bool((length > 0).all()):
        raise InputError("an embedding of zeros has no neighbours")
    reach = torch.as_tensor(max_distance, dtype=torch.float64).expand(count)

    along, rest, start, end = _components(
        length, reach, n, dim, min_cos=min_cos, max_cos=max_cos, generator=generator
    )
    share = torch.rand(n, count, dtype=torch.float64, generator=generator)
    t = start + share * (end - start)

    noise = torch.randn(n, count, dim, generator=generator).double()
    axis = e / length[:, None]
    noise -= (noise * axis).sum(-1, keepdim=True) * axis
    side = noise / noise.norm(dim=-1, keepdim=True)
    points = (length + t * (along - length))[..., None] * axis + (t * rest)[..., None] * side
    found: Tensor = points.to(rows)
    return found


def around_prompt(
    sample: Sample,
    rows: Tensor,
    n: int,
    *,
    max_distance: float,
    by_token: bool,
    keep_first: bool,
    generator: torch.Generator,
) -> Tensor:
    """Draw points around the embedding of one prompt.

    Args:
        sample: Draws them.
        rows: (positions, dim).
        n: Number of points.
        max_distance: Greatest distance, in norms of what is perturbed.
        by_token: Perturb each token by itself, not the prompt as one vector.
        keep_first: Leave the begin token as it is.
        generator: Source of all randomness, on the CPU.

    Returns:
        (n, positions, dim).
    """
    first = 1 if keep_first else 0
    body = rows[first:]
    norms = body if by_token else body.reshape(1, -1)
    points = sample(
        body,
        n,
        max_distance=max_distance * norms.double().norm(dim=1).cpu(),
        generator=generator,
        by_row=by_token,
    )
    return torch.cat([rows[:first].expand(n, -1, -1), points], dim=1)


def _components(
    length: Tensor,
    reach: Tensor,
    n: int,
    dim: int,
    *,
    min_cos: float,
    max_cos: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw v's part along e, the length of the rest, and its interval of t; each (n, m)."""
    count = len(length)
    shape = (n, count, CANDIDATES)
    along = torch.randn(shape, dtype=torch.float64, generator=generator)
    # The squared length of d - 1 standard normal numbers is gamma distributed.
    half = torch.full(shape, (dim - 1) / 2, dtype=torch.float64)
    rest = (2 * torch._standard_gamma(half, generator=generator)).sqrt()
    a = length[:, None]
    distance = ((along - a) ** 2 + rest**2).sqrt()
    farthest = reach[:, None] / distance
    start = _crossing(a, along, rest, max_cos)
    end = torch.minimum(_crossing(a, along, rest, min_cos), farthest)
    weight = ((end - start) * distance).clamp_min(0).nan_to_num(0.0, 0.0, 0.0)
    if not bool((weight.sum(-1) > 0).all()):
        least = float((start * distance).min())
        raise InputError(
            f"max_distance is {float(reach.max()):.4g}, but the nearest point with a cosine of "
            f"{max_cos} or less lies at about {least:.4g}"
        )
    flat = weight.reshape(-1, CANDIDATES)
    chosen = torch.multinomial(flat, 1, generator=generator).reshape(n, count, 1)
    picked = [values.gather(-1, chosen)[..., 0] for values in (along, rest, start, end)]
    return picked[0], picked[1], picked[2], picked[3]


def _crossing(a: Tensor, along: Tensor, rest: Tensor, cos: float) -> Tensor:
    """Return the t at which the cosine has fallen to `cos`, infinite if it never does.

    cot of the angle is a / (t rest) + (along - a) / rest, which falls with t.
    """
    if cos >= 1.0:
        return torch.zeros_like(rest)
    if cos <= -1.0:
        return torch.full_like(rest, torch.inf)
    cot = cos / (1.0 - cos * cos) ** 0.5
    slope = cot * rest + a - along
    return torch.where(slope > 0, a / slope, torch.inf)
