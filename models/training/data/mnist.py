"""MNIST: handwritten digits, as they are published and in three smaller forms.

``mnist``: 28 x 28 pixels of 256 levels. ``binarised_mnist``: bits that are drawn with the intensities as their
probabilities. ``mnist_patches``: tiles of 4 x 4 such bits. ``mnist14``: 14 x 14 pixels of 8 levels.

All of them come from ``mnist/mnist.npz`` or from the IDX files (``train-images-idx3-ubyte`` …, gzipped or not).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.chain import GreyLevels, ImageChain
from models.condition import Category
from models.training.data.base import DataSet, Examples, redrawn
from models.training.data.idx import IdxImages
from models.training.data.images import AT_ONCE, Images, image_rows, tiles

BINARISATION_SEED = 28
"""Of the one draw of ``binarised_mnist`` that everybody is measured on, pixel after pixel in the order of the file.

The draw is not that of the file which Larochelle published after Salakhutdinov and Murray (2008), where the training
part, too, is one draw: likelihoods on the two are close, but not of the same bits.
"""

MNIST_CHAIN = ImageChain(GreyLevels(256), 28, 28)
BINARISED_CHAIN = ImageChain(GreyLevels(2), 28, 28)
PATCH_CHAIN = ImageChain(GreyLevels(2), 4, 4)
MNIST14_CHAIN = ImageChain(GreyLevels(8), 14, 14)
DIGIT = Category("digit", tuple("0123456789"), any=True)

LICENCE = "no licence stated by the original distribution"
ATTRIBUTION = "LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, 1998"

ORIGIN = IdxImages("MNIST", MNIST_CHAIN, DIGIT, packed="mnist.npz", home="mnist/", folders=("", "mnist/", "MNIST/raw/"))


def load_mnist(folder: Path, split: str) -> Examples:
    images, conditions = ORIGIN.read(folder, split)
    return Examples(image_rows(MNIST_CHAIN, images), conditions)


def load_binarised_mnist(folder: Path, split: str) -> Examples:
    images, conditions = ORIGIN.read(folder, split)

    def draw(rng: np.random.Generator) -> Examples:
        return Examples(image_rows(BINARISED_CHAIN, binarise(images, rng)), conditions)

    return redrawn(draw, split, BINARISATION_SEED)


def load_mnist_patches(folder: Path, split: str) -> Examples:
    """The tiles of ``binarised_mnist``, image by image. Those of one image are not independent: a standard error
    that takes them to be is too small."""
    images, _ = ORIGIN.read(folder, split)

    def draw(rng: np.random.Generator) -> Examples:
        symbols = image_rows(PATCH_CHAIN, tiles(binarise(images, rng), PATCH_CHAIN.height))
        return Examples(symbols, [{}] * len(symbols))

    return redrawn(draw, split, BINARISATION_SEED)


def load_mnist14(folder: Path, split: str) -> Examples:
    images, conditions = ORIGIN.read(folder, split)
    return Examples(image_rows(MNIST14_CHAIN, halve(images)), conditions)


def binarise(images: Images, rng: np.random.Generator) -> Images:
    """Black and white images: each pixel is white (255) with probability intensity / 255."""
    drawn = np.empty_like(images)
    for n in range(0, len(images), AT_ONCE):
        some = images[n : n + AT_ONCE]
        drawn[n : n + AT_ONCE] = np.where(rng.random(some.shape) < some / 255, 255, 0)
    return drawn


def halve(images: Images) -> Images:
    """Each two by two pixels averaged, halves rounded up."""
    count, height, width = images.shape
    sums = images.reshape(count, height // 2, 2, width // 2, 2).sum((2, 4), dtype=np.uint16)
    halved: Images = ((sums + 2) // 4).astype(np.uint8)
    return halved


MNIST = DataSet("mnist", "MNIST", MNIST_CHAIN, (DIGIT,), LICENCE, ATTRIBUTION, load_mnist)
BINARISED_MNIST = DataSet(
    "binarised_mnist", "MNIST, binarised", BINARISED_CHAIN, (DIGIT,), LICENCE, ATTRIBUTION, load_binarised_mnist
)
MNIST_PATCHES = DataSet(
    "mnist_patches", "MNIST, binary 4 x 4 patches", PATCH_CHAIN, (), LICENCE, ATTRIBUTION, load_mnist_patches
)
MNIST14 = DataSet("mnist14", "MNIST, 14 x 14 and 8 levels", MNIST14_CHAIN, (DIGIT,), LICENCE, ATTRIBUTION, load_mnist14)
