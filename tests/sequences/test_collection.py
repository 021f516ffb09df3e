import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgenome.sequences import SequenceRecord, check_sequences

SEQUENCES = ["ACGT", "", "gg"]


@pytest.mark.parametrize(
    "container",
    [
        list,
        tuple,
        np.array,
        lambda x: np.array(x, dtype=object),
        lambda x: np.array(x, dtype=np.dtypes.StringDType()),
        lambda x: np.array(x).reshape(-1, 1),
        pd.Series,
        lambda x: pd.Series(x, dtype=object, index=[7, 8, 9]),
        lambda x: pd.Series(x, dtype="category"),
        lambda x: pd.DataFrame({"sequence": x}),
        pl.Series,
        lambda x: pl.DataFrame({"sequence": x}),
    ],
    ids=[
        *("list", "tuple", "str-array", "object-array", "StringDType", "column", "pandas", "pandas-object"),
        *("pandas-category", "pandas-frame", "polars", "polars-frame"),
    ],
)
def test_check_sequences_takes_container(container):
    sequences = check_sequences(container(SEQUENCES))
    assert isinstance(sequences, list)
    assert sequences == SEQUENCES
    assert all(isinstance(sequence, str) for sequence in sequences)


@pytest.mark.parametrize("container", [list, tuple, pd.Series, lambda x: np.array(x, dtype=object)])
def test_check_sequences_may_be_empty(container):
    assert check_sequences(container([])) == []


def test_check_sequences_gives_a_list_back_as_it_is():
    assert check_sequences(SEQUENCES) is SEQUENCES


def test_check_sequences_refuses_single_str():
    with pytest.raises(
        TypeError, match=r"genomes must be a list.* single str of 4 characters. .* \[genomes\]"
    ):
        check_sequences("ACGT", name="genomes")


@pytest.mark.parametrize(
    "X",
    [None, 3, {"a": "ACGT"}, {"ACGT"}, iter(["ACGT"]), b"ACGT"],
    ids=["None", "number", "dict", "set", "iterator", "bytes"],
)
def test_check_sequences_refuses_what_is_no_collection(X):
    with pytest.raises(TypeError, match=rf"X must be a list, tuple.* Got {type(X).__name__} instead"):
        check_sequences(X)


@pytest.mark.parametrize(
    "X",
    [
        np.array([["A", "C"]]),
        np.array("ACGT"),
        pd.DataFrame({"a": ["A"], "b": ["C"]}),
        pl.DataFrame([["A"], ["C"]]),
    ],
    ids=["matrix", "scalar", "pandas", "polars"],
)
def test_check_sequences_refuses_other_shapes(X):
    with pytest.raises(ValueError, match=r"Got shape \(.*\); pass one column"):
        check_sequences(X)


@pytest.mark.parametrize(
    "X",
    [
        ["A", "C", None],
        ["A", "C", float("nan")],
        ["A", "C", pd.NA],
        ["A", "C", pd.NaT],
        pd.Series(["A", "C", None]),
        pd.Series(["A", "C", None], dtype="string"),
        pl.Series(["A", "C", None]),
        np.array(["A", "C", np.nan], dtype=np.dtypes.StringDType(na_object=np.nan)),
    ],
    ids=["None", "nan", "NA", "NaT", "pandas", "pandas-string", "polars", "StringDType"],
)
def test_check_sequences_names_a_missing_sequence(X):
    with pytest.raises(ValueError, match=r"X\[2\] must be a str of DNA or RNA, but is missing"):
        check_sequences(X)


@pytest.mark.parametrize(
    ("element", "message"),
    [
        (b"ACGT", r"Got bytes instead. Use .decode\('ascii'\)"),
        (5, "Got int instead. Numbers are token ids"),
        (np.zeros(3), "Got ndarray instead. Numbers are token ids"),
        (SequenceRecord("chr1", "ACGT"), r"Got SequenceRecord instead. Pass \[record.sequence"),
        (["ACGT"], "Got list instead.$"),
    ],
    ids=["bytes", "number", "array", "record", "list"],
)
def test_check_sequences_names_an_element_that_is_no_str(element, message):
    with pytest.raises(TypeError, match=rf"X\[1\] must be a str of DNA or RNA. {message}"):
        check_sequences(["ACGT", element])


def test_check_sequences_takes_subclasses_of_str():
    assert check_sequences([np.str_("ACGT"), "C"]) == ["ACGT", "C"]
