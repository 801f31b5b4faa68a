"""Work on the archive by schedule: rules, reminders, reports. May import `certs` and `archive`."""
