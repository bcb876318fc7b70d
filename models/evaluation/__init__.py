"""Evaluation: likelihood of any data file, and what generated samples are like; it also writes the model cards.

data        images and sounds from files, with their conditions, as a model's symbols
samples     samples that are drawn to be looked at
speech      what an independent classifier hears in generated clips, and their lengths and levels
translation how translations compare with those of people
neighbours  the training examples nearest to samples: copies would show
pictures    images and waves side by side
card        the model card that the application shows
__main__    the commands that write all of this: ``python -m models.evaluation --help``
"""
