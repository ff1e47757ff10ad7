"""A fresh market and a fresh data folder per test; the empty warehouse is made once."""

import shutil

import pytest

from mls_assets.passes.site import Site
from mls_assets.sandbox.server import SandboxServer
from mls_assets_tests.passes.place import Place


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    with Site.open(folder, run_id="template").warehouse.write():
        pass
    return folder / "warehouse.duckdb"


@pytest.fixture(autouse=True)
def _tokens(monkeypatch):
    monkeypatch.setenv("SPARK_ACCESS_TOKEN", SandboxServer.spark_token)
    monkeypatch.setenv("FORGE_API_TOKEN", SandboxServer.forge_token)


@pytest.fixture
def place(tmp_path, empty_warehouse):
    shutil.copy(empty_warehouse, tmp_path / "warehouse.duckdb")
    with SandboxServer(listings=60, seed=11) as sandbox:
        yield Place(sandbox, tmp_path)
