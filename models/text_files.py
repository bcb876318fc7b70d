"""Texts as files: plain text, and a page that shows what each character cost."""

from __future__ import annotations

import codecs
import json
import unicodedata
from html import escape
from html.parser import HTMLParser
from itertools import groupby

import numpy as np

from models.chain import Chain, Symbols
from models.errors import FileError, InputError
from models.file_format import Format, no_record, summary
from models.heat import bright, heat_table
from models.record import PROGRAM, record_text
from models.sweep import labels
from models.text import Characters, TextChain
from models.trace import Take, Trace
from models.version import VERSION

RECORD_ID = "sampling-studio"
"""Of the element of a page that has the record."""
COLOURS = ("none", "entropy", "surprise")
"""What the characters of a page can be coloured by."""
SHADES = 32
"""Colours of a page, from 0 bits to those of the uniform conditional."""
STOP_MARK = "■"


def read_text(data: bytes, name: str) -> str:
    """A text of any program, in UTF-8, or in UTF-16 that says so; lines end as models know it, accents are one
    character with their letter. Raises FileError for anything else, and for a text without characters.
    """
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"{name} is no text in UTF-8: its byte {error.start} does not fit") from None
    if "\0" in text:
        raise FileError(f"{name} is no text: it has characters of code 0")
    if not text:
        raise FileError(f"{name} is empty")
    return canonical(text)


def canonical(text: str) -> str:
    """A text with line breaks and accents as models know them, whatever wrote it."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


class Txt(Format):
    """The characters of one text in UTF-8, and nothing else: what has no place for a record carries none."""

    suffix = ".txt"
    title = "Plain text"
    modality = "text"
    several = False
    scaled = False
    keeps_record = False

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        return _text(view.chain, view.traces[0]).encode()

    def recognises(self, data: bytes) -> bool:
        try:
            read_text(data, "")
        except FileError:
            return False
        return True

    def record_in(self, data: bytes, name: str) -> str:
        raise no_record(name, "plain text")

    def shows(self, data: bytes, name: str, take: Take) -> bool:
        return data == self.content(take)

    def read_foreign(self, data: bytes, name: str, chain: Chain) -> list[Symbols]:
        """One text, closed by the stop symbol. Raises InputError that names the characters the chain does not know."""
        if not isinstance(chain, TextChain):
            raise InputError(f"{name} holds a text; the model expects {chain.modality} data")
        text = read_text(data, name)
        alphabet = chain.alphabet
        if isinstance(alphabet, Characters) and "\n" not in alphabet.characters:  # every editor ends a file with one
            text = text.removesuffix("\n")
        symbols = chain.symbols(text)
        if len(symbols) > chain.limit:
            steps = len(symbols) - chain.alphabet.stop
            raise InputError(f"{name} has {steps} {chain.step_noun}s; the model reads up to {chain.limit}")
        return [symbols]


class Html(Format):
    """A page with each text, what was given of it told apart, and its characters coloured by what they cost.

    The record is in a script element of JSON, which no browser runs.
    """

    suffix = ".html"
    title = "Web page"
    modality = "text"
    several = True
    scaled = False

    def __init__(self, *, coloured_by: str = "surprise") -> None:
        """coloured_by: one of COLOURS; where the bits are not known, there is no colour."""
        self.coloured_by = coloured_by

    def content(self, view: Take, *, scale: int = 1) -> bytes:
        chain = view.chain
        assert isinstance(chain, TextChain)
        made = [label.full for label in labels(view)] or [f"sample {t.schedule[0].sample}" for t in view.traces]
        heads = [f"<h2>{escape(head)}</h2>\n" if len(made) > 1 else "" for head in made]
        texts = "\n".join(
            f'{head}<pre class="text">{self._marked(chain, view, trace)}</pre>'
            for head, trace in zip(heads, view.traces, strict=True)
        )
        # JSON may write any character by its number: no text ends the element that it stands in.
        record = record_text(view).replace("<", "\\u003c")
        scale_of = "" if self.coloured_by == "none" else f"; coloured by {self.coloured_by}, 0 … {_most_bits(chain)}"
        return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="{PROGRAM} {VERSION}">
<title>{escape(view.model.title)}</title>
<style>
{STYLE}
{self._shades()}
</style>
</head>
<body>
<h1>{escape(view.model.title)}</h1>
<p>{escape(summary(view) + scale_of)}</p>
{texts}
<script type="application/json" id="{RECORD_ID}">{record}</script>
</body>
</html>
""".encode()

    def _shades(self) -> str:
        if self.coloured_by == "none":
            return ""
        shades = heat_table()[np.linspace(0, 255, SHADES).astype(int)]
        return "\n".join(
            f".b{n} {{ background: #{bytes(shade).hex()}; color: {'#000' if dark else '#fff'}; }}"
            for n, (shade, dark) in enumerate(zip(shades, bright(shades), strict=True))
        )

    def _marked(self, chain: TextChain, view: Take, trace: Trace) -> str:
        """What each step drew as markup, in one element what looks alike."""
        letters = chain.parts(trace.symbols)
        known = np.array(view.given[: len(letters)], np.int32)
        given = np.zeros(len(letters), np.bool_)
        given[: len(known)] = trace.symbols[: len(known)] == known  # an edit may have put another one there
        shade = np.full(len(letters), -1)
        if self.coloured_by != "none":
            bits = (trace.entropy if self.coloured_by == "entropy" else trace.surprise)[: len(letters)]
            known = ~np.isnan(bits)
            share = np.clip(bits[known] / np.log2(chain.alphabet.size), 0, 1)
            shade[known] = np.minimum((share * SHADES).astype(int), SHADES - 1)
        looks = zip(given.tolist(), shade.tolist(), strict=True)
        parts = []
        for (was_given, number), group in groupby(zip(looks, letters, strict=True), key=lambda pair: pair[0]):
            names = [*(["given"] if was_given else []), *([f"b{number}"] if number >= 0 else [])]
            inner = escape("".join(letter for _, letter in group))
            parts.append(f'<span class="{" ".join(names)}">{inner}</span>' if names else inner)
        ended = len(trace) > len(letters)
        # A line break at the very beginning of a pre element is none to a browser.
        return "\n" + "".join(parts) + ('<b title="stop"></b>' if ended else "")

    def recognises(self, data: bytes) -> bool:
        return data[:64].lstrip(codecs.BOM_UTF8).lstrip().lower().startswith((b"<!doctype html", b"<html"))

    def record_in(self, data: bytes, name: str) -> str:
        record = _Page(data).record
        if not record:
            raise no_record(name, "a web page")
        json.loads(record)  # one that was cut off is damage
        return record

    def shows(self, data: bytes, name: str, take: Take) -> bool:
        return _Page(data).texts == [_text(take.chain, trace) for trace in take.traces]


class _Page(HTMLParser):
    """The texts and the record of a page."""

    def __init__(self, data: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.record = ""
        self._inside = ""
        self.feed(data.decode("utf-8-sig"))
        self.close()
        self.texts = [text.removeprefix("\n") for text in self.texts]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre" and ("class", "text") in attrs:
            self._inside = "pre"
            self.texts.append("")
        elif tag == "script" and ("id", RECORD_ID) in attrs:
            self._inside = "script"

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "pre":
            self.texts[-1] += data
        elif self._inside == "script":
            self.record += data


def _text(chain: Chain, trace: Trace) -> str:
    assert isinstance(chain, TextChain)
    return chain.text(trace.symbols)


def _most_bits(chain: Chain) -> str:
    return f"{np.log2(chain.alphabet.size):.3g} bits"


STYLE = f"""\
body {{ max-width: 48em; margin: 2em auto; padding: 0 1em; font: 15px/1.5 system-ui, sans-serif; }}
body {{ background: #eceef1; color: #1d2026; }}
h1 {{ font-size: 1.3em; }} h2 {{ font-size: 1em; }} p, h2 {{ color: #646a76; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font: 15px/1.5 ui-monospace, monospace; }}
.given {{ border-bottom: 1px solid #1a6fdc; }}
b::after {{ content: "{STOP_MARK}"; color: #1a6fdc; }}
@media (prefers-color-scheme: dark) {{
  body {{ background: #121317; color: #e3e5ea; }} p, h2 {{ color: #8f949f; }}
  .given {{ border-color: #57a4ff; }} b::after {{ color: #57a4ff; }}
}}"""
"""Of a page."""
