"""RapidOCR: the PP-OCR models on onnxruntime. The models are files of the wheel, so that nothing is downloaded.

Its parts are used directly: its front end would build sessions without limits on threads and memory, and would download
models that it does not find.
"""

import math
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from app.pipeline.parse.ocr.engine import NOTHING, OcrError, Picture, Reading
from app.pipeline.parse.ocr.layout import Line, arrange

try:
    import cv2
    import numpy as np
    import rapidocr
    from onnxruntime import InferenceSession, SessionOptions
    from rapidocr.ch_ppocr_cls import TextClassifier
    from rapidocr.ch_ppocr_det import TextDetector
    from rapidocr.ch_ppocr_rec import TextRecInput, TextRecognizer
    from rapidocr.utils.process_img import get_rotate_crop_image
    from rapidocr.utils.typings import EngineType, LangRec, OCRVersion

    from app.pipeline.parse.ocr.blank import crop_blank
except ImportError as error:
    reason = " ".join(str(error).split())[:200]
    raise OcrError(f"RapidOCR cannot be loaded: {reason}") from error  # such as for a missing library of the system

_MODELS = Path(rapidocr.__file__).parent / "models"
_DETECTION_PIXELS = 1_500_000
"""A4 at 125 dots per inch. Lines are searched for at this size, which decides the memory, and read at full size."""
_DETECTION_SIDE = 320
"""Smaller pictures are enlarged until their shorter side has so many pixels."""
_LINES = 1000
_LONGEST = 80
"""The length of a line in its heights up to which it keeps its proportions: the recognition takes memory for it."""
_TALL = 1.5
_SURE = 0.5
"""Lines below this confidence are noise rather than text."""
_TURNED = 0.9
_SHOWS_SKEW = 8
"""The length in its heights from which the angle of a line is that of the page."""


class _Config(dict[str, Any]):
    """Configuration in the form that RapidOCR reads: a dictionary whose entries are attributes too."""

    __getattr__ = dict.__getitem__


class _Models(NamedTuple):
    detector: TextDetector
    classifier: TextClassifier
    recogniser: TextRecognizer


class _Box(NamedTuple):
    points: Any
    crop: Picture
    tall: bool
    turned: bool


@cache
def _load() -> _Models:
    """The models, loaded once for each process."""
    common = {"engine_type": EngineType.ONNXRUNTIME, "lang_type": LangRec.CH, "font_path": None}
    side = {"limit_type": "max", "limit_side_len": 100_000, "mean": [0.5] * 3, "std": [0.5] * 3}
    detector = TextDetector(
        _Config(**common, **side, session=_open("PP-OCRv6_det_small"), max_candidates=_LINES, unclip_ratio=1.8)
    )
    classifier = TextClassifier(
        _Config(
            **common,
            session=_open("ch_ppocr_mobile_v2.0_cls_mobile"),
            ocr_version=OCRVersion.PPOCRV4,
            cls_batch_num=6,
            cls_thresh=_TURNED,
            label_list=["0", "180"],
        )
    )
    recogniser = TextRecognizer(
        _Config(**common, session=_open("PP-OCRv6_rec_small"), rec_batch_num=1, rec_img_shape=[3, 48, 320])
    )
    return _Models(detector, classifier, recogniser)


def _open(name: str) -> InferenceSession:
    """A model of the wheel, on one thread. Without patterns and arena, onnxruntime keeps no memory between pictures."""
    path = _MODELS / f"{name}.onnx"
    if not path.exists():
        raise OcrError(f"RapidOCR has no model {name}")
    options = SessionOptions()
    options.log_severity_level = 4
    options.enable_mem_pattern = options.enable_cpu_mem_arena = False
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class RapidOcr:
    """The ``Engine`` of RapidOCR."""

    def __init__(self) -> None:
        self._models = _load()

    def read(self, picture: Picture, seconds: float) -> Reading:
        """As ``Engine.read``. A page that is turned by quarters is read as if it were upright."""
        deadline = time.monotonic() + seconds
        boxes = self._find(picture)
        if not boxes:
            return NOTHING
        turn = _vote(boxes)
        lines = []
        for box in boxes:
            if time.monotonic() > deadline:
                raise OcrError(f"OCR of a page took more than {seconds:g} seconds")
            text, confidence = self._recognise(box, turn)
            if text.strip() and confidence >= _SURE:
                lines.append((box.points, text.strip(), confidence))
        if not lines:
            return NOTHING
        weight = sum(len(text) for _, text, _ in lines)
        confidence = sum(len(text) * sure for _, text, sure in lines) / weight
        return Reading(arrange(_straighten(lines, turn, picture.shape)), confidence)

    def _find(self, picture: Picture) -> list[_Box]:
        """The lines of a picture, each cut out and turned so that it is wide."""
        boxes = []
        for points in self._detect(picture):
            across, down = np.linalg.norm(points[0] - points[1]), np.linalg.norm(points[0] - points[3])
            crop = get_rotate_crop_image(picture, points.copy())
            if min(crop.shape[:2]) > 1:
                boxes.append(_Box(points, _colour(_shorten(crop)), bool(down >= _TALL * across), turned=False))
        labels = self._models.classifier([box.crop for box in boxes]).cls_res or [] if boxes else []
        return [
            box._replace(turned="180" in label and score > _TURNED)
            for box, (label, score) in zip(boxes, labels, strict=True)
        ]

    def _detect(self, picture: Picture) -> list[Any]:
        """The four corners of each line."""
        rows, columns = crop_blank(picture)
        if not len(rows):
            return []
        inked = picture[rows][:, columns]
        height, width = inked.shape
        scale = min(math.sqrt(_DETECTION_PIXELS / (height * width)), max(1, _DETECTION_SIDE / min(height, width)))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(inked, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        found = self._models.detector(_colour(small)).boxes
        placed = []
        for points in [] if found is None else found[:_LINES]:
            x, y = (np.asarray(points, dtype=np.float32) / scale).T
            across = np.interp(x, np.arange(width), columns)
            placed.append(np.stack((across, np.interp(y, np.arange(height), rows)), axis=1).astype(np.float32))
        return placed

    def _recognise(self, box: _Box, turn: int) -> tuple[str, float]:
        """The text of one line. Lines along the page are turned as most of them are: a single one may be misjudged."""
        along = box.tall == (turn in {90, 270})
        turned = turn in {180, 270} if along else box.turned
        crop = cv2.rotate(box.crop, cv2.ROTATE_180) if turned else box.crop
        found = self._models.recogniser(TextRecInput(img=[crop], return_word_box=False))
        return (found.txts or ("",))[0], float((found.scores or (0.0,))[0])


def _colour(picture: Picture) -> Picture:
    return np.repeat(picture[:, :, np.newaxis], 3, axis=2)


def _shorten(crop: Picture) -> Picture:
    height, width = crop.shape
    return crop if width <= _LONGEST * height else cv2.resize(crop, (_LONGEST * height, height))


def _vote(boxes: list[_Box]) -> int:
    """By how many degrees the page is turned clockwise, as most of its lines are."""
    votes: Counter[int] = Counter()
    for box in boxes:
        length = box.crop.shape[1] // box.crop.shape[0]
        votes[90 * box.tall + 180 * box.turned] += length
    return votes.most_common(1)[0][0]


def _straighten(lines: list[tuple[Any, str, float]], turn: int, shape: tuple[int, int]) -> list[Line]:
    """The lines on the upright page: turned back by quarters, then by the few degrees that most of them are skewed."""
    places = [(_turn_back(points, turn, shape), text, confidence) for points, text, confidence in lines]
    skew = _measure_skew([points for points, _, _ in places])
    cosine, sine = math.cos(skew), math.sin(skew)
    found = []
    for points, text, confidence in places:
        x, y = points.mean(axis=0)
        middle_x, middle_y = x * cosine + y * sine, y * cosine - x * sine
        sides = [np.linalg.norm(points[0] - points[1]), np.linalg.norm(points[1] - points[2])]
        width, height = (sides[0], sides[1]) if abs(_tilt(points)) < math.pi / 4 else (sides[1], sides[0])
        left, top = float(middle_x - width / 2), float(middle_y - height / 2)
        found.append(Line(text, confidence, left, top, left + float(width), top + float(height)))
    return found


def _measure_skew(places: list[Any]) -> float:
    """The median angle of the lines that are long enough to show it, in radians."""
    angles = []
    for points in places:
        sides = np.linalg.norm(points[0] - points[1]), np.linalg.norm(points[1] - points[2])
        if max(sides) >= _SHOWS_SKEW * min(sides):
            angles.append(_angle(points))
    return float(np.median(angles)) if angles else 0.0


def _turn_back(points: Any, turn: int, shape: tuple[int, int]) -> Any:
    height, width = shape
    x, y = points[:, 0], points[:, 1]
    columns = {0: (x, y), 90: (y, width - x), 180: (width - x, height - y), 270: (height - y, x)}[turn]
    return np.stack(columns, axis=1)


def _tilt(points: Any) -> float:
    """The angle of the first side against the horizontal, in radians, without its direction."""
    step = points[1] - points[0]
    return math.atan(step[1] / step[0]) if step[0] else math.pi / 2


def _angle(points: Any) -> float:
    """The skew of a line in radians, from the side that is nearly horizontal."""
    tilt = _tilt(points)
    return tilt if abs(tilt) < math.pi / 4 else _tilt(np.roll(points, -1, axis=0))
