"""The front door: the `postbuch` command and the supervisor of the processes."""
