"""What is read of `$metadata`, and what is refused."""

import pytest

from mls_assets.errors import AnswerBroken
from mls_assets.model.declarations import DeclaredField
from mls_assets.model.resources import Resource
from mls_assets.sources.odata.csdl import read_csdl

HEAD = '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">'
SCHEMA = '<edmx:DataServices><Schema Namespace="S" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
END = "</Schema></edmx:DataServices></edmx:Edmx>"


def fields(types: str) -> tuple[DeclaredField, ...]:
    return read_csdl(f"{HEAD}{SCHEMA}{types}{END}".encode()).fields


def test_fields_are_told_with_type_and_label_in_order():
    assert fields(
        '<EntityType Name="Property"><Key><PropertyRef Name="ListingKey"/></Key>'
        '<Property Name="ListingKey" Type="Edm.String" Nullable="false"/>'
        '<Property Name="Pool_co_Heated" Type="Edm.Boolean">'
        '<Annotation Term="MLS.OData.Metadata.LocalName" String="Pool: Heated"/></Property>'
        '<NavigationProperty Name="Media" Type="Collection(S.Media)"/></EntityType>'
        '<EntityType Name="PropertyUnits"><Property Name="UnitTypeKey" Type="Edm.String"/>'
        "</EntityType>"
    ) == (
        DeclaredField(Resource.PROPERTY, "ListingKey", "Edm.String"),
        DeclaredField(Resource.PROPERTY, "Pool_co_Heated", "Edm.Boolean", "Pool: Heated"),
        DeclaredField(Resource.UNIT_TYPES, "UnitTypeKey", "Edm.String"),
    )


def test_types_that_are_none_of_our_resources_and_fields_without_a_type_are_left_out():
    assert fields(
        '<EntityType Name="Teams"><Property Name="TeamKey" Type="Edm.String"/></EntityType>'
        '<EntityType Name="Member"><Property Name="MemberKey" Type="Edm.String"/>'
        f'<Property Name="X"/><Property Name="{"y" * 300}" Type="Edm.String"/></EntityType>'
    ) == (DeclaredField(Resource.MEMBER, "MemberKey", "Edm.String"),)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no XML"),
        (b"<html><body>hello</body></html>", "no field of a RESO resource"),
        (f"{HEAD}{SCHEMA}{END}".encode(), "no field of a RESO resource"),
        (f"{HEAD}{SCHEMA}".encode(), "no XML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "document type"),
        (b'{"error": {"code": 404}}', "no XML"),
        (b'<?xml version="1.0" encoding="shift_jis"?><x/>', "no XML"),
        (b'<?xml version="1.0" encoding="rot13"?><x/>', "no XML"),
        ('<?xml version="1.0"?><!DOCTYPE x><x/>'.encode("utf-16"), "document type"),
    ],
)
def test_what_declares_nothing_is_refused_in_words(body: bytes, words: str):
    with pytest.raises(AnswerBroken, match=words):
        read_csdl(body)
