"""A local Spark and a local Forge with a synthetic MLS behind them, for tests and demonstrations.

Importable on its own: nothing here needs the rest of the package. `SandboxServer` serves it in a
background thread, `serve` until interrupted; `assumptions` lists what the vendors leave open.

    world/    what exists, as pure functions of seed and position; nothing is stored
    market/   what happened since: changes, removals, additions, the event logs, the clock
    spark/    Spark's RESO Web API, written against `catalogue.Catalogue`
    forge/    Forge's GraphQL
    control/  the JSON API that moves the market, the clock and the faults from outside
"""
