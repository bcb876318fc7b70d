"""Model cards: the one that lies beside a checkpoint, or one written from the checkpoint's own description."""

from __future__ import annotations

import re

from models.catalog import Entry
from models.checkpoint import CheckpointHeader

MAX_CARD_CHARACTERS = 200_000


def card_text(entry: Entry) -> str:
    """The card of a model as Markdown. A card file that cannot be read counts as missing."""
    if entry.card is not None:
        try:
            with entry.card.open(encoding="utf-8") as file:
                return file.read(MAX_CARD_CHARACTERS)
        except (OSError, UnicodeDecodeError):
            pass
    return written_card(entry.header)


def written_card(header: CheckpointHeader) -> str:
    """A card from the header alone: what the model is, what it learned from, how, and how well."""
    lines = [f"# {_plain(header.title)}", ""]
    reach = "all earlier variables" if header.receptive_field is None else f"{header.receptive_field:,} variables"
    rows = [
        ("Architecture", f"{header.architecture} ({header.family})"),
        ("Data", f"{header.chain.modality}, {header.chain.describe()}"),
        ("Parameters", f"{header.parameters:,}"),
        ("Receptive field", reach),
        *((f"Condition {factor.name}", ", ".join(factor.values)) for factor in header.factors),
        *((f"Likelihood ({part})", _measured(header, part)) for part in header.likelihood),
        ("Learned from", header.data.get("title", "")),
        ("Licence of the data", header.data.get("licence", "")),
        ("Attribution", header.data.get("attribution", "")),
        *((name.capitalize(), str(header.training.get(name, ""))) for name in ("command", "steps", "hardware")),
        ("Training time", f"{header.training['seconds']} s" if "seconds" in header.training else ""),
    ]
    lines += [f"- **{_plain(name)}**: {_plain(value)}" for name, value in rows if value]
    return "\n".join(lines) + "\n"


def _measured(header: CheckpointHeader, part: str) -> str:
    measured = header.likelihood[part]
    if "bits_per_dim" not in measured:
        return ""
    error = measured.get("bits_per_dim_standard_error")
    return f"{measured['bits_per_dim']:.4f}" + (f" ± {error:.4f}" if error is not None else "") + " bits/dim"


def _plain(text: str) -> str:
    """Text of a file as one line that Markdown shows as it is: no links, no pictures, no HTML."""
    return re.sub(r"([\\`*_\[\]<>#|!&~])", r"\\\1", " ".join(text.split()))
