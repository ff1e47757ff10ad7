"""The `$filter` language: text to syntax tree, tree to predicate, tree to a cheap way in.

`nodes` is the tree and its text, `parser` reads it (with `tokens`), `binding` checks it against
the fields of an entity, `predicate` evaluates it, `planner` finds what narrows the search and
what real Spark refuses. Nothing here knows HTTP or the catalogue.
"""
