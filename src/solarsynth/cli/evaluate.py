"""The command that measures samples of any model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from solarsynth.cli.common import check_target, data_option, open_lab, profile_option, settings_option, source_option
from solarsynth.files import write_text

if TYPE_CHECKING:
    import pandas as pd

    from solarsynth.stages import Lab


@click.command("evaluate")
@click.argument("samples", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    "archive",
    type=click.Path(path_type=Path),
    help="Archive whose training images are the reference [default: the source's].",
)
@click.option(
    "--origin",
    type=click.Choice(["upper", "lower"]),
    help="Whether row 0 of an image is its northern (upper) or southern one (lower) "
    "[default: lower for .npz, .npy and .fits, upper for pictures].",
)
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write the table as CSV.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the table as JSON.")
@profile_option
@source_option
@data_option
@settings_option
@click.option("--clusters", default=5, show_default=True, type=click.IntRange(2, 999), help="K of the clusters.")
@click.option(
    "--cluster-seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1), help="Seed of K-means."
)
@click.option(
    "--space",
    default="cevae",
    show_default=True,
    help="Feature space of clusters and coverage: cevae, vgg, classifier, clip or inception.",
)
def evaluate_command(
    samples: Path,
    archive: Path | None,
    origin: str | None,
    csv_path: Path | None,
    json_path: Path | None,
    profile: str,
    source: str,
    data: str,
    settings: tuple[str, ...],
    clusters: int,
    cluster_seed: int,
    space: str,
) -> None:
    """Measure SAMPLES by any model against real images: Table 1 and Appendix D.

    SAMPLES is an .npz of image and label (or arr_0, arr_1), an .npy, a .fits, or a folder of pictures with a sub-folder
    per class. Row 0 of .npz, .npy and .fits is taken as the southern one, the first row of a picture as the northern
    one; --origin says otherwise. Images upside down score worse, and no check can see it.

    Every row has the value of held-out real images and the range of real sets of other weeks. The last line says
    whether the samples are accepted, and if not, which rows reject them.

    \b
    Examples:
      solarsynth evaluate suns.npz --reference suns-2012 --json table.json
      solarsynth evaluate suns.npz --profile smoke
    """
    if archive and source not in ("simulated", "archive"):
        raise click.UsageError(f"--reference names an archive, so --source must be left out, got {source}")
    for path in (csv_path, json_path):
        check_target(path)
    source, data = ("archive", str(archive)) if archive else (source, data)
    lab = open_lab(profile, source, data, settings)
    table = _judge(lab, samples, origin, clusters, cluster_seed, space)
    if csv_path:
        write_text(csv_path, table.to_csv(index=False))
    if json_path:
        write_text(json_path, table.to_json(orient="records", indent=1, force_ascii=False) + "\n")


def _judge(lab: Lab, samples: Path, origin: str | None, clusters: int, cluster_seed: int, space: str) -> pd.DataFrame:
    """Measure a file of samples, print the table and the verdict, and return the table."""
    from rich.console import Console

    from solarsynth import stages
    from solarsynth.dataset.images import ImageSet
    from solarsynth.evaluation import (
        Reference,
        as_table,
        class_values,
        evaluate,
        open_samples,
        range_warning,
        verdict,
    )
    from solarsynth.tables import evaluation_table

    read = open_samples(samples, lab.settings.image_size, origin)
    click.echo(f"{samples}: {read.how}")
    image, label = read.image, read.label
    reference = Reference(lab, clusters, cluster_seed, space)
    warning = range_warning(image, stages.labelled_set(lab).image)
    if warning:
        click.echo(f"solarsynth: {warning}", err=True)
    drawn = ImageSet.of(image, label)
    scored = None if label is None else drawn
    values = evaluate(reference, [drawn], scored, description="evaluation")
    _, why = verdict(values)
    if scored is not None:
        values += class_values(reference, scored)
    Console().print(evaluation_table(values, title=f"{samples.name}: {len(image):,} images"))
    click.echo(why)
    return as_table(values)
