"""The subcommands: each composes its config, builds what it needs, runs it and prints."""
