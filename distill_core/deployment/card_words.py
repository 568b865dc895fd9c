"""What a model card says of each kind of input and each task, in words; loads no torch."""

from __future__ import annotations

from distill_core.signature import InputKind, Signature

_ONE: dict[InputKind, str] = {"image": "image", "sequence": "sequence", "text": "text", "table": "row"}
_RAW: dict[InputKind, str] = {
    "image": "float32 [batch, C, H, W] from 0 to 1, not normalised",
    "sequence": "float32 [batch, steps, features], not normalised",
    "text": "int64 [batch, length], see vocabulary.json",
    "table": "float32 [batch, features], not normalised",
}
_PREPARED: dict[InputKind, str] = {
    "image": "same size, same channels, pixels from 0 to 1",
    "sequence": "same number of steps, same features in the same order and units",
    "text": "same language and subject, split as vocabulary.json says",
    "table": "same columns in the same order and units",
}


def one(signature: Signature) -> str:
    """One sample: image, sequence, text or row."""
    return _ONE[signature.kind]


def does(signature: Signature, classes: str) -> tuple[str, str]:
    """What the network does, as a row of a table; `classes` are the names of its outputs, in words."""
    if signature.task == "regression":
        return "Predicts", f"{_number_of(signature.outputs, 'value')} of each {one(signature)}: {classes}"
    if signature.task == "tagging":
        return "Tags", f"each {_step(signature)} of {signature.noun} with one of {signature.outputs} classes: {classes}"
    return "Classifies", f"{signature.noun} into {signature.outputs} classes: {classes}"


def takes(signature: Signature) -> str:
    """The input of one sample."""
    shape = signature.shape
    match signature.kind:
        case "image":
            return f"{' x '.join(map(str, shape))} pixels (channels, height, width), each from 0 to 1"
        case "sequence":
            return f"{_number_of(shape[0], 'step')} of {_number_of(shape[1], 'feature')} each"
        case "text":
            return f"up to {_number_of(shape[0], 'token')}, from a vocabulary of {signature.vocabulary:,}"
        case "table":
            return _number_of(shape[0], "feature")


def counted(signature: Signature) -> str:
    """What the figures are counted over."""
    return f"{_step(signature)}s of test {signature.noun}" if signature.task == "tagging" else f"test {signature.noun}"


def score_names(signature: Signature) -> tuple[str, ...]:
    if signature.task == "regression":
        return "R²", "mean squared error (1 is the variance of the training values)"
    return "accuracy", "NLL (nats)", "ECE"


def parity_sentence(signature: Signature, *, same: int, total: int, difference: float) -> str:
    """`difference`: the largest between the graph's answers and the network's."""
    among = f"{same:,} of {total:,} {counted(signature).removeprefix('test ')}"
    if signature.task == "regression":
        return (
            f"Over the whole test set the graph and the trained network predict the same values for {among}, up to "
            f"rounding; they differ by at most {difference:.2g} standard deviations of the training values."
        )
    return (
        f"Over the whole test set the graph and the trained network name the same class for {among}; their logits "
        f"differ by at most {difference:.2g}."
    )


def limits(signature: Signature) -> list[str]:
    """What the network cannot do, in sentences."""
    name, noun = one(signature), signature.noun
    if signature.task == "regression":
        scope = f"It predicts the values above for any {name}, however little it resembles those it learned from."
    elif signature.task == "tagging":
        scope = f"It knows the classes above and nothing else: every {_step(signature)} gets one of them."
    else:
        scope = (
            f"It knows the classes above and nothing else: any {name} gets one of them, however little it resembles "
            "them."
        )
    return [
        scope,
        f"The figures hold for {noun} like the test {noun}, prepared in the same way: {_PREPARED[signature.kind]}.",
    ]


def files(signature: Signature, *, float_weights: bool = False) -> list[tuple[str, str]]:
    """Every file of a bundle beside the card, and what it holds."""
    if signature.task == "regression":
        output, names, truth = "[batch, values] in the data's own units", "the names of the values", "true values"
    elif signature.task == "tagging":
        output = "[batch, steps, classes]"
        names, truth = "the class names in the order of the logits", "true classes, negative where none is known"
    else:
        output, names, truth = "[batch, classes]", "the class names in the order of the logits", "true classes"
    taken = f"input `{signature.input_name}` {_RAW[signature.kind]}"
    rows = [
        ("model.onnx", f"{taken}; output `{signature.output_name}` {output}"),
        ("labels.json", names),
        ("test_samples.npz", f"`x` inputs, `y` {truth}, `expected_{signature.output_name}`"),
        ("spec.json", "the whole experiment; Distill Lab runs it again from this file"),
        ("run.py", "how to use all of the above"),
        ("measure.py", "how fast the model is on the machine that runs this"),
    ]
    if float_weights:
        rows.insert(1, ("model.safetensors", "the same weights as PyTorch names them, 32-bit floats"))
    if signature.kind == "text":
        rows.insert(2, ("vocabulary.json", "how a text becomes tokens, and the token of each id"))
    return rows


def _step(signature: Signature) -> str:
    return "token" if signature.kind == "text" else "step"


def _number_of(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
