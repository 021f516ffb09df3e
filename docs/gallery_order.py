"""The order of the gallery: the way of the data, from tokens to what a classifier reads."""

ORDER = (
    "plot_tokens.py",
    "plot_pretraining.py",
    "plot_tsne.py",
    "plot_few_labels.py",
    "plot_composition.py",
    "plot_multilabel.py",
    "plot_calibration.py",
    "plot_scan.py",
    "plot_perturbation.py",
    "plot_variants.py",
)


class GalleryOrder:
    """Sort the scripts as listed; one that is not listed is an error of the build."""

    def __init__(self, src_dir):
        self.src_dir = src_dir

    def __repr__(self):
        return "GalleryOrder"  # Sphinx compares settings by it: an address would make all pages anew

    def __call__(self, filename):
        """Give the place of a script."""
        return ORDER.index(filename)
