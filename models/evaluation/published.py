"""What papers report, and what keeps our numbers from being quite the same thing.

Facts about papers and data sets, in one place: the table of the zoo and the cards read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.chain import NATS
from models.checkpoint import CheckpointHeader
from models.likelihood import OWN_CODE, part_name
from models.model import AutoregressiveModel
from models.text import TextChain
from models.training.data.mnist import BINARISATION_SEED
from models.training.data.moving_mnist import SEQUENCES, SEQUENCES_SEED, WHITE
from models.training.data.tiny_shakespeare import MEASURED
from models.wording import grouped

BITS_PER_DIM = "bits/dim"
NATS_PER_CHARACTER = f"{NATS}/{TextChain.step_noun}"
TEST = "test"
"""The part of the data that counts."""


@dataclass(frozen=True)
class Published:
    """A negative log-likelihood on the test part. of: which of a paper's models it is of, where that must be said."""

    value: float
    unit: str
    source: str
    of: str = ""

    def __str__(self) -> str:
        return f"{self.value:.2f} {self.unit}{f', {self.of}' if self.of else ''} ({self.source})"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


NADE_2011 = "Larochelle, Murray 2011"
ORDERLESS_2014 = "Uria, Murray, Larochelle 2014"
MADE_2015 = "Germain et al. 2015"
PIXEL_RNN_2016 = "van den Oord et al. 2016, PixelRNN"
GATED_2016 = "van den Oord et al. 2016, PixelCNN decoders"
PIXELCNN_PP_2017 = "Salimans et al. 2017"
VPN_2016 = "Kalchbrenner et al. 2016"
TUTORIAL = "UvA deep learning tutorial 12"
NANO_GPT = "Karpathy, nanoGPT"

PUBLISHED: Mapping[tuple[str, str], tuple[Published, ...]] = {
    ("fvbn", "binarised_mnist"): (Published(97.45, NATS, NADE_2011),),
    ("nade", "binarised_mnist"): (Published(88.33, NATS, ORDERLESS_2014),),
    ("orderless_nade", "binarised_mnist"): (
        Published(85.10, NATS, ORDERLESS_2014, "the mixture of 128 orders; about 89 to 90 along one order"),
    ),
    ("made", "binarised_mnist"): (
        Published(88.40, NATS, MADE_2015, "one hidden layer, one mask"),
        Published(86.64, NATS, MADE_2015, "2 x 8000 units, the mixture of 32 masks"),
    ),
    ("row_lstm", "binarised_mnist"): (Published(80.54, NATS, PIXEL_RNN_2016),),
    ("diagonal_bilstm", "binarised_mnist"): (Published(79.20, NATS, PIXEL_RNN_2016),),
    ("pixelcnn", "binarised_mnist"): (Published(81.30, NATS, PIXEL_RNN_2016),),
    ("gated_pixelcnn", "mnist"): (Published(0.81, BITS_PER_DIM, TUTORIAL, "a PixelCNN of 0.85 M weights"),),
    ("row_lstm", "cifar10"): (Published(3.07, BITS_PER_DIM, PIXEL_RNN_2016),),
    ("diagonal_bilstm", "cifar10"): (Published(3.00, BITS_PER_DIM, PIXEL_RNN_2016),),
    ("pixelcnn", "cifar10"): (Published(3.14, BITS_PER_DIM, PIXEL_RNN_2016),),
    ("gated_pixelcnn", "cifar10"): (Published(3.03, BITS_PER_DIM, GATED_2016, "without classes"),),
    ("pixelcnn_pp", "cifar10"): (
        Published(2.92, BITS_PER_DIM, PIXELCNN_PP_2017, "without classes"),
        Published(2.94, BITS_PER_DIM, PIXELCNN_PP_2017, "class-conditional"),
    ),
    ("transformer", "tiny_shakespeare"): (
        Published(1.88, NATS_PER_CHARACTER, NANO_GPT, "0.80 M weights, 3 minutes of a CPU"),
        Published(1.47, NATS_PER_CHARACTER, NANO_GPT, "10.65 M weights"),
    ),
    ("video_pixel_network", "moving_mnist"): (
        Published(87.6, f"{NATS}/frame", VPN_2016, "grey levels as probabilities, of which 86.3 is the least"),
        Published(110.1, f"{NATS}/frame", VPN_2016, "the same of its baseline of independent pixels"),
    ),
}
"""By architecture and name of the data set."""

TEST_EXAMPLES: Mapping[str, int] = {
    "mnist": 10_000,
    "binarised_mnist": 10_000,
    "mnist14": 10_000,
    "mnist_patches": 490_000,
    "fashion_mnist": 10_000,
    "cifar10": 10_000,
    "cifar10_patches": 160_000,
    "fsdd": 300,
    "moving_mnist": SEQUENCES["test"],
    "moving_mnist32": SEQUENCES["test"],
}
"""How many there are in the whole of each data set's official test part."""

ONE_DRAW = (
    f"one fixed draw of bits, with the intensities of the test images as their probabilities and the published seed "
    f"{BINARISATION_SEED}; it is not the file of Larochelle's that the papers used, so that likelihoods are close to "
    "theirs, but not of the same bits"
)
DEPENDENT = "The standard error over patches takes those of one image to be independent."
BOUNCING = (
    f"Moving MNIST is {SEQUENCES['test']} sequences by the published seed {SEQUENCES_SEED}, of test digits that are "
    f"white from level {WHITE} on: likelihoods are those of the frames after the given ones, given those."
)
DATA_NOTES: Mapping[str, tuple[str, ...]] = {
    "binarised_mnist": (f"Binarised MNIST is {ONE_DRAW}.",),
    "mnist_patches": (f"The bits of the patches are {ONE_DRAW}.", DEPENDENT),
    "cifar10_patches": (DEPENDENT,),
    "tiny_shakespeare": (
        f"The test part of Tiny Shakespeare is the first half of nanoGPT's validation part, and is measured in windows "
        f"of {MEASURED} characters, where nanoGPT's have 64 or 256: with more of the text before each character.",
    ),
    "moving_mnist": (BOUNCING,),
    "moving_mnist32": (BOUNCING,),
}
"""By the name of the data set, what its numbers are to be read with."""

RECONSTRUCTION = f"the cost of a reconstruction {OWN_CODE}, not a likelihood"


def published(header: CheckpointHeader) -> tuple[Published, ...]:
    """What papers report for this architecture on this data set."""
    return PUBLISHED.get((header.architecture, header.data.get("name", "")), ())


def examples_measured(header: CheckpointHeader, network: type[AutoregressiveModel]) -> str:
    """How many test examples were measured, and of how many: ``9 500 of 10 000``; empty where none were."""
    measured = header.likelihood.get(part_name(TEST, network), {})
    if "examples" not in measured:
        return ""
    count, whole = int(measured["examples"]), TEST_EXAMPLES.get(header.data.get("name", ""), 0)
    return f"{grouped(count)} of {grouped(whole)}" if count < whole else grouped(count)


def notes(header: CheckpointHeader, network: type[AutoregressiveModel]) -> list[str]:
    """Sentences to read the measured likelihoods of a checkpoint with."""
    data = header.data.get("name", "")
    found = [*DATA_NOTES.get(data, ())]
    if " of " in (part := examples_measured(header, network)):
        title = header.data.get("title", data)
        found.append(f"Of the official test part of {title} a subset was measured: {part} examples.")
    if network.encodes():
        found.append(f"What is measured of {network.title} is {RECONSTRUCTION}.")
    return found
