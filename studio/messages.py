"""What the window asks of the inference thread, and what it answers: numbers and names, nothing of torch.

The functions at the end make answers of what torch has; the inference thread alone calls them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.chain import Alphabet, MuLaw
from models.checkpoint import CheckpointHeader
from models.condition import Condition
from models.image_files import Pixels
from models.shaping import Shaping
from models.trace import ModelReference, Take, Trace

if TYPE_CHECKING:
    from models.conditional import Conditional

MOST_ROWS = 1024
"""Of a picture of conditionals."""
MENTIONED_WEIGHT = 0.01
"""A component of a mixture is shown from this weight on."""
DENSITY_PLACES = 128
"""At how many places, besides those about its peaks, the density of a mixture is pictured."""
PEAK_PLACES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 13.0, 17.0, 23.0, 30.0)
"""Distances from the mean of a component, in its scales, where its density is pictured: narrow peaks keep theirs.

From the last of them on a straight line to the next of the even places, be it far away, lies on the ground.
"""


@dataclass(frozen=True)
class LoadedInfo:
    """What the window needs to know about a loaded model."""

    header: CheckpointHeader
    reference: ModelReference
    device: str
    engines: tuple[str, ...]
    attends: bool = False
    """Whether it tells how much it looks at each character of its source text."""
    examples: tuple[Pixels, ...] = ()
    """What comes with the program for it to go on from, see ``given_video``."""

    def fastest_engine(self, kernels_warm: bool) -> str:
        """The first engine that is ready: compiled kernels count only once they are in the on-disk cache."""
        ready = [engine for engine in self.engines if engine != "compiled" or kernels_warm]
        return ready[0]


@dataclass(frozen=True)
class WalkRequest:
    """take goes on under a shaping at a pace (steps per second, infinity for all that is possible), up to a step.

    number: of the walk; ``stopped`` tells it back, once for every request. shaping: None where each sample keeps the
    one that it has, whatever ``set_shaping`` says.
    """

    number: int
    take: Take
    shaping: Shaping | None
    pace: float
    until: int | None = None


@dataclass(frozen=True)
class InspectRequest:
    """step: of ``trace``; with ``follow`` whatever step is the frontier when the request is served."""

    token: int
    take: Take
    sample: int
    trace: Trace
    step: int
    shaping: Shaping
    follow: bool = False


@dataclass(frozen=True)
class Density:
    """The density that the levels of a mixture are cut out of: float64, per level.

    places: ascending, on the line where level k lies at k (n,). total: of all components there (n,). shares: weight
    times density of those with at least MENTIONED_WEIGHT, the heaviest first (m, n). components: how many there are.
    """

    places: npt.NDArray[np.float64]
    total: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float64]
    components: int


@dataclass(frozen=True)
class Inspection:
    """The conditional of one step. raw, shaped: probabilities, float64 (K,). symbol: None at a step not yet drawn.

    shaping: the one that ``shaped`` shows. clamped: whether the symbol was put there instead of drawn. density: of a
    mixture, else None. beside: in a colour image the same for the other colours of the pixel, as far as they are known:
    those that come after the step not yet drawn never are, and during a walk only those that were looked at.
    """

    token: int
    sample: int
    step: int
    raw: npt.NDArray[np.float64]
    shaped: npt.NDArray[np.float64]
    shaping: Shaping
    symbol: int | None
    clamped: bool
    density: Density | None = None
    beside: tuple[Inspection, ...] = ()


@dataclass(frozen=True)
class GramRequest:
    take: Take
    trace: Trace
    start: int
    stop: int


def pictured(alphabet: Alphabet) -> Alphabet:
    """What the rows of a picture of conditionals are: the levels, or where they are too many, codes of mu-law.

    These are as fine near silence as six of 65 536 levels, so that quiet sounds are no line in the middle.
    """
    return alphabet if alphabet.levels <= MOST_ROWS else MuLaw(256)


@dataclass(frozen=True)
class Gram:
    """A picture of conditionals: uint8 (steps, rows), the square root of p over its largest value, times 255.

    The rows are the levels of the ``pictured`` alphabet.
    """

    take_id: str
    trace: Trace
    start: int
    image: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class InfluenceRequest:
    """step: one that is drawn, of the shown branch of a sample."""

    token: int
    take: Take
    sample: int
    trace: Trace
    step: int


@dataclass(frozen=True)
class Influence:
    """What the steps before one have to do with it, both (step,): see ``models.influence``.

    reach: bool, which can change its conditional at all. strength: float64, nats per level.
    """

    token: int
    sample: int
    step: int
    reach: npt.NDArray[np.bool_]
    strength: npt.NDArray[np.float64]


@dataclass(frozen=True)
class AttentionRequest:
    """step: of the shown branch of a sample, drawn or the very next."""

    token: int
    take: Take
    trace: Trace
    step: int


@dataclass(frozen=True)
class Attention:
    """How much a model looked at each character of its source, and at the source's end, when it wrote a step.

    weights: float32 (layers, heads, S), each summing to 1 over S.
    """

    token: int
    step: int
    source: str
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True)
class CompareRequest:
    """models: a checkpoint and the condition of its samples for each column. seed, count: of the samples of each."""

    token: int
    models: tuple[tuple[Path, Condition], ...]
    seed: int
    count: int


@dataclass(frozen=True)
class Compared:
    """How far a column of a comparison is. take: None while its model is not loaded. problem: why it does not go on."""

    token: int
    column: int
    take: Take | None
    problem: str = ""


@dataclass(frozen=True)
class Speed:
    """steps_per_second: of each sample. engine, device: of the walk."""

    steps_per_second: float
    engine: str
    device: str


@dataclass(frozen=True)
class Refused:
    """A take that could not be written, and why, in words such as ``the disk is full``."""

    take: Take
    why: str


def brightness_of(conditional: Conditional, alphabet: Alphabet) -> npt.NDArray[np.float64]:
    """The square roots of a batch's (n,) probabilities over the largest of each, (n, rows) as ``pictured`` has them."""
    import torch

    shown = pictured(alphabet)
    if shown is alphabet:
        p = conditional.dense()[..., : alphabet.levels].exp()
    else:
        codes = shown.encode(alphabet.decode(np.arange(alphabet.levels)))
        last = np.searchsorted(codes, np.arange(shown.levels), side="right") - 1
        p = conditional.masses(torch.from_numpy(last)).clamp_min(0)
    brightness: npt.NDArray[np.float64] = (p / p.amax(-1, keepdim=True)).sqrt().numpy()
    return brightness


def inspection_of(request: InspectRequest, step: int, conditional: Conditional) -> Inspection:
    """What the window is told of the conditional of a step: numbers without torch."""
    from models.conditional import shape_probs

    trace, log_p = request.trace, conditional.dense()
    drawn = step < len(trace)
    return Inspection(
        token=request.token,
        sample=request.sample,
        step=step,
        raw=log_p.exp().numpy(),
        shaped=shape_probs(log_p, request.shaping).numpy(),
        shaping=request.shaping,
        symbol=int(trace.symbols[step]) if drawn else None,
        clamped=bool(trace.clamped[step]) if drawn else False,
        density=density_of(conditional),
    )


def density_of(conditional: Conditional) -> Density | None:
    """For a picture: at places that are even, and close together about the peaks of its components.

    None of what is no mixture on the line of the levels.
    """
    import torch

    from models.conditional import BinnedMixture, WithStop

    goes_on, mixture = 1.0, conditional
    if isinstance(conditional, WithStop):
        goes_on, mixture = float(torch.sigmoid(-conditional.stop.double())), conditional.goes_on
    if not isinstance(mixture, BinnedMixture) or mixture.edges is not None:
        return None
    weights = torch.softmax(mixture.weights.double(), -1)
    order = weights.argsort(descending=True, stable=True)
    heavy = order[weights[order] >= MENTIONED_WEIGHT]
    peaks = mixture.of(*(parameter[heavy].double() for parameter in mixture.parameters))
    about = torch.tensor([sign * place for place in PEAK_PLACES for sign in (-1, 1)], dtype=torch.float64)
    near = peaks.means[:, None] + mixture.origin + peaks.scales[:, None] * about
    ends = -0.5, mixture.size - 0.5
    places = np.unique(np.concatenate([np.linspace(*ends, DENSITY_PLACES), near.flatten().clamp(*ends).numpy()]))
    shares = goes_on * mixture.densities(torch.from_numpy(places) - mixture.origin)
    return Density(places, shares.sum(0).numpy(), shares[heavy].numpy(), len(weights))
