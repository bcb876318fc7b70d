"""Fully visible belief network (FVBN): every conditional is a logistic regression on all earlier variables.

Papers: R. Neal, "Connectionist learning of belief networks", Artificial Intelligence 56, 1992 (sigmoid belief networks,
of which this one has no hidden variable); B. Frey, "Graphical Models for Machine Learning and Digital Communication",
MIT Press 1998 ("logistic autoregressive Bayesian network"); the baseline of Y. Bengio and S. Bengio, "Modeling
High-Dimensional Discrete Data with Multi-Layer Neural Networks", NIPS 1999, and of the papers on NADE and MADE.

For binary variables,

    p(x_i = 1 | x_<i) = sigmoid(b_i + sum_{j < i} W_ij x_j),

so that W is strictly lower triangular: D (D - 1) / 2 weights and D biases, 307 720 parameters for D = 784. The number
grows with D^2, where that of tables grows with 2^D; what is lost is every interaction of two earlier variables. The
log-likelihood is concave in all parameters, and each variable could be fitted by itself.

Deviations:
- K symbols: each regression has a softmax over K - 1 logits and the zero of symbol 0, and each earlier variable is seen
  as K - 1 indicators, again without symbol 0's. That is (K - 1)^2 D (D - 1) / 2 + (K - 1) D parameters, and for K = 2
  the model above exactly.
- Conditions add a bias of their own to every logit.
- W is stored as a square matrix, of which a mask hides the upper part in every pass: one product for all conditionals.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.chain import Symbols
from models.conditional import Categorical
from models.decoder import Decoder
from models.errors import InputError
from models.model import AutoregressiveModel, FactorEmbeddings, ModelSpec, indicators
from models.sizes import check_weights


class FVBN(AutoregressiveModel):
    """A logistic (for more than two symbols, softmax) regression for every variable.

    All weights begin at zero: the likelihood has one maximum, and no symmetry has to be broken on the way to it.
    """

    architecture = "fvbn"
    family = "linear"
    title = "FVBN"
    replayable = True

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__(spec)
        length, levels = spec.chain.length, spec.chain.alphabet.size
        if length is None:
            raise InputError("an FVBN needs a fixed number of variables; this chain is open-ended")
        if spec.config:
            raise InputError(f"an FVBN has no sizes of its own, it is given nothing; not {', '.join(spec.config)}")
        units = length * (levels - 1)
        check_weights(f"an FVBN of {length} variables of {levels} symbols has a matrix of {units}^2 =", units**2)
        self.length, self.levels = length, levels
        self.weight = nn.Parameter(torch.zeros(units, units))
        self.bias = nn.Parameter(torch.zeros(units))
        self.condition = FactorEmbeddings(spec.factors, units)
        earlier = torch.ones(length, length).tril(-1)
        self.earlier: Tensor
        self.register_buffer(
            "earlier", earlier.repeat_interleave(levels - 1, 0).repeat_interleave(levels - 1, 1), persistent=False
        )

    @property
    def parameter_count(self) -> int:
        """Without the weights that the mask hides."""
        used = (self.levels - 1) ** 2 * self.length * (self.length - 1) // 2
        return super().parameter_count - self.weight.numel() + used

    def biases(self, condition: Tensor) -> Tensor:
        """Bias plus condition of every logit: (B, D (K - 1))."""
        biases: Tensor = self.bias + self.condition(condition)
        return biases

    def conditionals(self, symbols: Tensor, condition: Tensor) -> Categorical:
        steps = symbols.shape[1]
        known = indicators(F.pad(symbols, (0, self.length - steps)), self.levels)
        x = known.flatten(1).to(self.weight.dtype)
        logits = F.linear(x, self.weight * self.earlier) + self.biases(condition)
        return Categorical.beside_zero(logits.reshape(known.shape)[:, :steps])

    def cached(self, condition: Tensor) -> Decoder:
        return CachedFVBN(self, condition)

    def compiled(self, condition: Tensor) -> Decoder:
        from models.kernels.fvbn import CompiledFVBN

        return CompiledFVBN(self, condition)


class CachedFVBN(Decoder):
    """One row of the matrix per step: a whole walk costs the multiplications of one parallel pass.

    The state is what was pushed, so that going back needs nothing but to forget.
    """

    engine = "cached"
    model: FVBN

    @torch.inference_mode()
    def __init__(self, model: FVBN, condition: Tensor) -> None:
        super().__init__(model, condition)
        self._biases = model.biases(condition)
        self._x = torch.zeros_like(self._biases)

    @torch.inference_mode()
    def peek(self) -> Categorical:
        begin = self.step * (self.model.levels - 1)
        end = begin + self.model.levels - 1
        row = self.model.weight[begin:end, :begin]
        return Categorical.beside_zero(torch.addmm(self._biases[:, begin:end], self._x[:, :begin], row.T))

    @torch.inference_mode()
    def _push(self, column: Symbols) -> None:
        begin = self.step * (self.model.levels - 1)
        symbols = torch.from_numpy(column).to(self._x.device)
        self._x[:, begin : begin + self.model.levels - 1] = indicators(symbols, self.model.levels)

    def _rewind(self, step: int) -> None:
        pass

    @torch.inference_mode()
    def _select(self, rows: list[int]) -> None:
        self._biases, self._x = self._biases[rows], self._x[rows]
