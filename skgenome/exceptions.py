"""Warnings and errors that carry a meaning of their own."""

__all__ = ["DataIntegrityError", "ModelMismatchError", "SkgenomeWarning"]


class SkgenomeWarning(UserWarning):
    """Warn that a result is usable but may not be what the user expects."""


class DataIntegrityError(ValueError):
    """Say that a file is not what its checksum or its format promises."""


class ModelMismatchError(ValueError):
    """Say that two parts that must agree (tokenizer and model, weights and sizes) do not."""
