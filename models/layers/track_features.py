"""What a network sees of a track, frame by frame.

At a frame the event that began last counts, whether or not it still goes on: its values; how long ago it began and, if
so, ended; and, unless it is ``held``, how much of it is over. A small causal network over the frames makes features of
them, which say nothing of events that have not begun.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.track import MAX_EVENTS, Number, Track

OCTAVES = 6
"""Of the sines and cosines in which a number is told, so that neighbours differ."""
DECAYS = (0.01, 0.05, 0.25, 1.0)
"""Seconds in which what is told of a time since then falls to 1 / e."""
WAVES = 4
"""Half periods of the cosines that tell how much of an event is over."""
KERNEL = 3
"""Frames that are seen at a time: this one and those before it."""


class TrackFeatures(nn.Module):
    """Conditions (B, F) and numbers of frames (n,) to features (B, n, channels)."""

    def __init__(self, track: Track, place: slice, channels: int) -> None:
        """place: where the track's numbers stand in a condition."""
        super().__init__()
        self.place, self.widths = place, track.widths
        self.is_number = [isinstance(part, Number) for part in track.parts]
        self.held, self.per_second = track.held, track.per_second
        told = sum(
            1 + 2 * OCTAVES if number else width for number, width in zip(self.is_number, self.widths, strict=True)
        )
        inputs = told + 1 + 2 * len(DECAYS) + (0 if track.held else 1 + WAVES)
        self.inputs = nn.Linear(inputs, channels)
        self.over_frames = nn.Linear(KERNEL * channels, channels)

    def forward(self, condition: Tensor, frames: Tensor) -> Tensor:
        # With the frames before, which the first ones see. Times must not be rounded, which autocast would do.
        seen = torch.stack([frames + back for back in range(1 - KERNEL, 1)], 1)
        with torch.autocast(condition.device.type, enabled=False):
            told = self.told(condition, seen.flatten())
        hidden = torch.unflatten(F.relu(self.inputs(told)), 1, seen.shape).flatten(2)
        return F.relu(self.over_frames(hidden))

    def told(self, condition: Tensor, frames: Tensor) -> Tensor:
        """What is known at each frame, (B, n, inputs)."""
        events = torch.unflatten(condition[:, self.place], 1, (MAX_EVENTS, -1))
        begun = (events[:, None, :, 0] <= frames[:, None]).sum(-1)
        latest = (begun - 1).clamp_min(0)[..., None].expand(-1, -1, events.shape[-1])
        start, duration, *values = torch.split(events.gather(1, latest), [1, 1, *self.widths], -1)
        there = (begun > 0)[..., None]
        age, since_end = ((frames[:, None] - when) / self.per_second for when in (start, start + duration))
        goes_on = there & (since_end < 0)
        parts = [goes_on.float()]
        for value, number in zip(values, self.is_number, strict=True):
            parts.append(torch.where(there, value, 0.0))
            if number:
                angles = value * (math.pi * 2.0 ** torch.arange(OCTAVES, device=value.device))
                parts += [torch.where(there, angles.sin(), 0.0), torch.where(there, angles.cos(), 0.0)]
        decays = torch.tensor(DECAYS, device=age.device)
        parts.append(torch.where(there, torch.exp(-age.clamp_min(0) / decays), 0.0))
        parts.append(torch.where(there & ~goes_on, torch.exp(-since_end.clamp_min(0) / decays), 0.0))
        if not self.held:
            over = torch.where(goes_on, age * self.per_second / duration, 0.0)
            waves = torch.cos(math.pi * over * torch.arange(1, WAVES + 1, device=over.device))
            parts += [over, torch.where(goes_on, waves, 0.0)]
        return torch.cat(parts, -1)
