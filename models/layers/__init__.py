"""Layers that several networks share, each with what a walk pixel by pixel needs of it."""
