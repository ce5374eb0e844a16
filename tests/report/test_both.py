from rich.console import Console

from tapeout.report._both import Both

from .samples import Page


def test_columns_that_no_row_fills_are_left_out():
    found = Both("Sizes", ["Name", "Empty", "Words", "n"], [["a", "", "b", ""], ["c", "", "", "3"]])
    console = Console(width=60)
    with console.capture() as heard:
        console.print(found.drawn())
    page = str(found.html())
    for shown in (heard.get().lower(), page.lower()):
        assert "words" in shown and "empty" not in shown
    assert page.count("<th") - page.count("<thead") == 3 + 2


def test_words_stay_words_where_a_column_before_them_is_left_out():
    found = Both("Sizes", ["Name", "Empty", "Words"], [["a", "", "b"]], words=(0, 2))
    assert 'class="n"' not in str(found.html())


def test_a_column_can_head_groups_of_rows_on_the_page():
    rows = [["a", "test", "1"], ["b", "train", "2"], ["c", "test", "3"]]
    found = Both("Sizes", ["Name", "Split", "n"], rows, words=(0, 1), by=1)
    page = Page(str(found.html()))
    assert [text for _, text in page.pieces] == [
        *("Sizes", "Name", "n", "test", "a", "1", "c", "3", "train", "b", "2")
    ]
    assert str(found.drawn().columns[1].header) == "split"
