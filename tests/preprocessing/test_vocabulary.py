import pickle
from itertools import islice, product

import pytest

from skgenome.preprocessing import KmerTokenizer, KmerVocabulary


@pytest.mark.parametrize("k", [1, 2, 3])
def test_vocabulary_equals_a_dict_in_lexicographic_order(k):
    tokens = ["<pad>", "<unk>", *map("".join, product("ACGT", repeat=k))]
    vocabulary = KmerVocabulary(k)
    assert dict(vocabulary) == {token: i for i, token in enumerate(tokens)}
    assert list(vocabulary) == tokens
    assert len(vocabulary) == len(tokens) == 4**k + 2


@pytest.mark.parametrize("token", ["AC", "ACGT", "ACN", "acg", "", 5, None, ("A", "C", "G")])
def test_vocabulary_lacks_what_is_no_token(token):
    vocabulary = KmerVocabulary(3)
    assert token not in vocabulary
    with pytest.raises(KeyError):
        vocabulary[token]


def test_vocabulary_of_a_large_k_takes_no_time_to_make():
    vocabulary = KmerTokenizer(k=15).vocabulary_
    assert vocabulary["T" * 15] == len(vocabulary) - 1 == 4**15 + 1
    assert list(islice(vocabulary, 3)) == ["<pad>", "<unk>", "A" * 15]


def test_vocabularies_of_one_k_are_equal_and_pickle():
    assert KmerVocabulary(2) == pickle.loads(pickle.dumps(KmerVocabulary(2)))
    assert KmerVocabulary(2) != KmerVocabulary(3)
    assert repr(KmerVocabulary(2)) == "KmerVocabulary(k=2)"


@pytest.mark.parametrize("sequence", ["ACG", "TTT", "GAT"])
def test_vocabulary_agrees_with_the_tokenizer(sequence):
    tokenizer = KmerTokenizer(k=3)
    assert tokenizer.transform([sequence]).tolist() == [[tokenizer.vocabulary_[sequence]]]
    assert tokenizer.n_tokens_ == len(tokenizer.vocabulary_)
