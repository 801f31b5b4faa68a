"""`postbuch doctor`: one line for each thing that must be well, with the remedy where it is not."""

import typer

from postbuch.archive import config as configuration
from postbuch.cli import checks, output
from postbuch.cli.options import ConfigOption, JsonOption, load


def doctor(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Exit code 1 when a problem was found."""
    path = configuration.locate(config)
    findings = []
    for finding in checks.examine(load(config), path):
        findings.append(finding)
        if not json:
            remedy = f" — {finding.remedy}" if finding.remedy and not finding.ok else ""
            output.print_mark(finding.ok, finding.name, finding.sentence + remedy)
    good = all(finding.ok for finding in findings)
    if json:
        output.print_json({"ok": good, "checks": [finding.as_json() for finding in findings]})
    raise typer.Exit(0 if good else 1)
