"""`python -m cpis_cli`, the same as the command `cpis`."""

from cpis_cli.main import app

app(prog_name="cpis")
