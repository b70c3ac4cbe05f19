"""Every metric, from vectors to numbers, against trec_eval, pytorch-metric-learning and a double loop, query by query.

All three are given the order that a double loop over plain floats finds, so that neither retrieval nor metrics can
agree with themselves. What the definitions have in common is said where an oracle answers.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from test_metrics import slow

from src import evaluation, metrics, retrieval
from src.retrieval import Side

Relevance = list[bool]  # of everything that a query is given, best first
Catalogue = tuple[Side, Side]  # who asks, who is searched
DEPTH = 20

AXES = np.concatenate([np.eye(4), -np.eye(4)])
CORNERS = np.array(np.meshgrid(*[[-0.5, 0.5]] * 4)).reshape(4, -1).T
TIED = np.concatenate([AXES, CORNERS])  # 24 directions whose products are 0, ±1/2 and ±1, exactly


def side(vectors: np.ndarray, labels: list[int] | np.ndarray, first: int = 0, groups: np.ndarray | None = None) -> Side:
    rows = np.arange(first, first + len(vectors))
    return Side(np.float32(vectors), np.asarray(labels, np.int64), rows, rows if groups is None else groups)


def directions(random: np.random.Generator, n: int) -> np.ndarray:
    vectors = random.normal(size=(n, 8))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def query_inside_the_gallery(random: np.random.Generator) -> Catalogue:
    all_of_them = side(directions(random, 90), random.integers(0, 9, 90))
    return all_of_them, all_of_them


def query_outside_the_gallery(random: np.random.Generator) -> Catalogue:
    gallery = side(directions(random, 70), random.integers(0, 9, 70))
    return side(directions(random, 40), random.integers(0, 11, 40), first=70), gallery


def a_crowd_of_ties(random: np.random.Generator) -> Catalogue:
    all_of_them = side(TIED[random.integers(0, len(TIED), 90)], random.integers(0, 9, 90))
    return all_of_them, all_of_them


def every_photo_thrice_under_two_labels(random: np.random.Generator) -> Catalogue:
    labels = random.integers(0, 6, 30)
    all_of_them = side(np.tile(directions(random, 30), (3, 1)), np.concatenate([labels, (labels + 1) % 6, labels]))
    return all_of_them, all_of_them


def none_to_forty_relevant(random: np.random.Generator) -> Catalogue:
    labels = np.repeat(np.arange(8), [0, 1, 2, 4, 5, 6, 11, 40])
    gallery = side(directions(random, len(labels)), random.permutation(labels))
    return side(directions(random, 40), np.arange(40) % 8, first=len(labels)), gallery


def one_label_only(random: np.random.Generator) -> Catalogue:
    all_of_them = side(directions(random, 25), np.zeros(25))
    return all_of_them, all_of_them


def a_gallery_of_three(random: np.random.Generator) -> Catalogue:
    return side(directions(random, 12), np.arange(12) % 4, first=3), side(directions(random, 3), [0, 1, 1])


def bursts_that_do_not_find_themselves(random: np.random.Generator) -> Catalogue:
    all_of_them = side(directions(random, 90), np.arange(90) // 3 % 9, groups=np.arange(90) // 3)
    return all_of_them, all_of_them


CASES = [
    query_inside_the_gallery,
    query_outside_the_gallery,
    a_crowd_of_ties,
    every_photo_thrice_under_two_labels,
    none_to_forty_relevant,
    one_label_only,
    a_gallery_of_three,
    bursts_that_do_not_find_themselves,
]


def in_order(query: Side, gallery: Side) -> list[Relevance]:
    """Two loops and a sort: the larger inner product first, of equal ones the lower row."""
    searched = list(zip(gallery.vectors.tolist(), gallery.rows, gallery.labels, gallery.groups, strict=True))
    found = []
    for vector, label, group in zip(query.vectors.tolist(), query.labels, query.groups, strict=True):
        ranked = [
            (-sum(a * b for a, b in zip(vector, other, strict=True)), row, bool(label == of))
            for other, row, of, its in searched
            if its != group
        ]
        found.append([relevant for *_, relevant in sorted(ranked)])
    return found


def double_loop(asked: list[Relevance]) -> list[dict[str, float]]:
    """Every metric, as its definition reads."""
    longest = max(map(len, asked)) + DEPTH
    padded = [relevance + [False] * (longest - len(relevance)) for relevance in asked]
    return [slow(hits, sum(hits), hits.index(True) + 1) for hits in padded]


def trec_eval(asked: list[Relevance]) -> list[dict[str, float]]:
    """Every metric. R relevant images: all have gain 1, and all are in the run.

    mMP@5 is P at min(R, 5), R@k success at k, mAP@R map_cut at R (both divide by R), nDCG@10 ndcg_cut at 10 (its ideal
    order is cut at 10 too); mAP@20 is map_cut at 20, which divides by R and not by min(R, 20).
    """
    pytrec_eval = pytest.importorskip("pytrec_eval", reason="pytrec-eval-terrier is not installed")
    relevant = {str(at): {str(rank): int(hit) for rank, hit in enumerate(one)} for at, one in enumerate(asked)}
    run = {str(at): {str(rank): -float(rank) for rank in range(len(one))} for at, one in enumerate(asked)}
    cuts = ",".join(map(str, sorted({20, *map(sum, asked)})))
    measures = {"P_1,2,3,4,5", "success_1,5,10", f"map_cut_{cuts}", "recip_rank", "ndcg_cut_10"}
    found = pytrec_eval.RelevanceEvaluator(relevant, measures).evaluate(run)
    return [
        {
            "mMP@5": of[f"P_{min(r, 5)}"],
            **{f"R@{k}": of[f"success_{k}"] for k in (1, 5, 10)},
            "mAP@R": of[f"map_cut_{r}"],
            "mAP@20": of["map_cut_20"] * r / min(r, 20),
            "MRR": of["recip_rank"],
            "nDCG@10": of["ndcg_cut_10"],
        }
        for of, r in ((found[str(at)], sum(one)) for at, one in enumerate(asked))
    ]


def pytorch_metric_learning(asked: list[Relevance]) -> list[dict[str, float]]:
    """R@1 is its precision at 1, mAP@R is its own invention, mMP@5 its R-precision where R is 5 at most.

    Its search is left out: it takes the first neighbour for the query itself. Its reciprocal rank is in float32.
    """
    include = ("precision_at_1", "mean_average_precision_at_r", "r_precision")
    by_rank = AccuracyCalculator(
        include, device=torch.device("cpu"), knn_func=lambda _, k, *__: (None, torch.arange(k)[None])
    )
    found = []
    for relevance in asked:
        labels = np.array(relevance, np.float32)
        of = by_rank.get_accuracy(np.ones((1, 1)), np.ones(1), labels[:, None], labels)
        found.append({"R@1": of["precision_at_1"], "mAP@R": of["mean_average_precision_at_r"]})
        if sum(relevance) <= 5:
            found[-1]["mMP@5"] = of["r_precision"]
    return found


@pytest.mark.parametrize("make", CASES)
@pytest.mark.parametrize(
    ("oracle", "knows"),
    [
        (double_loop, set(metrics.METRICS)),
        (trec_eval, set(metrics.METRICS)),
        (pytorch_metric_learning, {"R@1", "mAP@R"}),
    ],
)
def test_every_query_scores_as_the_oracle_says(
    oracle: Callable[[list[Relevance]], list[dict[str, float]]], knows: set[str], make: Callable[..., Catalogue]
) -> None:
    query, gallery = make(np.random.default_rng(0))
    ours = evaluation.score(retrieval.neighbors(query, gallery, DEPTH))
    asked = in_order(query, gallery)
    for at in (at for at, relevance in enumerate(asked) if not any(relevance)):
        assert all(np.isnan(ours[name][at]) for name in ours)
    answered = [at for at, relevance in enumerate(asked) if any(relevance)]
    for at, expected in zip(answered, oracle([asked[at] for at in answered]), strict=True):
        assert expected.keys() >= knows
        for name in expected.keys() & ours.keys():
            assert ours[name][at] == pytest.approx(expected[name], rel=0, abs=1e-12), (name, at)


def test_the_cases_hold_what_is_hard() -> None:
    asked = {make: in_order(*make(np.random.default_rng(0))) for make in CASES}
    assert {0, 1, 2, 4, 5, 6, 11, 40} <= {sum(one) for one in asked[none_to_forty_relevant]}
    assert any(not any(one) for one in asked[query_outside_the_gallery])
    assert all(all(one) for one in asked[one_label_only])
    assert {len(one) for one in asked[a_gallery_of_three]} == {3}
    assert {len(one) for one in asked[bursts_that_do_not_find_themselves]} == {87}
