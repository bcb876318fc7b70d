"""The version of the program, kept where neither Qt nor torch is needed to read it."""

VERSION = "0.1.0"
