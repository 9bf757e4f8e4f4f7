"""What a step costs on the device at hand: timed, kept, and asked for by ``scaleup.alpha=auto``."""
