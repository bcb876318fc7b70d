"""Fashion-MNIST: articles of clothing in the format of MNIST.

From ``fashion_mnist/fashion_mnist.npz``, or from the IDX files in ``fashion_mnist`` or ``FashionMNIST/raw``: their
names are those of MNIST, so that files in the data folder itself are never taken for these.
"""

from __future__ import annotations

from pathlib import Path

from models.chain import GreyLevels, ImageChain
from models.condition import Category
from models.training.data.base import DataSet, Examples
from models.training.data.idx import IdxImages
from models.training.data.images import image_rows

CHAIN = ImageChain(GreyLevels(256), 28, 28)
GARMENT = Category(
    "garment",
    (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
    any=True,
)  # fmt: skip

ORIGIN = IdxImages(
    "Fashion-MNIST",
    CHAIN,
    GARMENT,
    packed="fashion_mnist.npz",
    home="fashion_mnist/",
    folders=("fashion_mnist/", "FashionMNIST/raw/"),
)


def load_fashion_mnist(folder: Path, split: str) -> Examples:
    images, conditions = ORIGIN.read(folder, split)
    return Examples(image_rows(CHAIN, images), conditions)


FASHION_MNIST = DataSet(
    name="fashion_mnist",
    title="Fashion-MNIST",
    chain=CHAIN,
    factors=(GARMENT,),
    licence="MIT",
    attribution="Xiao, Rasul, Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine learning "
    "algorithms, arXiv:1708.07747, 2017",
    load=load_fashion_mnist,
)
