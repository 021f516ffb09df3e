"""The command ``few-labels``, which tells how many labels a task needs."""

from pathlib import Path

import click

from skgenome._cli.inputs import load_pretrained, read_labelled
from skgenome._cli.options import (
    column_options,
    device_option,
    force_option,
    labelled_argument,
    output_option,
    seed_option,
)
from skgenome._cli.outputs import check_outputs, check_suffix, require_package, write_table


class Numbers(click.ParamType):
    """Whole numbers with commas between them."""

    name = "n,n,..."

    def convert(self, value, param, ctx):
        """Read the numbers; a list is passed on."""
        if not isinstance(value, str):
            return value
        try:
            numbers = [int(part) for part in value.split(",")]
        except ValueError:
            numbers = []
        if not numbers or min(numbers) < 2:
            self.fail(f"expected whole numbers from 2 on, as 20,50,100. Got {value!r}.", param, ctx)
        return numbers


def _methods(models, device):
    """Give the baseline and one pipeline for each model, all with the same lasso."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import make_pipeline

    from skgenome.linear_model import LassoLogisticRegressionCV
    from skgenome.preprocessing import KmerCounter

    methods = {"k-mers + lasso": make_pipeline(KmerCounter(k=4, k_min=1), LassoLogisticRegressionCV())}
    for path in models:
        tokenizer, encoder = load_pretrained(path)
        frozen = FrozenEstimator(encoder.set_params(device=device))
        methods[f"{path} + lasso"] = make_pipeline(tokenizer, frozen, LassoLogisticRegressionCV())
    return methods


def _draw(curve, path):
    """Write the picture of a curve."""
    from io import BytesIO

    from matplotlib.figure import Figure

    from skgenome.model_selection import LabelFractionCurveDisplay
    from skgenome.sequences import write_beside

    # A figure of its own has no window, whatever backend is set.
    figure, content = Figure(figsize=(7, 4.5), layout="constrained"), BytesIO()
    LabelFractionCurveDisplay(curve).plot(ax=figure.subplots())
    figure.savefig(content, format="png", dpi=120)
    with write_beside(path) as file:
        file.write(content.getvalue())


@click.command(
    "few-labels",
    epilog="""\b
Example:
  skgenome few-labels promoter=pos.fa other=neg.fa --model model -o curve.tsv --figure curve.png
  skgenome few-labels train.csv --test test.csv --model model --labels 20,100 -o curve.tsv""",
)
@labelled_argument
@click.option("-m", "--model", "models", multiple=True, required=True, help="Pretrained model; or several.")
@output_option
@click.option("--figure", type=click.Path(path_type=Path), help="Picture of the curve, a PNG file.")
@click.option(
    "--labels",
    type=Numbers(),
    default="20,50,100,200,500,1000",
    show_default=True,
    help="Numbers of labels. Those that there are not are left out.",
)
@click.option("--test", type=click.Path(path_type=Path), help="Table of labelled sequences to test on.")
@click.option(
    "--test-size",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.33,
    show_default=True,
    help="Share to test on, without --test.",
)
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="Draws of labels.")
@click.option(
    "--scoring",
    default="accuracy",
    show_default=True,
    help="Name of one of scikit-learn's scorers for classes by name: roc_auc, f1_macro, ...",
)
@column_options
@seed_option
@device_option
@force_option
def few_labels(
    labelled, models, output, figure, labels, test, test_size, repeats, scoring, sequence_column,
    label_column, random_state, device, force,
):  # fmt: skip
    """Score models with few labels and many.

    Each pretrained model is read by a lasso, beside counts of k-mers, on the same labels.

    LABELLED is a table (.csv or .tsv) with the columns sequence and label, or FASTA files of one class each:
    class=file, or a file whose name is the class. A part of it is kept to test on: relatives of a test
    sequence among the others make all scores too good.
    """
    check_suffix(output, [".tsv", ".csv"])
    outputs = [output]
    if figure is not None:
        check_suffix(figure, [".png"])
        outputs.append(figure)
        require_package("matplotlib", "--figure", "plots")
    check_outputs(outputs, force=force)
    from sklearn.model_selection import train_test_split

    from skgenome.model_selection import label_fraction_curve

    columns = sequence_column, label_column
    X, y = read_labelled(labelled, *columns)
    if test is not None:
        X_test, y_test = read_labelled([str(test)], *columns)
    else:
        X, X_test, y, y_test = train_test_split(
            X, y, test_size=test_size, stratify=y, random_state=random_state
        )
    _check_classes(y, y_test, test)
    curve = label_fraction_curve(
        _methods(models, device),
        X,
        y,
        X_test=X_test,
        y_test=y_test,
        fractions=_affordable(labels, y, random_state),
        n_repeats=repeats,
        scoring=scoring,
        random_state=random_state,
    )
    rows = curve.to_rows()
    write_table(output, list(rows[0]), (row.values() for row in rows))
    if figure is not None:
        _draw(curve, figure)
    click.echo(str(curve))
    click.echo(f"Wrote {' and '.join(map(str, outputs))}")


def _check_classes(y, y_test, test):
    """Refuse test sequences of a class that is not learnt: whoever predicts, they are all wrong."""
    unknown = sorted(set(y_test.tolist()) - set(y.tolist()))
    if unknown:
        raise ValueError(
            f"{test} must have the classes that are learnt, {', '.join(sorted(set(y.tolist())))}. Got "
            f"{', '.join(unknown)} too."
        )


def _affordable(labels, y, random_state):
    """Leave out numbers of labels that there are not, or with which a class has a single one, and say so."""
    kept = [n for n in labels if n <= len(y) and _is_enough(n, y, random_state)]
    if not kept:
        raise ValueError(
            f"--labels must have a number up to {len(y)}, the labelled sequences, with two of each class at "
            f"least. Got {labels}."
        )
    if len(kept) < len(labels):
        left_out = ", ".join(str(n) for n in labels if n not in kept)
        click.echo(f"Left out, with {len(y)} labels to draw from: {left_out}", err=True)
    return kept


def _is_enough(n, y, random_state):
    """Say whether a choice of so many has two of every class: a penalty is chosen by cross-validation."""
    import numpy as np

    from skgenome.model_selection import nested_label_subset

    chosen = y[nested_label_subset(y, n, random_state=random_state)]
    return np.unique(chosen, return_counts=True)[1].min() >= 2 and set(chosen) == set(y)
