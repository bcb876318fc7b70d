"""NADE, the neural autoregressive distribution estimator, class-conditional, over symbols or over real intensities.

Papers: H. Larochelle, I. Murray, "The Neural Autoregressive Distribution Estimator", AISTATS 2011; B. Uria, I. Murray,
H. Larochelle, "RNADE: The real-valued neural autoregressive density-estimator", NIPS 2013; B. Uria, M.-A. Côté,
K. Gregor, I. Murray, H. Larochelle, "Neural Autoregressive Distribution Estimation", JMLR 17, 2016, section 2.

Every conditional has a hidden layer of its own, and all of them share their weights (JMLR, equations 2 and 3):

    h_i = sigmoid(c + W[<i] x_<i),    p(x_i | x_<i) from b_i + V_i h_i.

What goes into the sigmoid is a running sum: a <- a + W_i x_i. So all D conditionals of H hidden units cost O(D H), as
much as one full layer, and so does their gradient (Algorithm 1): see ``RunningSum``.

Two kinds of output:
- ``softmax``: a logit for each level but the lowest, whose logit is 0. Two levels are the paper's Bernoulli.
- ``mixture of Gaussians``: RNADE's logits, means and log standard deviations of ``components`` Gaussians, from
  rectified linear hidden units in place of sigmoids, as RNADE's authors have them: so a mean can follow its neighbours
  in proportion (on patches of photographs, half a bit a pixel ahead of sigmoids after 800 steps).

Deviations from the papers:
- A condition moves the biases c and b; there is none in the papers.
- More than two levels enter as numbers in -1 … 1. On small MNIST of eight levels that learns faster than 0 … 1, and
  indicators, one for each level, learn no faster and take eight times as many weights.
- RNADE's density is integrated over the levels: a level has the mass of its bin, the outermost ones are open-ended, so
  that a mixture is a distribution over the same symbols as a softmax.
- RNADE rescales a by a learned factor for each variable and lowers the learning rate of narrow components' means by
  hand; this file does neither, AdamW evens out the gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import Any

import torch
from torch import Tensor, nn

from models.chain import ImageChain, Symbols
from models.conditional import Categorical, Conditional, MixtureOfGaussians
from models.decoder import Decoder, SnapshotDecoder
from models.errors import InputError
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec
from models.sizes import check_sizes, config_of

SOFTMAX, MIXTURE = "softmax", "mixture of Gaussians"

NARROWEST = 0.1
"""Of the standard deviations of Gaussians, in levels: one in the middle of a level has all but 6e-7 of its mass there,
and a narrower one would have little more."""


@dataclass(frozen=True)
class NADEConfig:
    """hidden: units of the hidden layer, H. output: ``softmax`` or ``mixture of Gaussians``, of ``components``."""

    hidden: int
    output: str
    components: int | None = None

    def __post_init__(self) -> None:
        if self.output not in (SOFTMAX, MIXTURE):
            raise InputError(f"output of a NADE is {SOFTMAX!r} or {MIXTURE!r}, not {shortened(self.output)}")
        check_sizes("NADE", hidden=(self.hidden, 65536))
        if self.output == MIXTURE:
            check_sizes("NADE", components=(self.components, 1024))
        elif self.components is not None:
            raise InputError(f"components of a NADE belong to a {MIXTURE}; a {self.output} has none")


ACTIVATIONS: Mapping[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    SOFTMAX: (torch.sigmoid_, torch.ops.aten.sigmoid_backward),
    MIXTURE: (torch.relu_, lambda of_h, h: of_h * (h > 0)),
}
"""By the output: what makes the hidden layer h of a, in place, and the gradient of a from those of h and h itself."""


class RunningSum(torch.autograd.Function):
    """The hidden layer of one variable after the other, and what each gives: all V_i g(c + W[<i] x_<i) (Algorithm 1).

    x (B, T), c (B, H), w (T, H), v (T, H, P) and the output, which decides on g, to (T, B, P). Autograd would keep T
    hidden layers for the way back. Here the way back begins at the end of the running sum, takes away what each
    variable had added, and computes its layer again: nothing that is kept grows with both T and H but the weights.

    One variable at a time is the fastest way, too, as a and h stay in the processor's cache: the same in blocks of 4 to
    56 variables, with one matrix product for all partial sums of a block, took three to six times as long for bits.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, c: Tensor, w: Tensor, v: Tensor, output: str) -> Tensor:
        activate, _ = ACTIVATIONS[output]
        columns = x.T.contiguous()
        outputs = x.new_empty(x.shape[1], x.shape[0], v.shape[2])
        a, h = c.clone(), torch.empty_like(c)
        for i, column in enumerate(columns):
            torch.mm(activate(h.copy_(a)), v[i], out=outputs[i])
            a.addr_(column, w[i])
        ctx.save_for_backward(columns, a, w, v)
        ctx.output = output
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor, Tensor, None]:
        columns, end, w, v = ctx.saved_tensors
        activate, gradient_of_a = ACTIVATIONS[ctx.output]
        of_outputs = gradients[0].contiguous()
        a, h, of_h = end.clone(), torch.empty_like(end), torch.empty_like(end)
        of_a, of_w, of_v = torch.zeros_like(end), torch.empty_like(w), torch.empty_like(v)
        of_x = torch.empty_like(columns) if ctx.needs_input_grad[0] else None
        for i in reversed(range(len(columns))):
            # All later layers have seen this variable; their gradients are in of_a, its own layer's is not yet.
            torch.mv(of_a.T, columns[i], out=of_w[i])
            if of_x is not None:
                torch.mv(of_a, w[i], out=of_x[i])
            a.addr_(columns[i], w[i], alpha=-1)
            activate(h.copy_(a))
            torch.mm(h.T, of_outputs[i], out=of_v[i])
            torch.mm(of_outputs[i], v[i].T, out=of_h)
            of_a += gradient_of_a(of_h, h)
        return None if of_x is None else of_x.T, of_a, of_w, of_v, None


class NADE(AutoregressiveModel):
    """One hidden layer for each variable of an image, all with the same weights."""

    architecture = "nade"
    family = "neural"
    title = "NADE"
    replayable = True

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        if not isinstance(spec.chain, ImageChain):
            raise InputError(f"a NADE of this file models images, not {spec.chain.modality}")
        self.config = config_of(NADEConfig, spec.config, "a NADE")
        steps, hidden, levels = spec.chain.length, self.config.hidden, spec.chain.alphabet.levels
        self.levels = levels
        self.outputs = levels - 1 if self.config.components is None else 3 * self.config.components
        """Numbers that make a conditional, P."""
        self.W = nn.Parameter(torch.empty(steps, hidden))
        self.V = nn.Parameter(torch.empty(steps, hidden, self.outputs))
        self.b = nn.Parameter(torch.zeros(steps, self.outputs))
        self.c = nn.Parameter(torch.zeros(hidden))
        self.hidden_condition = FactorEmbeddings(spec.factors, hidden)
        self.output_condition = FactorEmbeddings(spec.factors, steps * self.outputs)
        nn.init.normal_(self.W, std=steps**-0.5)
        nn.init.normal_(self.V, std=0.1 * hidden**-0.5)
        if self.config.components is not None:
            # Gaussians side by side over all levels: components that begin alike stay alike.
            with torch.no_grad():
                _, means, log_scales = self.b.chunk(3, -1)
                means.copy_(torch.linspace(-1, 1, 2 * self.config.components + 1)[1::2])
                log_scales.fill_(-math.log(self.config.components))

    def inputs(self, symbols: Tensor) -> Tensor:
        """What enters the running sum for symbols of any shape: bits as they are, other levels in -1 … 1."""
        x: Tensor = symbols.to(self.W.dtype) / (self.levels - 1)
        return x if self.levels == 2 else 2 * x - 1

    def hidden_bias(self, condition: Tensor) -> Tensor:
        """The running sum before the first variable, (B, H)."""
        bias: Tensor = self.c + self.hidden_condition(condition)
        return bias

    def output_bias(self, condition: Tensor) -> Tensor:
        """(B, D, P)."""
        bias: Tensor = self.b + self.output_condition(condition).reshape(-1, *self.b.shape)
        return bias

    def conditional(self, outputs: Tensor) -> Conditional:
        """The distributions that outputs (*batch, P) stand for."""
        if self.config.output == SOFTMAX:
            return Categorical.beside_zero(outputs)
        # Means and standard deviations come in the unit in which all levels lie in -1 … 1.
        unit = (self.levels - 1) / 2
        weights, means, log_scales = outputs.chunk(3, -1)
        log_scales = log_scales.clamp(math.log(NARROWEST / unit), math.log(self.levels / unit))
        return MixtureOfGaussians(weights, unit * (means + 1), unit * log_scales.exp(), self.levels)

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Conditional:
        steps = symbols.shape[1]
        # A sum of hundreds of terms, and means that tell 256 levels apart, need more digits than bfloat16 has.
        with torch.autocast(symbols.device.type, enabled=False):
            x, c = self.inputs(symbols), self.hidden_bias(condition)
            w, v = self.W[:steps], self.V[:steps]
            outputs: Tensor = RunningSum.apply(x, c, w, v, self.config.output)  # type: ignore[no-untyped-call]
            return self.conditional(outputs.transpose(0, 1) + self.output_bias(condition)[:, :steps])

    def cached(self, condition: Tensor) -> CachedNADE:
        return CachedNADE(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.nade import CompiledNADE

        return CompiledNADE(self, condition)


class CachedNADE(SnapshotDecoder):
    """The running sum of a batch: a symbol costs O(H), a conditional O(H P)."""

    engine = "cached"
    model: NADE

    @torch.inference_mode()
    def __init__(self, model: NADE, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._a = model.hidden_bias(condition)
        self._bias = model.output_bias(condition)
        self._keep(0)

    @torch.inference_mode()
    def peek(self) -> Conditional:
        activate, _ = ACTIVATIONS[self.model.config.output]
        outputs = torch.addmm(self._bias[:, self.step], activate(self._a.clone()), self.model.V[self.step])
        return self.model.conditional(outputs)

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        x = self.model.inputs(torch.from_numpy(column).to(self._a.device))
        self._a.addr_(x, self.model.W[self.step])
        self._keep(self.step + 1)

    def _state(self) -> Tensor:
        return self._a.clone()

    def _restore(self, state: Tensor) -> None:
        self._a = state.clone()

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        index = torch.tensor(rows, device=self._a.device)
        self._a, self._bias = self._a[index], self._bias[index]
        self._snapshots = {step: state[index] for step, state in self._snapshots.items()}
