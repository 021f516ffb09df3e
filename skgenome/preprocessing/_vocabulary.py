"""The map from k-mers to ids, worked out when asked: k = 15 has a billion of them."""

from collections.abc import Iterator, Mapping
from itertools import product

from skgenome.sequences import N_SPECIAL, SPECIAL_TOKENS

_DIGITS = str.maketrans("ACGT", "0123")


class KmerVocabulary(Mapping):
    """Map every token to its id, as a dict would, without holding one.

    The special tokens come first; k-mers follow in lexicographic order.

    Parameters
    ----------
    k : int
        Bases in a k-mer.

    Examples
    --------
    >>> from skgenome.preprocessing import KmerVocabulary
    >>> vocabulary = KmerVocabulary(2)
    >>> vocabulary["<unk>"], vocabulary["AC"], len(vocabulary)
    (1, 3, 18)
    """

    def __init__(self, k):
        self.k = k

    def __getitem__(self, token: str) -> int:
        if token in SPECIAL_TOKENS:
            return SPECIAL_TOKENS.index(token)
        if not isinstance(token, str) or len(token) != self.k or not set(token) <= set("ACGT"):
            raise KeyError(token)
        return int(token.translate(_DIGITS), 4) + N_SPECIAL

    def __iter__(self) -> Iterator[str]:
        yield from SPECIAL_TOKENS
        for letters in product("ACGT", repeat=self.k):
            yield "".join(letters)

    def __len__(self) -> int:
        return 4**self.k + N_SPECIAL

    def __repr__(self) -> str:
        return f"KmerVocabulary(k={self.k})"
