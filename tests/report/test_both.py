from rich.console import Console

from tapeout.report._both import Both


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
