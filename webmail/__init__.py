"""The web mail client on the archive. Never imports `proxy`."""
