"""Damage that still looks like a file: a byte changed, a number too large, a part taken from elsewhere."""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

#: What lies between the files of an input that is a folder.
SEPARATOR = b"\n--part--\n"

_TOKENS = (
    b"\t", b"\n", b"\r\n", b"\r", b" ", b">", b"@", b"+", b"#", b";", b"=", b",", b"%", b"%zz", b".", b"-1",
    b"0", b"1e309", b"nan", b"9" * 30, b"9" * 5000, "٣".encode(), "é".encode(), "\u2028".encode(), b"\xff",
    b"\xed\xa0\x80", b"\0", b"\xef\xbb\xbf", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd",
    b"track", b"##FASTA", b"chr1", b"ACGTN", SEPARATOR,
)  # fmt: skip
_NUMBERS = (0, -1, 1, 2, 3, 255, 2**16, 2**31, 2**40, 2**63, 2**64, 10**30, 0.5, -0.0, 1e308, float("inf"))
_TEXTS = ("", "A", "class", "array", "é", "\ud800", "\0", "../../x", "/etc/passwd", "x" * 3000)


def mutate_bytes(content: bytes, random: Random) -> bytes:
    """Change a few places of an input.

    Parameters
    ----------
    content : bytes
        A whole input.
    random : random.Random
        Decides on the changes.

    Returns
    -------
    bytes
        The damaged one.
    """
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        start = random.randint(0, len(content))
        end = min(len(content), start + random.choice((0, 1, 1, 4, 60)))
        kind = random.randrange(5)
        if kind == 0:
            new = bytes(random.randrange(256) for _ in range(end - start))
        elif kind == 1:
            new = random.choice(_TOKENS)
        elif kind == 2:
            new = content[start:end] * 3
        else:
            other = random.randint(0, len(content))
            new = content[other : other + 20] if kind == 3 else b""
        content = content[:start] + new + content[end:]
    return content[: random.randint(0, len(content))] if random.random() < 0.1 else content


def mutate_json(content: bytes, random: Random, mutate_rest: Callable[[bytes], bytes]) -> bytes:
    """Change nodes of the JSON document that an input begins with, or what follows it.

    Parameters
    ----------
    content : bytes
        A document, and behind `SEPARATOR` other parts.
    random : random.Random
        Decides on the changes.
    mutate_rest : callable
        Damages bytes.

    Returns
    -------
    bytes
        The damaged input. What is no document any more is changed as bytes.
    """
    text, separator, rest = content.partition(SEPARATOR)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return mutate_rest(content)
    kind = random.random()
    if kind < 0.15:
        return text + separator + mutate_rest(rest)
    if kind < 0.2:
        return mutate_rest(content)
    try:
        for _ in range(random.choice((1, 1, 2, 3))):
            document = _change_node(document, random)
        return json.dumps(document).encode() + separator + rest
    except RecursionError:
        return mutate_rest(content)


def _slots(document: Any) -> Iterator[tuple[Any, Any]]:
    """List every place of a document: the dict or list, and the key."""
    # No recursion: documents are nested as deeply as Python lets them be.
    pending = [document]
    while pending:
        node = pending.pop()
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            yield node, key
            if isinstance(value, dict | list):
                pending.append(value)


def _change_node(document: Any, random: Random) -> Any:
    slots = list(_slots(document)) if isinstance(document, dict | list) else []
    if not slots or random.random() < 0.02:
        return _invent(random, document)
    parent, key = random.choice(slots)
    kind = random.randrange(8)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[random.choice((*_TEXTS, *parent))] = parent.pop(key)
    elif kind == 1:
        parent.insert(key, parent[key])
    elif kind <= 4:
        # Something of the right kind, from elsewhere.
        other, place = random.choice(slots)
        parent[key] = json.loads(json.dumps(other[place]))
    else:
        parent[key] = _invent(random, parent[key])
    return document


def _invent(random: Random, old: Any) -> Any:
    kind = random.randrange(9)
    if kind == 0:
        return random.choice((None, True, False))
    if kind <= 2:
        return random.choice(_NUMBERS)
    if kind == 3:
        return random.choice(_TEXTS)
    if kind == 4:
        return random.choice(([], {}, [[]], {"dict": {}}, {"tuple": []}, {"array": "estimator.x"}))
    if kind == 5:
        return [old] * random.choice((1, 2, 50))
    if kind == 6:
        return {random.choice(("tuple", "dict", "pairs", "object_array", "class", "array", "tensor")): old}
    if kind == 7 and isinstance(old, int | float):
        return old + random.choice((-1, 1, 1000))
    return _nest(random.choice((5, 100, 400, 900)), random.choice(("list", "dict", "tuple")))


def _nest(depth: int, kind: str) -> Any:
    node: Any = 0
    for _ in range(depth):
        node = [node] if kind == "list" else {kind: [node] if kind == "tuple" else {"x": node}}
    return node
