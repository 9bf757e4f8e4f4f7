"""Every problem of the library by its default command: error, size, time."""
