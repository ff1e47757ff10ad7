"""Pictures in metadata are well-formed, bounded, and true to their numbers."""

from base64 import b64decode
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mls_assets.orchestration.assets.charts import bars

SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ElementTree.Element:
    _, _, encoded = text.rpartition("base64,")
    return ElementTree.fromstring(b64decode(encoded.rstrip(")")))


def heights(svg: ElementTree.Element) -> list[float]:
    return [float(bar.attrib["height"]) for bar in svg.findall(f"{SVG}rect")[1:]]


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=60),
)
def test_bars_are_as_high_as_their_numbers_and_stay_in_the_picture(pairs: list[tuple[int, int]]):
    series = {"source": [one for one, _ in pairs], "here": [two for _, two in pairs]}
    highest = max(*series["source"], *series["here"])
    chart = bars("Keys", series, [str(number) for number in range(len(pairs))]).value
    if not highest:
        assert chart == "Keys: nothing to show yet"
        return
    svg = drawn(chart)
    found = heights(svg)
    full = max(found)
    for value, height in zip(series["source"] + series["here"], found, strict=True):
        assert height == pytest.approx(max(full * value / highest, 1.0 if value else 0), abs=0.1)
    for bar in svg.findall(f"{SVG}rect")[1:]:
        assert float(bar.attrib["x"]) >= 0
        assert float(bar.attrib["x"]) + float(bar.attrib["width"]) <= float(svg.attrib["width"])
        assert float(bar.attrib["y"]) + float(bar.attrib["height"]) <= float(svg.attrib["height"])


def test_a_name_with_marks_of_xml_does_no_harm():
    svg = drawn(bars("<a & b>", {"x": [1]}, ["<&>"]).value.replace("![<a & b>]", ""))
    texts = [text.text for text in svg.findall(f"{SVG}text")]
    assert texts == ["<a & b> (highest 1)", "<&>"]


def test_without_labels_there_is_a_word_instead():
    assert bars("Pages", {"kB": []}, []).value == "Pages: nothing to show yet"
