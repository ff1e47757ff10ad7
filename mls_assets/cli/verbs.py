"""The verbs, their options and their help. What they do stands in `work`, `demo` and below.

Heavy modules are imported inside the verbs, so that `--help` answers at once.
"""

from typing import Literal

import click

from mls_assets.configuration.feeds import load_feeds
from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import KEYED_RESOURCES, Resource
from mls_assets.sources.registry import has_event_log
from mls_assets.terminal.choosing import configured_feeds

_EXIT_CODES = (
    "Exit codes: 0 done; 1 failed (the source, a void sweep, a file); 2 usage or configuration; "
    "3 a guard blocked a purge."
)


_patience = click.option(
    "--patience",
    type=click.FloatRange(min=0.1, max=86_400),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Give a host up that cannot be reached for so long.",
)
_verbose = click.option("--verbose", is_flag=True, help="Show Dagster's own log on the screen.")
_no_publish = click.option("--no-publish", is_flag=True, help="Leave the published file as it is.")
_feeds = click.argument("feeds", nargs=-1, metavar="[FEED]...")


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EXIT_CODES,
)
@click.version_option(package_name="mls_assets", prog_name="mls-assets")
@click.pass_context
def verbs(context: click.Context) -> None:
    """Replicate licensed MLS listings into DuckDB, with proof of every removal.

    Feeds come from SPARK_ACCESS_TOKEN, SPARK_BASE_URL, FORGE_API_TOKEN and FORGE_URL, or from
    the TOML file that MLS_ASSETS_FEEDS names; data goes to MLS_ASSETS_DATA (default: ./data).
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        context.exit(2)


@verbs.command(epilog=_EXIT_CODES)
@_feeds
@click.option(
    "--accept-fields",
    is_flag=True,
    help="Take the fields that the named Forge feeds offer now, though fewer than before.",
)
@_no_publish
@_patience
@_verbose
def replicate(
    feeds: tuple[str, ...],
    accept_fields: bool,
    no_publish: bool,
    patience: float,
    verbose: bool,
) -> int:
    """Bring feeds (default: all) from their cursor to current.

    The first time that is an initial download, afterwards an update. A run that was interrupted
    goes on where it stopped.

    \b
    Examples:
      mls-assets replicate
      mls-assets replicate spark/default forge/armls
      mls-assets replicate forge/armls --no-publish --patience 5
    """
    if accept_fields and not (feeds and all(map(has_event_log, feeds))):
        raise ConfigurationError(
            "--accept-fields is for Forge feeds that are named, such as forge/armls. Nothing was "
            "asked."
        )
    configured = configured_feeds(feeds)
    from mls_assets.terminal import work

    with work.Session("replicate", configured, patience=patience, verbose=verbose) as session:
        work.replicate(session, feeds, accept_fields=accept_fields)
        return session.finish(publish=not no_publish)


@verbs.command(epilog=_EXIT_CODES)
@_feeds
@click.option("--dry-run", is_flag=True, help="Show the plan and delete nothing.")
@click.option(
    "--approve",
    metavar="SWEEP_ID",
    default="",
    help="Let the keys of this blocked sweep go, so far as a fresh sweep misses them again.",
)
@_no_publish
@_patience
@_verbose
def purge(
    feeds: tuple[str, ...],
    dry_run: bool,
    approve: str,
    no_publish: bool,
    patience: float,
    verbose: bool,
) -> int:
    """Sweep the source's keys and remove what it no longer lists.

    Default: all Spark feeds. A Forge feed, when named, is reconciled by a full replay from
    event 0. Nothing is removed by a sweep that is incomplete, void, or blocked by a guard.

    \b
    Examples:
      mls-assets purge --dry-run
      mls-assets purge spark/default
      mls-assets purge --approve spark-default-Property-20260501T120000Z-1a2b
      mls-assets purge forge/armls
    """
    configured = configured_feeds(feeds)
    from mls_assets.terminal import work

    with work.Session("purge", configured, patience=patience, verbose=verbose) as session:
        work.purge(session, feeds, dry_run=dry_run, approve=approve.strip())
        return session.finish(publish=not no_publish and not dry_run)


@verbs.command(epilog=_EXIT_CODES)
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Publish although readers lose keys that no entry of the deletion ledger explains.",
)
@_verbose
def publish(accept_loss: bool, verbose: bool) -> int:
    """Write mls.duckdb, the read-only database for notebooks.

    \b
    Example:
      mls-assets publish
    """
    from mls_assets.terminal import work

    with work.Session("publish", load_feeds(), verbose=verbose) as session:
        work.publish(session, accept_loss=accept_loss)
        return session.finish()


@verbs.command(epilog=_EXIT_CODES)
@_verbose
def compact(verbose: bool) -> int:
    """Rewrite the warehouse without its free space.

    Removed content can linger in free blocks of the file until this is done.

    \b
    Example:
      mls-assets compact
    """
    from mls_assets.terminal import work

    with work.Session("compact", load_feeds(), verbose=verbose) as session:
        work.compact(session)
        return session.finish()


@verbs.command(epilog=_EXIT_CODES)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for programs.")
def status(as_json: bool) -> int:
    """Show per feed how closely local matches source.

    Also what is blocked and why, and when the proof of removals is due.

    \b
    Examples:
      mls-assets status
      mls-assets status --json
    """
    from mls_assets.cli import overview

    return overview.show_status(as_json=as_json)


@verbs.command(epilog=_EXIT_CODES)
@click.argument("feed", metavar="FEED")
@click.option(
    "--resource",
    type=click.Choice([*KEYED_RESOURCES]),
    help="Remove this resource of the feed only, a listing's media, rooms and units with it.",
)
@click.option("--yes", is_flag=True, help="Say that you mean it; there is no way back.")
@_verbose
def erase(feed: str, resource: str | None, yes: bool, verbose: bool) -> int:
    """Remove everything of a feed, everywhere.

    For the end of a licence; prints the proof. Rows, raw records and cursors go; the deletion
    ledger and the sweeps (keys, counts and times) stay as proof. Both database files are
    rewritten, so that their bytes hold nothing of it either. Refused while the feed (or the
    resource) is still configured: the next run would bring it back.

    \b
    Examples:
      mls-assets erase forge/armls --yes
      mls-assets erase spark/beaches --resource Member --yes
    """
    from mls_assets.terminal import work

    if not yes:
        only = f" --resource {resource}" if resource else ""
        raise ConfigurationError(
            f"Erasing {feed!r}{only} removes everything of it and cannot be undone. Nothing was "
            f"done; say `mls-assets erase {feed}{only} --yes` if you mean it."
        )
    with work.Session("erase", load_feeds(), verbose=verbose) as session:
        work.erase(session, feed, Resource(resource) if resource else None)
        return session.finish()


@verbs.command(epilog=_EXIT_CODES)
@click.option("--port", type=click.IntRange(0, 65_535), default=3000, show_default=True)
@_verbose
def ui(port: int, verbose: bool) -> int:
    """Serve the Dagster UI on this data folder, with daemon and sensors.

    Runs until Ctrl-C; runs that it started end with it, and go on from their last page at the
    next start. Sensors are on, so feeds replicate by themselves; MLS_ASSETS_SENSORS=off leaves
    them stopped. It listens on 127.0.0.1 only; --port 0 takes a free port. DAGSTER_HOME gets the
    project's dagster.yaml, unless it has one.

    \b
    Examples:
      mls-assets ui
      MLS_ASSETS_SENSORS=off mls-assets ui --port 3001
    """
    from mls_assets.terminal import serving

    return serving.ui(port=port, verbose=verbose)


@verbs.command(epilog=_EXIT_CODES)
@click.option("--port", type=click.IntRange(0, 65_535), default=8400, show_default=True)
@click.option(
    "--listings",
    type=click.IntRange(1, 1_000_000),
    default=2_000,
    show_default=True,
    help="Listings of the Spark MLS; the two Forge MLSs have a half and a quarter as many.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same MLS.")
@click.option(
    "--shape",
    type=click.Choice(["v2", "v3"]),
    default="v2",
    show_default=True,
    help="Spark's payload: v2 pads with nulls and one boolean an option, v3 sends what is set.",
)
@click.option("--live", is_flag=True, help="Let listings change, come and go by themselves.")
def sandbox(port: int, listings: int, seed: int, shape: Literal["v2", "v3"], live: bool) -> int:
    """Serve local Spark and Forge APIs with made-up MLSs.

    Runs until Ctrl-C and prints the lines to export. It listens on 127.0.0.1 only; --port 0
    takes a free port.

    \b
    Examples:
      mls-assets sandbox
      mls-assets sandbox --port 8401 --listings 20000 --seed 7 --shape v3
      mls-assets sandbox --live
    """
    from mls_assets.demo import sandbox_process

    sandbox_process.serve_until_interrupted(
        port=port, listings=listings, seed=seed, shape=shape, live=live
    )
    return 0


@verbs.command(epilog=_EXIT_CODES)
@click.option(
    "--listings",
    type=click.IntRange(400, 100_000),
    default=3_000,
    show_default=True,
    help="Listings of the Spark MLS; the two Forge MLSs have half as many each.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="The sandbox's port.  [default: a free one]",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same MLS.")
@_verbose
def demo(listings: int, port: int, seed: int, verbose: bool) -> int:
    """Go the whole way on the built-in sandbox; no account needed.

    Initial download of both sources, changes, updates, tombstones, a key sweep with purge, lost
    access, publication; then every feed is compared with the sandbox by a path of its own. It
    works in the data folder, refuses one that it did not make itself, and leaves it for
    notebooks. DAGSTER_HOME is the folder's own, whatever the environment says.

    \b
    Examples:
      mls-assets demo
      MLS_ASSETS_DATA=/tmp/mls mls-assets demo --listings 500
    """
    from mls_assets.demo import demo

    return demo.run_demo(listings=listings, port=port, seed=seed, verbose=verbose)
