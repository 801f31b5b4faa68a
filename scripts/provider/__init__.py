"""The pretend provider: a real Dovecot and a small SMTP server for the demo, the tests and the benchmarks."""
