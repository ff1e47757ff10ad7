"""A fresh market and a fresh data folder per test; the empty warehouse is made once."""

import shutil

import pytest

from mls_assets.replication.workspace import Workspace
from mls_assets.sandbox.server import SandboxServer
from mls_assets_tests.replication.place import MARKET, WAREHOUSE, Place


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template")
    with Workspace.open(folder, run_id="template").warehouse.write():
        pass
    return folder / WAREHOUSE


@pytest.fixture(autouse=True)
def _tokens(monkeypatch):
    monkeypatch.setenv("SPARK_ACCESS_TOKEN", SandboxServer.spark_token)
    monkeypatch.setenv("FORGE_API_TOKEN", SandboxServer.forge_token)


@pytest.fixture(scope="session")
def beginnings(tmp_path_factory):
    return tmp_path_factory.mktemp("beginnings")


@pytest.fixture
def place(tmp_path, empty_warehouse, beginnings):
    shutil.copy(empty_warehouse, tmp_path / WAREHOUSE)
    sandbox = SandboxServer(**MARKET)
    sandbox.start()
    yield Place(sandbox, tmp_path, beginnings=beginnings)
    sandbox.stop(wait=False)
