"""Composes the script of a bundle that runs its model on its samples, for each kind of input and task; no torch."""

from __future__ import annotations

from distill_core.signature import Signature

_DOCSTRING = '"""Runs the model on the samples beside it and exits with 1 unless it answers as expected."""\n'
_DOCSTRING_OF_TEXTS = '''\
"""Runs the model on the samples beside it and exits with 1 unless it answers as expected.

With texts as arguments it answers those instead: python run.py "a text" "another".
"""
'''
_START = '''\
import sys
from pathlib import Path

import numpy as np
import onnxruntime

sys.stdout.reconfigure(errors="replace")
here = Path(__file__).resolve().parent
labels = json.loads((here / "labels.json").read_text(encoding="utf-8"))
samples = np.load(here / "test_samples.npz", allow_pickle=False)
session = onnxruntime.InferenceSession(str(here / "model.onnx"), providers=["CPUExecutionProvider"])
'''
_WORDS = '''\
book = json.loads((here / "vocabulary.json").read_text(encoding="utf-8"))
words = book["words"]
'''
_READ_TEXTS = '''\


def tokens_of(text):
    """See "how" in vocabulary.json."""
    number = {word: token for token, word in enumerate(words)}
    found = re.findall(book["pattern"], unicodedata.normalize("NFC", text).lower())[: book["length"]]
    return [number.get(word, book["unknown"]) for word in found] + [book["padding"]] * (book["length"] - len(found))


for text in sys.argv[1:]:
    tokens = tokens_of(text)
    answer = session.run(None, {"tokens": np.array([tokens], dtype=np.int64)})[0][0]
'''
_ANSWER_CLASS = '''\
    print(f"predicted {labels[answer.argmax()]}: {text}")
'''
_ANSWER_TAGS = '''\
    print(*(f"{words[token]}: predicted {labels[row.argmax()]};" for token, row in zip(tokens, answer) if token))
'''
_ANSWER_VALUES = '''\
    print(*(f"{name}: predicted {value:.6g};" for name, value in zip(labels, answer)), text)
'''
_READ_END = '''\
if sys.argv[1:]:
    raise SystemExit(0)

'''
_CLASSES = '''\
logits = session.run(["logits"], {"INPUT": samples["x"]})[0]
for row, truth in zip(logits.argmax(axis=1), samples["y"]):
    print(f"predicted {labels[row]}, true {labels[truth]}")
'''
_CLASSES_OF_TEXTS = '''\
logits = session.run(["logits"], {"tokens": samples["x"]})[0]
for tokens, row, truth in zip(samples["x"], logits.argmax(axis=1), samples["y"]):
    print(f"predicted {labels[row]}, true {labels[truth]}:", *(words[token] for token in tokens if token))
'''
_TAGS = '''\
logits = session.run(["logits"], {"INPUT": samples["x"]})[0]
for tags, truths in zip(logits.argmax(axis=2), samples["y"]):
    # A step that nobody labelled has a negative label.
    print("predicted", *(labels[tag] for tag, truth in zip(tags, truths) if truth >= 0), end=", ")
    print("true", *(labels[truth] for truth in truths if truth >= 0))
'''
_TAGS_OF_TEXTS = '''\
logits = session.run(["logits"], {"tokens": samples["x"]})[0]
for tokens, tags, truths in zip(samples["x"], logits.argmax(axis=2), samples["y"]):
    # Padding, and a word that nobody labelled, has a negative label.
    steps = [step for step in zip(tokens, tags, truths) if step[2] >= 0]
    print(*(f"{words[token]}: predicted {labels[tag]}, true {labels[truth]};" for token, tag, truth in steps))
'''
_VALUES = '''\
values = session.run(["values"], {"INPUT": samples["x"]})[0]
for row, truths in zip(values, samples["y"]):
    for name, value, truth in zip(labels, row, truths):
        print(f"{name}: predicted {value:.6g}, true {truth:.6g}")
'''
_VALUES_OF_TEXTS = '''\
values = session.run(["values"], {"tokens": samples["x"]})[0]
for tokens, row, truths in zip(samples["x"], values, samples["y"]):
    print(*(words[token] for token in tokens if token))
    for name, value, truth in zip(labels, row, truths):
        print(f"{name}: predicted {value:.6g}, true {truth:.6g}")
'''
_COMPARE_LOGITS = '''\
difference = abs(logits - samples["expected_logits"])
same = np.allclose(logits, samples["expected_logits"], rtol=1e-3, atol=1e-3)
'''
_COMPARE_VALUES = '''\
difference = abs(values - samples["expected_values"])
same = np.allclose(values, samples["expected_values"], rtol=1e-5, atol=samples["tolerance"])
'''
# Integer kernels round differently on other processors: the answers are near, and nearly always of the same class.
_COMPARE_QUANTIZED_LOGITS = '''\
difference = abs(logits - samples["expected_logits"])
agree = logits.argmax(axis=-1) == samples["expected_logits"].argmax(axis=-1)
print(f"{agree.sum()} of {agree.size} get the class expected; 8-bit kernels round differently on other processors")
same = agree.mean() >= 0.9
'''
_COMPARE_QUANTIZED_VALUES = '''\
difference = abs(values - samples["expected_values"])
allowed = 0.05 * np.ptp(samples["expected_values"], axis=0) + samples["tolerance"]
print("8-bit kernels round differently on other processors; up to", *allowed, "is as expected")
same = bool((difference <= allowed).all())
'''
_END = '''\
print("as expected" if same else "NOT as expected", "- max difference", difference.max())
raise SystemExit(0 if same else 1)
'''


def run_script(signature: Signature, *, reads_texts: bool = True, quantized: bool = False) -> str:
    """The text of run.py, which needs only onnxruntime and numpy.

    `reads_texts`: the vocabulary's pattern tells how to split other texts, which it then answers too.
    `quantized`: the graph computes in integers, so that other processors answer slightly otherwise.
    """
    if signature.task == "regression":
        compare = _COMPARE_QUANTIZED_VALUES if quantized else _COMPARE_VALUES
    else:
        compare = _COMPARE_QUANTIZED_LOGITS if quantized else _COMPARE_LOGITS
    if signature.kind == "text":
        answer, answers = {
            "classification": (_ANSWER_CLASS, _CLASSES_OF_TEXTS),
            "tagging": (_ANSWER_TAGS, _TAGS_OF_TEXTS),
            "regression": (_ANSWER_VALUES, _VALUES_OF_TEXTS),
        }[signature.task]
        if not reads_texts:
            return _DOCSTRING + "import json\n" + _START + _WORDS + answers + compare + _END
        imports = "import json\nimport re\n" + _START.replace("from pathlib", "import unicodedata\nfrom pathlib")
        return _DOCSTRING_OF_TEXTS + imports + _WORDS + _READ_TEXTS + answer + _READ_END + answers + compare + _END
    answers = {"classification": _CLASSES, "tagging": _TAGS, "regression": _VALUES}[signature.task]
    return _DOCSTRING + "import json\n" + _START + answers.replace("INPUT", signature.input_name) + compare + _END
