"""How many directions activations use, and how like another model's they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ...models import Model, Tap
from ...tasks import Batch, Split
from ._groups import Group, group_sizes, members
from ._measures import DEFINITIONS, overlap_of, participation_of, rank_of
from ._moments import Moments
from ._places import SITES, Audited, Place, at_answer, places_of, same_depth, width_of, within

BUDGET = 2**30
"""Bytes of covariances that are held at once; what goes beyond takes another pass."""

Progress = Callable[[int, int], None]
MEASURED = ("effective_rank", "participation_ratio")
COMPARED = ("base_effective_rank", "base_participation_ratio", "cka", "top_overlap")


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Activations of one layer's site at the answer positions of one group.

    Attributes:
        layer, site: where.
        stratum, value: what divides the positions, and the group.
        n: answer positions in it; a rank cannot be above n - 1.
        effective_rank, participation_ratio: of the model, see `effective_rank`.
        base_effective_rank, base_participation_ratio: of the model that it is compared with.
        cka, top_overlap: of the two, see `linear_cka` and `subspace_overlap`; None without a base,
            or where one of them does not vary (enough).
    """

    layer: int
    site: Audited
    stratum: str
    value: str
    n: int
    effective_rank: float
    participation_ratio: float
    base_effective_rank: float | None = None
    base_participation_ratio: float | None = None
    cka: float | None = None
    top_overlap: float | None = None


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """A model's activations on a task, alone or beside another model's.

    Attributes:
        model, base: names; `base` is empty if there was none.
        split, n: the examples.
        top: principal directions whose overlap is measured.
        clouds: one for every site, layer and group.
    """

    model: str
    base: str
    split: str
    n: int
    top: int
    clouds: list[Cloud]

    def means(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """site -> `stratum: group` -> every measure's mean over the layers that have it."""
        groups: dict[tuple[str, str], list[Cloud]] = {}
        for cloud in self.clouds:
            groups.setdefault((cloud.site, f"{cloud.stratum}: {cloud.value}"), []).append(cloud)
        names = MEASURED + (COMPARED if self.base else ())
        found: dict[str, dict[str, dict[str, float | None]]] = {}
        for (site, group), clouds in groups.items():
            found.setdefault(site, {})[group] = {name: _mean(clouds, name) for name in names}
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values under stable keys."""
        return {
            "model": self.model,
            "base": self.base,
            "split": self.split,
            "n": self.n,
            "positions": "where the answer's tokens are predicted, teacher-forced",
            "top": self.top,
            "replacement": "none",
            "definitions": DEFINITIONS,
            "mean_over_layers": self.means(),
            "rows": [asdict(cloud) for cloud in self.clouds],
        }


def _mean(clouds: Sequence[Cloud], name: str) -> float | None:
    values = [value for cloud in clouds if (value := getattr(cloud, name)) is not None]
    return sum(values) / len(values) if values else None


def geometry(
    model: Model,
    split: Split,
    base: Model | None = None,
    *,
    sites: Sequence[Audited] = SITES,
    strata: Sequence[str] | None = None,
    top: int = 10,
    batch_size: int = 64,
    budget: int = BUDGET,
    progress: Progress | None = None,
) -> Geometry:
    """Ranks of a model's activations at answer positions, by layer, place in the answer, stratum.

    With a base model also how similar its activations on the same tokens are. Memory depends on
    widths and groups, not on the number of examples: layers are taken in as many passes over the
    split as the budget asks for.

    Args:
        model: the model; it is not changed.
        split: the examples, as a rule `task.test`.
        base: the model to compare with, as a rule the one before training; of equal depth.
        sites: MLP activations, the residual stream, or both.
        strata: names of strata; None for all that the examples have.
        top: principal directions whose overlap is measured.
        batch_size: examples per forward.
        budget: bytes of covariances to hold at once.
        progress: called with the batches done and all of them.

    Raises:
        ModelError: the two models differ in depth.
        TaskError: no example has such a stratum.

    Source: paper 1, appendix (exp. 4 controls and exp. 6).
    """
    if base is not None:
        same_depth(model, base)
    subjects = [model] if base is None else [model, base]
    groups = group_sizes(split, strata)
    taps = [_taps(subject, sites) for subject in subjects]
    places = [place for place in taps[0] if all(place in own for own in taps)]
    widths = {place: [width_of(subject, place) for subject in subjects] for place in places}
    sizes = {place: _bytes(sum(widths[place]), groups) for place in places}
    passes, batches = list(within(sizes, budget)), list(split.batches(batch_size))
    clouds: list[Cloud] = []
    done = 0
    for chosen in passes:
        found = {(place, group): Moments(*widths[place]) for place in chosen for group in groups}
        for batch in batches:
            _add(found, subjects, [{p: own[p] for p in chosen} for own in taps], batch)
            done += 1
            if progress is not None:
                progress(done, len(passes) * len(batches))
        clouds += [_cloud(place, group, own, top) for (place, group), own in found.items()]
    return Geometry(
        model=model.name,
        base=base.name if base else "",
        split=split.name,
        n=len(split),
        top=top,
        clouds=sorted(clouds, key=lambda c: (sites.index(c.site), c.layer)),
    )


def _taps(model: Model, sites: Sequence[Audited]) -> dict[Place, Tap]:
    return {place: tap for site in sites for place, tap in places_of(model, site).items()}


def _bytes(width: int, groups: Mapping[Group, int]) -> int:
    """Most that the moments of one place take."""
    return sum(8 * width * min(n, width) for n in groups.values())


def _add(
    found: Mapping[tuple[Place, Group], Moments],
    subjects: Sequence[Model],
    taps: Sequence[Mapping[Place, Tap]],
    batch: Batch,
) -> None:
    seen = [at_answer(own, batch, at) for own, at in zip(subjects, taps, strict=True)]
    chosen = members(batch, list(dict.fromkeys(group for _, group in found)))
    for (place, group), moments in found.items():
        if group in chosen:
            home = seen[0][place].device
            mask = chosen[group].to(home)
            moments.add(*(own[place].to(home)[mask] for own in seen))


def _cloud(place: Place, group: Group, moments: Moments, top: int) -> Cloud:
    layer, site = place
    values = moments.spectrum(0)
    own = Cloud(
        layer=layer,
        site=site,
        stratum=group[0],
        value=group[1],
        n=moments.n,
        effective_rank=rank_of(values),
        participation_ratio=participation_of(values),
    )
    if len(moments.parts) == 1:
        return own
    values = moments.spectrum(1)
    one, two = moments.parts
    equal = one.stop - one.start == two.stop - two.start
    return replace(
        own,
        base_effective_rank=rank_of(values),
        base_participation_ratio=participation_of(values),
        cka=moments.cka(),
        top_overlap=overlap_of(moments, top) if equal else None,
    )
