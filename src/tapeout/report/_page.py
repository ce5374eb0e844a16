"""The page: put together and written beside the results."""

from pathlib import Path

from ._amplified import AMPLIFIED, amplified_section
from ._bridged import bridged_section
from ._caveats import caveats
from ._composed import composed_section
from ._conditioned import conditioned_section
from ._decomposed import directions_section, learned_section
from ._facts import method_section, other_section, task_section
from ._headline import headline
from ._html import Html, isolated, join, name, paragraph, tag
from ._located import sizes_section
from ._node_checks import checks_section
from ._results import Results, read_results
from ._running import results_so_far, running_words
from ._sections import evidence_section, frontier_section, speed_section
from ._shell import shell, write_page
from ._smallest import smallest_section
from ._spanned import SPANNED, spanned_section
from ._steered import steered_section
from ._toys import toys_section
from ._trained import trained_section
from ._transfer import transfer_section
from ._weights import weights_section
from .viewer import app_of


def write_report(run: str | Path) -> Path:
    """Write `report.html` beside the `results.json` of a run, and return its path.

    The page stands alone: nothing is fetched, and the same results give the same bytes. Its
    sections need no script; where the run has circuits, curves or several proofs, one script draws
    interactive views beside them. Runs that have only some of their stages so far give a shorter
    page.

    Args:
        run: the run's folder.

    Raises:
        RunError: there are no results, they are damaged, or the page cannot be written.
    """
    run = Path(run)
    return write_page(run / "report.html", _page(read_results(run), run))


def write_so_far(run: Path, *, renew: float | None = None) -> Path:
    """As `write_report`, of a run that may have no results yet.

    Args:
        run: the run's folder.
        renew: the page says what runs, and loads itself anew after so many seconds.

    Raises:
        RunError: the results are damaged, or the page cannot be written.
    """
    return write_page(run / "report.html", _page(results_so_far(run), run, renew))


def _page(results: Results, run: Path, renew: float | None = None) -> Html:
    again = (run / "recipe.json").is_file()
    now = paragraph(running_words(results, run), class_="live") if renew else Html()
    main = join(_top(results, now), *_sections(results, again))
    app = app_of(results, run, renew)
    more = "; circuits and curves are from its stages" if app else ""
    foot = f"Every number is from results.json, which lies beside this page{more}."
    return shell(f"{isolated(results.recipe)} – Tapeout report", main, foot, app)


def _sections(results: Results, again: bool) -> list[Html]:
    return [
        frontier_section(results),
        trained_section([(stage.name, found) for stage, found in results.trained]),
        bridged_section([(stage.name, found) for stage, found in results.bridged]),
        steered_section([(stage.name, found) for stage, found in results.steered]),
        conditioned_section([(stage.name, found) for stage, found in results.conditioned]),
        amplified_section(
            {kind: [(s.name, s.metrics) for s in results.of_kind(kind)] for kind in AMPLIFIED}
        ),
        smallest_section([(stage.name, found) for stage, found in results.smallest]),
        evidence_section(results),
        transfer_section([(stage.name, found) for stage, found in results.transfers]),
        composed_section(
            "Circuits put together", [(stage.name, found) for stage, found in results.composed]
        ),
        composed_section(
            "Masks by regime", [(stage.name, found) for stage, found in results.routed]
        ),
        weights_section(
            [(stage.name, found) for stage, found in results.weights],
            [(stage.name, found) for stage, found in results.mean_sizes],
        ),
        checks_section([(stage.name, stage.metrics) for stage in results.of_kind("checks")]),
        learned_section([(s.name, s.metrics) for s in results.of_kind("decompose")]),
        directions_section([(s.name, s.metrics) for s in results.of_kind("directions")]),
        spanned_section(
            {kind: [(s.name, s.metrics) for s in results.of_kind(kind)] for kind in SPANNED}
        ),
        toys_section([(s.name, s.metrics) for s in results.of_kind("toy")]),
        sizes_section(results),
        speed_section(results),
        task_section(results),
        method_section(results, again),
        other_section(results),
    ]


def _top(results: Results, now: Html) -> Html:
    sentences = join(*(join(" " if place else "", s) for place, s in enumerate(headline(results))))
    more = len(results.proofs) - 1
    verifications = "verification is" if more == 1 else "verifications are"
    rest = f" {more} more {verifications} under Evidence." if more > 0 else ""
    warnings = caveats(results)
    notes = tag("ul", *(tag("li", w) for w in warnings), class_="caveats") if warnings else Html()
    return tag(
        "header",
        paragraph("Tapeout report", class_="kicker"),
        tag("h1", name(results.recipe)),
        now,
        paragraph(sentences, rest, class_="headline"),
        notes,
    )
