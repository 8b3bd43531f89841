"""Run the command with ``python -m solarsynth.cli``, as torchrun does."""

from solarsynth.cli import main

main(prog_name="solarsynth")
