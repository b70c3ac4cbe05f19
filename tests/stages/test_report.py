"""The report stage on a small made-up workspace."""

import base64
import html
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from report_workspace import ALL, MODEL, ROOT, build, changed_params, write_audit, write_cost, write_curves

from src import advise, manifest, paths, store
from src.advice import Budget
from src.errors import UserError
from src.expense import CATALOGUE
from src.stages import report


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def page() -> str:
    return (paths.REPORT / "index.html").read_text(encoding="utf-8")


def test_the_summary_holds_the_mean_and_the_gain_of_every_strategy() -> None:
    build()
    report.main()
    summary = store.read_json(paths.SUMMARY)
    mean = {name: store.read_json(paths.queries(name) / "metrics.json")["mean"]["mMP@5"] for name in ALL[:3]}
    assert list(summary) == ["model", "weights_sha256", "mMP@5", "gain"]
    assert {name: summary["mMP@5"][name] for name in mean} == mean
    assert summary["gain"]["top_tuned"] == round(mean["top_tuned"] - mean["pretrained"], 6)
    assert list(summary["gain"]) == ["top_tuned", "fine_tuned", "cross_tuned"]
    assert list(summary["gain"]["cross_tuned"]) == ["top_tuned", "fine_tuned"]


def test_a_second_run_writes_the_same_bytes() -> None:
    build()
    outputs = []
    for _ in range(2):
        report.main()
        files = [paths.SUMMARY, paths.METRICS / "summary.md", *filter(Path.is_file, paths.REPORT.rglob("*"))]
        outputs.append({str(path): path.read_bytes() for path in files})
    assert outputs[0] == outputs[1]
    assert {Path(name).name for name in outputs[0]} == {
        "summary.json",
        "summary.md",
        "index.html",
        "strategies.csv",
        "cross_tuning.csv",
        "confusion.csv",
        "similarity.csv",
        "headline.csv",
        "slices.csv",
        "audit.csv",
        "compression.csv",
    }


def test_what_the_classifiers_take_for_what_is_a_table_for_dvc_plots_and_the_worst_of_it_on_the_page() -> None:
    build(strategies=ALL[:2])
    report.main()
    plots = paths.REPORT / "plots/confusion.csv"
    assert plots.read_text() == "strategy,dataset,label,predicted,images,of\n" and "taken for others" not in page()
    rows = manifest.rows(manifest.read(paths.manifest("sample_food"))[0], "split", "query")[:4]
    said = pd.DataFrame({"row": rows, "predicted": ["food-000", "food-005", "food-001", "food-001"]})
    store.write_table(paths.neighbors("top_tuned", "sample_food") / "predictions.parquet", said)
    report.main()
    assert plots.read_text().splitlines()[1:] == [
        "top_tuned,sample_food,food-000,food-000,1,2",
        "top_tuned,sample_food,food-000,food-005,1,2",
        "top_tuned,sample_food,food-001,food-001,2,2",
    ]
    assert "<bdi>food-000</bdi> → <bdi>food-005</bdi> <b>1 of 2</b>" in page()


def test_the_page_needs_no_network_and_no_script() -> None:
    build()
    report.main()
    assert "default-src 'none'" in page()
    assert not re.search(r"https?://|<script|<link|@import|url\(", page())
    assert re.findall(r'src="(.{22})', page()) == ["data:image/jpeg;base64"] * page().count("<img ")


def test_every_picture_on_the_page_can_be_decoded() -> None:
    build()
    report.main()
    uris = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page())
    assert len(uris) == 2 * 6 * 11  # datasets, queries, the query and two times its first five
    assert {Image.open(io.BytesIO(base64.b64decode(uri))).size for uri in set(uris)} == {(40, 30)}


@pytest.mark.parametrize(
    ("strategies", "gain"),
    [
        (ALL[:1], None),
        (ALL[:2], ["top_tuned"]),
        (ALL[1:3], None),
        (ALL[3:], None),
        (["top_tuned", "cross_tuned"], None),
    ],
)
def test_any_subset_of_strategies_makes_a_report(strategies: list[str], gain: list[str] | None) -> None:
    build(strategies=strategies)
    report.main()
    summary = store.read_json(paths.SUMMARY)
    assert list(summary["mMP@5"]) == strategies
    assert list(summary.get("gain", [])) == (gain or [])
    assert ("gain, points" in page()) == bool(gain)
    assert ("Cross-tuning</h2>" in page()) == ({"pretrained", "cross_tuned"} <= set(strategies))
    assert ("<article" in page()) == (strategies != ["cross_tuned"])


def test_one_dataset_makes_a_report() -> None:
    build(datasets=["shoes"], strategies=ALL[:2])
    report.main()
    assert "say nothing about real models" not in page()
    assert ">mean</th>" not in page()


def test_a_strategy_that_was_not_asked_for_is_left_out_and_removed() -> None:
    build()
    with changed_params() as raw:
        raw["strategies"] = ALL[:2]
    report.main()
    assert sorted(path.name for path in paths.QUERIES.iterdir()) == sorted(ALL[:2])
    assert ">fine_tuned<" not in page()


def test_what_similarity_told_of_cross_tuning_is_printed_and_stands_in_both_reports(
    capsys: pytest.CaptureFixture[str],
) -> None:
    build(datasets=["sample_cars", "sample_food", "sample_shelf"])
    report.main()
    told = capsys.readouterr().out.splitlines()[:4]
    for line, method in zip(told[::2], ("top_tuned", "fine_tuned"), strict=True):
        assert line.startswith(
            f"similarity ~ change by cross-tuning, {method}, all pairs: transfer "
        ) and line.endswith("6 pairs")
    rho = re.findall(r"[+−]\d\.\d\d \(p \d\.\d\d\)", "".join(told))
    assert len(rho) == 12
    for text in (page(), (paths.METRICS / "summary.md").read_text()):
        assert all(cell in text for cell in rho)
        assert "over 6 ordered pairs of 3 datasets" in text
    points = (paths.REPORT / "plots/similarity.csv").read_text().splitlines()
    assert points[0] == "method,source,target,gain,cka,frechet,transfer" and len(points) == 1 + 2 * 6


def test_merged_sources_have_a_table_of_their_own_and_are_in_no_mean() -> None:
    build()
    report.main()
    before, plot = store.read_json(paths.SUMMARY), paths.REPORT / "plots/cross_tuning.csv"
    assert "Merged sources" not in page() and "merged" not in before
    gains, path = plot.read_text(), paths.queries("cross_tuned") / "metrics.json"
    metrics, pretrained = store.read_json(path), store.read_json(paths.queries("pretrained") / "metrics.json")
    datasets = ["sample_cars", "sample_food"]
    metrics["top_tuned"]["all"] = {"mean": {"mMP@5": 0.9}, **{name: {"phone": {"mMP@5": 0.9}} for name in datasets}}
    store.write_json(path, metrics)
    report.main()
    gain = 0.9 - np.mean([pretrained[name]["phone"]["mMP@5"] for name in datasets])
    told = {"merged": {"top_tuned": {"all": {"mMP@5": 0.9, "gain": pytest.approx(gain)}}}}
    assert store.read_json(paths.SUMMARY) == before | told and plot.read_text() == gains
    for text in (page(), (paths.METRICS / "summary.md").read_text()):
        assert "One encoder for all: merged sources" in text and f"+{100 * gain:.1f}" in text


def test_similarity_says_nothing_of_two_datasets_or_without_cross_tuning() -> None:
    for choice in ({}, {"datasets": ["sample_cars", "sample_food", "sample_shelf"], "strategies": ALL[:3]}):
        build(**choice)
        report.main()
        assert "known before" not in page() and "similarity" not in (paths.METRICS / "summary.md").read_text()


def test_every_number_of_the_first_table_has_an_interval_and_what_differs_is_marked_in_both_reports() -> None:
    build(labels=40)
    report.main()
    stands = pd.read_csv(paths.REPORT / "tables/headline.csv").set_index(["strategy", "dataset"])
    assert (stands["low"] < stands["value"]).all() and (stands["value"] < stands["high"]).all()
    for name in ALL[:3]:
        told = store.read_json(paths.queries(name) / "metrics.json")
        found = stands.loc[(name, "mean")]
        assert told["mean"]["interval"] == {"low": found["low"], "high": found["high"], "by": "label"}
    better = (stands["verdict"] == "better").sum()
    assert better >= 3
    markdown = (paths.METRICS / "summary.md").read_text()
    assert markdown.count(" ▲") == better + 1  # and in the note
    table = page()[page().index('<section id="table">') : page().index('<section id="chart">')]
    assert table.count('class="mark better"') == better


def test_copies_are_shown_in_pairs_and_what_they_change_is_told() -> None:
    build()
    write_audit(["sample_cars", "sample_food"])
    report.main()
    assert "No query of a headline protocol is affected" in page() and "to look at first" not in page()
    queries = store.read_table(paths.queries("pretrained") / "queries.parquet")
    chosen = queries[(queries["dataset"] == "sample_cars") & (queries["protocol"] == "phone")]
    rows = [("sample_cars", "phone", row, "gallery", "") for row in chosen["row"][:2]]
    write_audit(["sample_cars", "sample_food"], [{"row_second": 5, "label_second": "b"}, {"row_first": 5}], rows)
    report.main()
    text = page()[page().index('<section id="audit">') :]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", text[text.index("with and without") :])
    without = chosen["mMP@5"].iloc[2:].mean()
    assert cells[:5] == ["phone", "pretrained", "12", "2", f"{100 * chosen['mMP@5'].mean():.1f}"]
    assert cells[5] == f"{100 * without:.1f}"
    assert text.count('<figure class="copy">') == 1 and "two labels<span>near copy" in text  # no photo is shown twice
    assert text.count("<img ") == 2


def test_learning_curves_are_drawn_where_they_are() -> None:
    build(strategies=["pretrained", "top_tuned", "hybrid_tuned"])
    report.main()
    assert '<section id="learning">' not in page()
    write_curves(["sample_cars"], ["top_tuned"])
    write_curves(["sample_food"], ["hybrid_tuned"], hybrid="lora")
    report.main()
    told = re.findall(r'aria-label="(\w+), validation mMP@5. ([^"]+)"', page())
    best = "best 70.0 % in epoch 4. "
    assert told == [("sample_cars", f"top_tuned: {best}"), ("sample_food", f"hybrid_tuned: {best}")]


def test_instance_search_is_of_datasets_whose_queries_and_gallery_are_different_splits() -> None:
    build(strategies=ALL[:2])
    report.main()
    figures = store.read_json(paths.MATCHES / "top_tuned" / "metrics.json")["sample_food"]["phone"]
    text = page()[page().index('<section id="search">') : page().index('<section id="slices">')]
    assert f'<td>top_tuned</td><td class="number">{100 * figures["products"]["R@1"]:.1f}</td>' in text
    assert text.count('<figure class="row">') == 2
    assert text.count("R@1: pretrained 90.0 % among 24, 50.0 % among 96") == 2
    with changed_params() as raw:
        among_themselves = {name: {"query": "query", "gallery": "query"} for name in ("phone", "studio")}
        raw["catalogue"]["sample_food"] = raw["catalogue"]["sample_food"] | {"protocols": among_themselves}
    report.main()
    assert page().count('<figure class="row">') == 1


def section(name: str) -> str:
    """Its text, without tags."""
    found = re.search(rf'<section id="{name}">(.*?)</section>', page(), re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", found[1]))) if found else ""


def test_the_advice_of_the_page_is_that_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    build()
    report.main()
    capsys.readouterr()
    advise.main([], None, None, CATALOGUE, among=False, budget=Budget())
    told = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith(("For ", "It costs", "The runner"))
    ]
    measured = [line for line in told if "nothing was measured" not in line]
    assert [line for line in told if line not in measured] == ["For tagging nothing was measured."]  # no classifier
    assert len(measured) >= 2 * 4
    assert all(line in section("advice") for line in measured)
    assert "tagging" not in section("advice").lower()


def test_one_strategy_leaves_no_choice_and_gets_no_advice() -> None:
    build(strategies=ALL[:1])
    report.main()
    assert 'id="advice"' not in page() and 'href="#advice"' not in page()


def test_costs_stand_in_tables_and_charts_with_what_was_not_measured_marked() -> None:
    build()
    report.main()
    text = section("cost")
    assert re.search(r"top_tuned \d+\.\d 1\.5 200 791k 1\.25M 0\.0347 2048", text)
    assert "1 / 2 ms 10 MB ≈ 100 / 200 ms 1 GB" in text
    drawn = re.findall(r'class="plot scatter".*? aria-label="([^"]+)"', page())
    assert [told.count("min. ") for told in drawn] == [5, 0, 0]  # cross-tuned encoders too
    assert [told.count("bytes. ") for told in drawn] == [0, 5, 3 * 4]


def test_costs_of_another_model_are_not_shown() -> None:
    build(strategies=ALL[:2])
    for name in ALL[:2]:
        write_cost(name, ["sample_cars", "sample_food"], model="another")
    report.main()
    assert section("cost") == "" and "hardware" not in section("how")


def test_what_is_stored_in_fewer_bytes_is_a_table_and_a_section() -> None:
    build()
    report.main()
    table = pd.read_csv(paths.REPORT / "tables/compression.csv")
    assert list(table) == ["strategy", "dataset", "codec", "bytes", "mMP@5", "lost", "low", "high"]
    assert len(table) == 3 * 3 * 4 and set(table["dataset"]) == {"mean", "sample_cars", "sample_food"}
    text = section("compression")
    assert "int8 256 −2.0 ▼ −3.0 to −1.0 512 −2.0 ▼ −3.0 to −1.0 256" in text
    assert "the table beside the page has 1 more" in text and ">truncated_64</th>" not in page()


def test_encoders_used_elsewhere_alone_have_neither_costs_nor_compression() -> None:
    build(strategies=ALL[3:])
    report.main()
    assert not section("cost") and not section("compression")


def test_slices_are_a_table_and_a_section() -> None:
    build(strategies=ALL)
    report.main()
    table = pd.read_csv(paths.REPORT / "tables/slices.csv")
    assert set(table["strategy"]) == {*ALL[:3], "cross_tuned.top_tuned", "cross_tuned.fine_tuned"}
    assert {"category", "brightness", "clutter"} <= set(table["by"])
    text = page()[page().index('<section id="slices">') : page().index('<section id="queries">')]
    assert "pretrained" in text and "cross_tuned" not in text


def test_machine_versions_and_manifests_are_told() -> None:
    build(strategies=ALL[:2])
    report.main()
    text = re.sub("<[^>]+>", "", page())
    assert "pretrained, top_tuned: Abacus 3000, cpu, 2 threads." in text
    assert store.sha256(paths.manifest("sample_food") / "manifest.parquet")[:12] in text
    assert f"numpy {np.__version__}" in text


PUBLISHED = {"model": MODEL, "dataset": "sample_cars", "protocol": "phone", "metric": "R@1", "value": 0.25}


def test_published_numbers_are_printed_beside_ours_where_all_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    build(strategies=ALL[:2])
    changes = {"same": {}, "model": {"model": "siglip"}, "dataset": {"dataset": "sample_shelf"}}
    with changed_params() as raw:
        raw["published"] = [PUBLISHED | {"source": f"their {name}"} | row for name, row in changes.items()]
    report.main()
    ours = store.read_json(paths.queries("pretrained") / "metrics.json")["sample_cars"]["phone"]["R@1"]
    line, last = capsys.readouterr().out.splitlines()
    assert line == f"{MODEL} sample_cars phone R@1: {ours:.3f} here, 0.250 published, {ours - 0.25:+.3f} (their same)"
    assert last.startswith("report: ")
    for text in (page(), (paths.METRICS / "summary.md").read_text()):
        assert [f"their {name}" in text for name in changes] == [True, False, False]


def test_a_dataset_that_need_not_be_whole_is_not_compared() -> None:
    build(strategies=ALL[:1])
    for strict in (True, False):
        with changed_params() as raw:
            raw["published"] = [PUBLISHED | {"source": "them"}]
            protocols = raw["catalogue"]["sample_cars"]["protocols"]
            raw["catalogue"]["sample_cars"] = {"reader": "rp2k", "strict": strict, "protocols": protocols}
        report.main()
        assert (">them<" in page()) == strict


def test_the_licence_of_the_model_and_unusable_images_are_told() -> None:
    build(strategies=ALL[:2])
    with changed_params() as raw:
        raw["models"][MODEL]["licence"] = "CC-BY-NC-4.0"
    path = paths.queries("pretrained") / "metrics.json"
    metrics = store.read_json(path)
    metrics["sample_food"]["images"] = {"images": 97, "labels": 6, "quarantined": 3}
    store.write_json(path, metrics)
    report.main()
    for text in (page(), (paths.METRICS / "summary.md").read_text()):
        assert "Licence CC-BY-NC-4.0: not for commercial use." in text
        assert "Images that could not be used: sample_food 3 of 100" in text
        assert "sample supervised, licence CC-BY-NC-4.0" in re.sub("<[^>]+>", "", text)


def test_the_hybrid_is_named_with_its_trained_parameters() -> None:
    build(strategies=["pretrained", "hybrid_tuned"])
    report.main()
    summary = store.read_json(paths.SUMMARY)
    assert summary["trained_parameters"] == {"hybrid_tuned": 1234}
    assert list(summary["gain"]) == ["hybrid_tuned"]
    text = (paths.METRICS / "summary.md").read_text()
    assert "- hybrid_tuned is lora: the backbone, thin matrices trained beside its weights (LoRA).\n" in text
    assert "- Trained parameters: hybrid_tuned 1,234.\n" in text
    assert "<dd>hybrid_tuned 1,234; of the encoder" in page()
    assert page().count("thin matrices trained beside its weights (LoRA)") == 2  # below its figure, and how it was done


def test_an_embedding_service_is_told_by_its_name() -> None:
    build(strategies=ALL[:1])
    with changed_params() as raw:
        raw["models"][MODEL] = {"library": "api", "service": "voyage", "checkpoint": "v3"}
    report.main()
    text = (paths.METRICS / "summary.md").read_text()
    assert f"- {MODEL} is voyage v3, licence terms of the service." in text
    assert "**Licence terms of the service: read them before commercial use.**" in text


@pytest.mark.parametrize(("key", "value"), [("model", "sample_ssl"), ("weights_sha256", "b" * 64)])
def test_a_strategy_of_another_backbone_is_refused_with_the_cure(key: str, value: str) -> None:
    build()
    path = paths.queries("top_tuned") / "metrics.json"
    store.write_json(path, store.read_json(path) | {key: value})
    with pytest.raises(UserError, match=f"{path}: {key} is {value}, .* run `dvc repro`"):
        report.main()
    assert not paths.REPORT.exists()


def test_hostile_labels_are_text() -> None:
    build(label=lambda dataset, number: f"{number}\"'><script>alert(1)</script><img src=x onerror=alert(1)>")
    report.main()
    assert "<script" not in page()
    assert "<img src=x" not in page()
    assert "&lt;script&gt;alert(1)" in page()


def test_the_page_stays_below_5_mb_however_many_queries_are_asked_for() -> None:
    rng = np.random.default_rng(0)

    def noise(dataset: str, number: int, split: str) -> bytes:
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (128, 128, 3), np.uint8)).save(file, "JPEG", quality=95)
        return file.getvalue()

    build(labels=30, photo=noise)
    with changed_params() as raw:
        raw["report"]["queries"] = 50
    report.main()
    assert page().count("<article") == 100
    assert (paths.REPORT / "index.html").stat().st_size < 5_000_000


def test_it_starts_without_heavy_imports() -> None:
    heavy = "('torch', 'timm', 'faiss', 'sklearn', 'matplotlib')"
    code = f"import sys, src.stages.report; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
