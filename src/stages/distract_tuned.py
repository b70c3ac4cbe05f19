"""The same as `distract`, with the encoders tuned on each dataset.  python -m src.stages.distract_tuned <method>

Method: top_tuned or fine_tuned. A dataset is searched with its own encoder, and what `cross_tune` made of the others
with that encoder is merged in. Writes data/distractors/<method>/curve.csv. Runs for what `distract.tuned` names.
"""

from time import perf_counter

from threadpoolctl import threadpool_limits

from src import command, paths, runtime, store
from src.params import load
from src.registry import lookup
from src.stages.distract import enlarge, write
from src.words import METHODS


def main(method: str) -> None:
    """Every dataset of params.yaml among all others."""
    params, start = load(), perf_counter()
    lookup(dict.fromkeys(METHODS), method, "method", "the command")
    for folder in (paths.MANIFESTS, paths.embeddings(method), paths.embeddings("cross_tuned", method)):
        store.tidy(folder, params.datasets)
    curves = []
    with threadpool_limits(runtime.threads(params.runtime)):
        for source in params.datasets:
            folders = {name: paths.embeddings("cross_tuned", method, source, name) for name in params.datasets}
            folders[source] = paths.embeddings(method, source)
            curves.append(enlarge(source, params.catalogue[source].protocols, folders, params.model))
    write(method, curves)
    print(f"distract_tuned {method}: {params.model}, {len(curves)} galleries, {perf_counter() - start:.1f} s")


if __name__ == "__main__":
    command.run(main)
