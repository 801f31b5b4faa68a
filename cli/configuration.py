"""`postbuch config`: the example file, and a check of the file that is there."""


from postbuch.archive import config as configuration
from postbuch.archive import configexample
from postbuch.cli import output, preflight
from postbuch.cli.helptext import Commands
from postbuch.cli.language import translate as _
from postbuch.cli.options import ConfigOption, JsonOption, load

app = Commands()


@app.command(help=_("Print a commented example file with every key and its default."))
def example(config: ConfigOption = None, json: JsonOption = False) -> None:
    text = configexample.example()
    if json:
        output.print_json({"example": text})
    else:
        output.print_octets(text.encode())


@app.command(help=_("Read the file and say in one sentence what is wrong with it, if anything is."))
def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    path = configuration.locate(config)
    loaded = load(config)
    preflight.check_distinct(loaded)
    preflight.check_files(loaded)
    if loaded.signing:
        # Imported here, as in `up`.
        from postbuch.proxy.signing import Keys

        Keys(loaded)
    if json:
        output.print_json({"ok": True, "file": str(path), "upstreams": [upstream.name for upstream in loaded.upstream]})
    else:
        output.say(_("{path}: no fault found.").format(path=path))
        if not loaded.upstream:
            output.say(_("There is no [[upstream]] in it yet: nobody can log in."))
