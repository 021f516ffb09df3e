"""What commands read: saved models, labelled sequences, and records a batch at a time."""

import csv
import zlib
from contextlib import contextmanager
from pathlib import Path

TABLES = {".csv": ",", ".tsv": "\t"}
# Most sequences of a batch, and most bases of it once all are padded to the longest.
_MOST_ROWS, _MOST_BASES = 1024, 2**24
# Bases of a sequence in a table; Python's own limit is 131,072 letters.
_LONGEST_FIELD = 2**31 - 1


def is_compressed(path):
    """Say whether the name of a path ends in that of a compression."""
    from skgenome.sequences import COMPRESSIONS

    return Path(path).suffix.lower() in COMPRESSIONS


def suffix_of(path):
    """Give the suffix of a path in lower case, without that of a compression: '.csv' of ``a.CSV.gz``."""
    path = Path(path)
    return (Path(path.stem) if is_compressed(path) else path).suffix.lower()


def load_pipeline(path):
    """Load a model of sequences; one of token ids alone gets the tokenizer that it was fitted with."""
    from sklearn.pipeline import Pipeline

    from skgenome.persistence import load
    from skgenome.preprocessing import KmerTokenizer

    model = load(path)
    if isinstance(model, Pipeline) or not hasattr(model, "k_"):
        return model
    return Pipeline([("tokens", KmerTokenizer(k=model.k_, stride=model.stride_)), ("model", model)])


def load_pretrained(path):
    """Load the tokenizer and the network of a pretrained model."""
    from sklearn.frozen import FrozenEstimator

    from skgenome.exceptions import ModelMismatchError

    model = load_pipeline(path)
    steps = [step for _, step in getattr(model, "steps", [("", model)])]
    last = steps[-1].estimator if isinstance(steps[-1], FrozenEstimator) else steps[-1]
    if len(steps) != 2 or not hasattr(last, "k_") or not hasattr(last, "transform"):
        raise ModelMismatchError(
            f"{path} must hold a pretrained model, as skgenome pretrain writes it. Got "
            f"{' + '.join(type(step).__name__ for step in steps)}."
        )
    return steps[0], last


def load_classifier(path):
    """Load a classifier of sequences."""
    from skgenome.exceptions import ModelMismatchError

    model = load_pipeline(path)
    if not hasattr(model, "predict_proba"):
        last = getattr(model, "steps", [("", model)])[-1][1]
        raise ModelMismatchError(
            f"{path} must hold a classifier, as skgenome fine-tune writes it. Got a model that ends in "
            f"{type(last).__name__}, which predicts no probabilities."
        )
    return model


def find_class(classifier, text):
    """Give the class that a text names: classes may be numbers. None stays None."""
    if text is None:
        return None
    named = {str(label): label for label in classifier.classes_}
    if text not in named:
        raise ValueError(f"--target must be a class of the model, one of {', '.join(named)}. Got {text!r}.")
    label = named[text]
    return label.item() if hasattr(label, "item") else label


def iter_batches(records):
    """Cut a stream of records into lists whose sequences fill little memory, however long some are."""
    batch, longest = [], 0
    for record in records:
        longest = max(longest, len(record.sequence))
        if batch and (len(batch) == _MOST_ROWS or (len(batch) + 1) * longest > _MOST_BASES):
            yield batch
            batch, longest = [], len(record.sequence)
        batch.append(record)
    if batch:
        yield batch


def iter_checked(paths):
    """Read the records of files one after the other, and see that each is DNA.

    Raises
    ------
    ValueError
        Names file, record and position of what is no letter of DNA.
    """
    from skgenome.sequences import encode, iter_sequences

    # All at once first, so that a file that is missing is told of before there is any work.
    iter_sequences(paths)
    return _iter_checked(paths, encode, iter_sequences)


def _iter_checked(paths, encode, iter_sequences):
    for path in paths:
        for number, record in enumerate(iter_sequences(path), start=1):
            try:
                encode(record.sequence)
            except ValueError as err:
                what = str(err).removeprefix("Sequence 0 ")
                raise ValueError(f"{path}: record {number} ({record.name[:60]!r}) {what}") from err
            yield record


def read_labelled(labelled, sequence_column, label_column):
    """Read sequences and their labels from one table, or from FASTA files of one class each.

    Returns
    -------
    sequences : list of str
        All sequences.
    labels : ndarray of shape (n_sequences,), str
        The class of each.
    """
    import numpy as np

    if len(labelled) == 1 and suffix_of(labelled[0]) in TABLES:
        sequences, labels = _read_table(Path(labelled[0]), sequence_column, label_column)
    else:
        sequences, labels = _read_classes(labelled)
    if len(set(labels)) < 2:
        raise ValueError(
            f"Expected sequences of two classes or more in {', '.join(labelled)}. Got {len(labels)} of "
            f"{sorted(set(labels))}."
        )
    return sequences, np.array(labels)


def _read_classes(labelled):
    sequences, labels, seen = [], [], {}
    for argument in labelled:
        name, path = _split_class(argument)
        if name in seen:
            raise ValueError(
                f"{seen[name]} and {path} are both of class {name!r}. Name the classes: first={seen[name]} "
                f"second={path}."
            )
        seen[name] = path
        of_class = [record.sequence for record in iter_checked([path])]
        sequences += of_class
        labels += [name] * len(of_class)
    return sequences, labels


def _split_class(argument):
    """Give class and path of ``class=path``, or of a path alone, whose name then is the class."""
    name, equals, path = argument.partition("=")
    # A file may have the sign in its name.
    if equals and name and not Path(argument).exists():
        return name, path
    return Path(argument).name.split(".")[0], argument


@contextmanager
def _told(path):
    """Say of which file it is that it is no table, or not whole."""
    from skgenome.exceptions import DataIntegrityError

    try:
        yield
    except UnicodeDecodeError as err:
        raise DataIntegrityError(f"{path} is not UTF-8 ({err}). Save it in that encoding.") from err
    except (csv.Error, EOFError, zlib.error) as err:
        raise DataIntegrityError(
            f"{path} is damaged or no table: {str(err)[:200] or 'it breaks off'}. Copy or write it again."
        ) from err


def _read_table(path, sequence_column, label_column):
    from xopen import xopen

    from skgenome.exceptions import DataIntegrityError

    sequences, labels = [], []
    # A spreadsheet puts a byte order mark before the first name; transcripts may have 10^5 bases.
    csv.field_size_limit(_LONGEST_FIELD)
    with xopen(path, "rt", threads=0, newline="", encoding="utf-8-sig") as file, _told(path):
        rows = csv.DictReader(file, delimiter=TABLES[suffix_of(path)])
        names = rows.fieldnames or []
        missing = [name for name in (sequence_column, label_column) if name not in names]
        if missing:
            raise DataIntegrityError(
                f"{path} must have the columns {sequence_column!r} and {label_column!r} in its first line. "
                f"Got {', '.join(map(repr, names)) or 'nothing'}. Name others with --sequence-column and "
                "--label-column."
            )
        for row in rows:
            sequence, label = (row[sequence_column] or "").strip(), (row[label_column] or "").strip()
            if not sequence or not label:
                raise DataIntegrityError(f"{path} has no sequence or no label in line {rows.line_num}.")
            sequences.append(sequence)
            labels.append(label)
    return sequences, labels
