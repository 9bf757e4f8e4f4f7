"""From the command line to a composed config: Hydra, with its folders, errors and exits under control."""
