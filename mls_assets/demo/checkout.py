"""Preparing a checkout, for `make install`: a bare `dagster dev` finds the verbs' DAGSTER_HOME.

Dagster reads `.env` in the working directory. Only the one line marked as ours is ever written
there; a DAGSTER_HOME of the user's own stays, in the file as in the environment.
"""

import sys
from pathlib import Path

MARK = "# by make install"


def env_text(text: str, home: Path) -> str:
    """Return the `.env` file with our line in it, all other lines as they were.

    `${DAGSTER_HOME:-...}` lets a DAGSTER_HOME of the environment win: Dagster otherwise puts the
    file above it.
    """
    lines = [line for line in text.splitlines() if not line.endswith(MARK)]
    theirs = any(
        line.removeprefix("export ").lstrip().partition("=")[0].strip() == "DAGSTER_HOME"
        for line in lines
    )
    if not theirs:
        lines.append(f'DAGSTER_HOME="${{DAGSTER_HOME:-{home}}}"  {MARK}')
    return "".join(f"{line}\n" for line in lines)


def prepare(checkout: Path) -> Path:
    """Make Dagster's folder and the `.env` line of a checkout; return that folder."""
    from mls_assets.orchestration.dagster_home import make_dagster_home

    home = checkout / "data" / "dagster_home"
    make_dagster_home(home)
    env_file = checkout / ".env"
    before = env_file.read_text(encoding="utf-8") if env_file.exists() else ""
    after = env_text(before, home)
    if after != before:
        new = env_file.with_name(".env.new")
        new.write_text(after, encoding="utf-8")
        if env_file.exists():
            new.chmod(env_file.stat().st_mode)
        new.replace(env_file)
    return home


if __name__ == "__main__":
    prepare(Path(sys.argv[1]).resolve())
