"""What a network sees of a track, frame by frame.

At a frame the event that began last counts, whether or not it still goes on: its values; how long ago it began and, if
so, ended; and, unless it is ``held``, how much of it is over. A small causal network over the frames makes features of
them, which say nothing of events that have not begun.

Where a track has a pitch, its *tone* is given to the network sample by sample, too: the first sines and cosines of its
harmonic series from the beginning of the event on, which say as much as the pitch itself. To make them of a number is
hard for a network, to use them is not (X. Wang, S. Takaki, J. Yamagishi, "Neural Source-Filter-Based Waveform Model for
Statistical Parametric Speech Synthesis", ICASSP 2019, where the source is such a tone). Its *period* says where in the
past a sound of that pitch was as it is now.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.track import MAX_EVENTS, NEVER, Number, Pitch, Track

OCTAVES = 6
"""Of the sines and cosines in which a number is told, so that neighbours differ."""
DECAYS = (0.01, 0.05, 0.25, 1.0)
"""Seconds in which what is told of a time since then falls to 1 / e."""
WAVES = 4
"""Half periods of the cosines that tell how much of an event is over."""
HARMONICS = 4
"""Of a tone."""
SHORTEST_PERIOD = 3.0
"""Samples: between those that are known lies the sound a period ago, told of the two on each of its sides."""
KERNEL = 3
"""Frames that are seen at a time: this one and those before it."""

Pitches = TypeVar("Pitches", float, Tensor)


def frequency_of(midi: Pitches) -> Pitches:
    """In Hz, of pitches as MIDI numbers."""
    return 440 * 2 ** ((midi - 69) / 12)


class TrackFeatures(nn.Module):
    """Conditions (B, F) and numbers of frames (n,) to features (B, n, channels)."""

    def __init__(self, track: Track, place: slice, channels: int) -> None:
        """place: where the track's numbers stand in a condition."""
        super().__init__()
        self.place, self.widths = place, track.widths
        self.is_number = [isinstance(part, Number) for part in track.parts]
        self.held, self.per_second = track.held, track.per_second
        self.pitch = next((n for n, part in enumerate(track.parts) if isinstance(part, Pitch)), None)
        """Which of the parts is a pitch."""
        self.pitches = [(part.low, part.high) if isinstance(part, Pitch) else (0.0, 0.0) for part in track.parts]
        told = sum(
            1 + 2 * OCTAVES if number else width for number, width in zip(self.is_number, self.widths, strict=True)
        )
        inputs = told + 1 + 2 * len(DECAYS) + (0 if track.held else 1 + WAVES)
        self.inputs = nn.Linear(inputs, channels)
        self.to_come = None if track.held else nn.Linear(1, channels, bias=False)
        self.over_frames = nn.Linear(KERNEL * channels, channels)

    def forward(self, condition: Tensor, frames: Tensor) -> Tensor:
        # With the frames before, which the first ones see. Times must not be rounded, which autocast would do.
        seen = torch.stack([frames + back for back in range(1 - KERNEL, 1)], 1)
        with torch.autocast(condition.device.type, enabled=False):
            told = self.told(condition, seen.flatten()).to(self.inputs.weight.dtype)
        known = self.inputs(told)
        if self.to_come is not None:
            known = known + self.to_come(self.events_to_come(condition, seen.flatten()).to(told.dtype))
        hidden = torch.unflatten(F.relu(known), 1, seen.shape).flatten(2)
        return F.relu(self.over_frames(hidden))

    def told(self, condition: Tensor, frames: Tensor) -> Tensor:
        """What is known at each frame, (B, n, inputs)."""
        there, start, duration, values = self._latest(condition, frames)
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

    def events_to_come(self, condition: Tensor, frames: Tensor) -> Tensor:
        """1 at frames (n,) that an event begins after, else 0: (B, n, 1)."""
        starts = torch.unflatten(condition[:, self.place], 1, (MAX_EVENTS, -1))[:, None, :, 0]
        return ((starts > frames[:, None]) & (starts < NEVER)).any(-1, keepdim=True)

    def age(self, condition: Tensor, steps: Tensor, hop: int) -> Tensor:
        """Seconds since the latest event began, at steps (n,) of which ``hop`` are a frame: (B, n), before it inf."""
        there, start, _, _ = self._latest(condition, steps // hop)
        age = (steps[:, None] - start.double() * hop) / (hop * self.per_second)
        return torch.where(there, age, math.inf)[..., 0]

    def tone(self, condition: Tensor, steps: Tensor, hop: int) -> Tensor:
        """The tone at steps (n,), of which ``hop`` are a frame: (B, n, 2 HARMONICS); 0 where nothing goes on."""
        goes_on, start, first = self._played(condition, steps // hop)
        # In float64: of a note that is held for minutes the phase would have no digits left.
        frequency = first * torch.arange(1, HARMONICS + 1, device=first.device)
        turns = frequency * (steps[:, None] - start.double() * hop) / (hop * self.per_second)
        heard = goes_on & (2 * frequency < hop * self.per_second)
        phase = 2 * math.pi * (turns - turns.floor())
        return torch.cat([torch.where(heard, phase.sin(), 0.0), torch.where(heard, phase.cos(), 0.0)], -1).float()

    def period(self, condition: Tensor, steps: Tensor, hop: int) -> Tensor:
        """In samples, of the pitch at steps (n,), of which ``hop`` are a frame: float64 (B, n).

        0 where nothing goes on, and for what is shorter than ``SHORTEST_PERIOD``.
        """
        goes_on, _, frequency = self._played(condition, steps // hop)
        period = hop * self.per_second / frequency
        return torch.where(goes_on & (period >= SHORTEST_PERIOD), period, 0.0)[..., 0]

    def longest_period(self, hop: int) -> float:
        """In samples, of the lowest pitch that there is."""
        assert self.pitch is not None
        return hop * self.per_second / frequency_of(float(self.pitches[self.pitch][0]))

    def _played(self, condition: Tensor, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """At frames (n,): whether an event goes on, its start, and the frequency of its pitch in Hz, float64.

        Each (B, n, 1).
        """
        assert self.pitch is not None
        there, start, duration, values = self._latest(condition, frames)
        low, high = self.pitches[self.pitch]
        midi = low + (values[self.pitch].double() + 1) / 2 * (high - low)
        return there & (frames[:, None] < start + duration), start, frequency_of(midi)

    def _latest(self, condition: Tensor, frames: Tensor) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """At frames (n,) of the event that began last: whether there is one, its start, duration and values.

        Each (B, n, ...).
        """
        events = torch.unflatten(condition[:, self.place], 1, (MAX_EVENTS, -1))
        starts = events[..., 0].contiguous()  # in ascending order
        begun = torch.searchsorted(starts, frames.to(starts.dtype).repeat(len(starts), 1), right=True)
        latest = (begun - 1).clamp_min(0)[..., None].expand(-1, -1, events.shape[-1])
        start, duration, *values = torch.split(events.gather(1, latest), [1, 1, *self.widths], -1)
        return (begun > 0)[..., None], start, duration, values
