"""A classifier along a genome: tracks, their peaks and files, how well they find known sites, the picture."""

from skgenome.scanning._display import ScanDisplay
from skgenome.scanning._evaluation import evaluate_track
from skgenome.scanning._peaks import Peak, find_peaks
from skgenome.scanning._scan import iter_scan, scan
from skgenome.scanning._sites import label_windows, match_peaks
from skgenome.scanning._track import Track, TrackPiece
from skgenome.scanning._writers import write_bed, write_bedgraph, write_bigwig, write_narrow_peak

__all__ = [
    "Peak",
    "ScanDisplay",
    "Track",
    "TrackPiece",
    "evaluate_track",
    "find_peaks",
    "iter_scan",
    "label_windows",
    "match_peaks",
    "scan",
    "write_bed",
    "write_bedgraph",
    "write_bigwig",
    "write_narrow_peak",
]
