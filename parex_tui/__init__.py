"""parex: a terminal dashboard that runs task batches with coding agents and checks what they claim."""

__version__ = "0.1.0"
