"""Small parts that panels and canvases share.

Everything here knows numbers and texts only, nothing of the studio. What is painted takes its colours from the theme
while it paints, so that it follows the system from dark to light, and its sizes from the font.
"""
