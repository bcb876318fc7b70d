"""Walks on a GPU by a pass that is recorded once, as a graph, and replayed at every step.

To launch the hundreds of small kernels of a step costs a GPU more than to compute them. A graph is launched as one: it
does again exactly what was recorded, in the same memory. What is recorded here is the parallel pass over the whole
chain, as far as it is known: much more work than a cached step, of which a GPU notices little, and every network has it
whose pass is the same whatever the symbols are, see ``AutoregressiveModel.replayable``.

Elsewhere than on CUDA, torch.fx records the operations one by one. That is slower than the pass itself. It is there to
be looked at: what Python decided, and what it copied to the device, is as lost in it as in a graph.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from models.chain import Symbols
from models.conditional import Conditional
from models.decoder import ReferenceDecoder
from models.engines import GRAPH
from models.errors import InputError
from models.model import AutoregressiveModel

WARM_UPS = 3
"""Passes before the recording, in which libraries choose their kernels and allocate what they keep."""

Replay = Callable[[], object]


def recorded(work: Callable[[], object], device: torch.device) -> Replay:
    """Work on memory that stays where it is, as something that does it again; it is done at least once before."""
    if device.type != "cuda":
        from torch.fx.experimental.proxy_tensor import make_fx  # takes its time, which no walk should wait for

        replay: Replay = make_fx(work)()
        return replay
    aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(aside):
        for _ in range(WARM_UPS):
            work()
    torch.cuda.current_stream(device).wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


class GraphedDecoder(ReferenceDecoder):
    """The parallel pass over a buffer of all symbols, replayed when a conditional is asked for."""

    engine = GRAPH

    @torch.inference_mode()
    def __init__(self, model: AutoregressiveModel, condition: Tensor) -> None:
        super().__init__(model, condition)
        if model.chain.length is None:
            raise InputError(f"{model.title} has no {self.engine} engine: its chain has no fixed length")
        self._prepare(torch.zeros(self.rows, model.chain.length, dtype=torch.int64, device=condition.device))

    def _prepare(self, known: Tensor) -> None:
        """Records the pass over a buffer of symbols (B, D), zeros where none is known yet."""
        self._known = known
        parameters: list[Tensor] = []
        kind: list[Conditional] = []

        def whole_pass() -> None:
            conditionals = self.model.conditionals(known, self.condition)
            if not kind:
                kind.append(conditionals)
                parameters.extend(parameter.clone() for parameter in conditionals.parameters)
            for kept, parameter in zip(parameters, conditionals.parameters, strict=True):
                kept.copy_(parameter)

        whole_pass()
        self._conditionals = kind[0].of(*parameters)
        self._replay = recorded(whole_pass, known.device)
        self._passed = 0
        """The step whose symbols the last pass knew."""

    @torch.inference_mode()
    def peek(self) -> Conditional:
        if self._passed != self.step:
            self._replay()
            self._passed = self.step
        here = torch.tensor([self.step], device=self._known.device)
        return self._conditionals[:, here][:, 0]

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        self._known[:, self.step] = torch.from_numpy(column).to(self._known.device)

    @torch.inference_mode()
    def _rewind(self, step: int) -> None:
        self._known[:, step:] = 0  # no conditional depends on it, but for the last digits, on a GPU
        self._passed = -1  # other symbols may follow, up to the same step

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        self._prepare(self._known[rows])
        self._replay()
        self._passed = self.step
