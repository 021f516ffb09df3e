"""The command ``skgenome`` itself: its sub-commands, and how errors and warnings are told."""

import sys
import warnings

import click

from skgenome._cli.genomes import scan, variants
from skgenome._cli.inventory import datasets, models
from skgenome._cli.labels import few_labels
from skgenome._cli.learning import fine_tune, pretrain
from skgenome._cli.predicting import classify, embed

#: What the package and its dependencies raise for wrong input, full disks and missing packages. torch's
#: errors of memory are RuntimeErrors; an estimator without a method is an AttributeError.
TOLD_IN_ONE_LINE = (ArithmeticError, AttributeError, ImportError, LookupError, MemoryError, OSError)
TOLD_IN_ONE_LINE += (RuntimeError, TypeError, ValueError)


def _one_line(err):
    # The text of a KeyError is the repr of its message, with quotes around it.
    text = str(err.args[0]) if isinstance(err, KeyError) and err.args else str(err)
    return " ".join(text.split()) or type(err).__name__


def _show_warning(message, category, filename, lineno, file=None, line=None):
    click.echo(f"Warning: {_one_line(message)}", err=True)


class OneLineGroup(click.Group):
    """A group whose commands end with one line on stderr where they raise."""

    def invoke(self, ctx):
        """Run the command; turn what it raises into click's own error, whose exit code is 1."""
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            # click's own Exit and Abort are RuntimeErrors; of a closed pipe it knows what to do.
            except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
                raise
            except TOLD_IN_ONE_LINE as err:
                if ctx.params["debug"]:
                    raise
                raise click.ClickException(_one_line(err)) from err


@click.group(
    cls=OneLineGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Example:
  skgenome pretrain genomes/ -o model
  skgenome few-labels promoter=pos.fa other=neg.fa --model model -o curve.tsv --figure curve.png
  skgenome fine-tune promoter=pos.fa other=neg.fa --model model -o classifier
  skgenome scan genome.fa --model classifier --window-size 81 -o promoters.bw""",
)
@click.version_option(package_name="skgenome")
@click.option("--debug", is_flag=True, help="Show where in the code an error came from.")
def cli(debug):
    """Learn from genomes without labels, then from few labels.

    Exit codes: 0 if all went well, 1 if something went wrong, 2 if the command was not understood.
    """
    # scikit-learn's own warnings of convergence and the like are for those who see the code.
    if not debug and not sys.warnoptions:
        warnings.simplefilter("ignore", FutureWarning)


for _command in (pretrain, fine_tune, embed, classify, scan, variants, few_labels, datasets, models):
    cli.add_command(_command)
