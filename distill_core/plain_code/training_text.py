"""What every script has in common: seeded random numbers, altered copies, the learning rate and the training loop."""

from __future__ import annotations

RANDOM = '''def seed_for(*parts):
    """One seed that depends on nothing but these numbers."""
    seed = 0
    for part in parts:
        seed = (seed * 6_364_136_223_846_793_005 + part + 1_442_695_040_888_963_407) % 2**63
    return seed


def generator(*parts):
    return torch.Generator().manual_seed(seed_for(*parts))'''

BALANCED = '''def balanced(among, count, seed):
    """`count` of the samples `among`, one of each class in turn, in the order of a seed."""
    order = np.random.RandomState(seed).permutation(len(strata))
    order = order[np.isin(order, among)]
    by_class = [order[strata[order] == kind] for kind in np.unique(strata[among])]
    turns = [one for turn in itertools.zip_longest(*by_class) for one in turn if one is not None]
    return np.sort(np.array(turns[:count]))'''

ALTERATIONS = {
    "affine": '''def affine(pixels, random, *, rotation_degrees, scale, shear, shift_pixels):
    """One random rotation, scaling, shear and shift a sample; zeros outside. Pixels [B,C,H,W] in 0..1."""
    batch, _, height, width = pixels.shape
    angle, size, slant, right, down = (torch.rand(5, batch, generator=random) * 2 - 1).unbind()
    angle, size, slant = angle * math.radians(rotation_degrees), 1 + size * scale, slant * shear
    cosine, sine = torch.cos(angle) * size, torch.sin(angle) * size
    right, down = right * shift_pixels * 2 / width, down * shift_pixels * 2 / height
    theta = torch.stack([cosine, slant - sine, right, sine, cosine, down], dim=1).view(batch, 2, 3)
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)''',
    "crop-flip": '''def crop_flip(pixels, random, *, padding, flip):
    """Zero-pads, crops back at random, mirrors half of the samples. Pixels [B,C,H,W] in 0..1."""
    batch, channels, height, width = pixels.shape
    top = torch.randint(0, 2 * padding + 1, (batch, 1), generator=random)
    left = torch.randint(0, 2 * padding + 1, (batch, 1), generator=random)
    columns = torch.arange(width).expand(batch, width)
    if flip:
        columns = torch.where(torch.rand(batch, 1, generator=random) < 0.5, columns.flip(1), columns)
    rows, columns = torch.arange(height) + top, columns + left
    padded = F.pad(pixels, (padding,) * 4)
    index = rows[:, :, None] * (width + 2 * padding) + columns[:, None, :]
    found = padded.flatten(2).gather(2, index.flatten(1)[:, None].expand(-1, channels, -1))
    return found.view(batch, channels, height, width)''',
}

RATE = '''def learning_rate(step, total, *, peak, warmup, schedule):
    """Rises in a straight line, then falls as the schedule says."""
    first = round(warmup * total)
    if step < first:
        return peak * (step + 1) / first
    if schedule == "constant":
        return peak
    if schedule == "step":
        return peak * 0.1 ** ((step >= total / 2) + (step >= total * 3 / 4))
    progress = (step - first) / max(total - first, 1)
    return peak * (0.5 * (1 + math.cos(math.pi * progress)) if schedule == "cosine" else 1 - progress)'''

MEASURES = {
    "classification": '''@torch.no_grad()
def measure(network, stored, wanted):
    """Accuracy, and NLL in nats."""
    answers = network.eval()(normalise(stored)).double()
    return (answers.argmax(1) == wanted).double().mean().item(), F.cross_entropy(answers, wanted).item()''',
    "tagging": '''@torch.no_grad()
def measure(network, stored, wanted):
    """Accuracy and NLL (nats) over all steps."""
    answers, wanted = network.eval()(normalise(stored)).double().flatten(0, 1), wanted.flatten()
    return (answers.argmax(1) == wanted).double().mean().item(), F.cross_entropy(answers, wanted).item()''',
    "regression": '''@torch.no_grad()
def measure(network, stored, wanted):
    """R2 and squared error."""
    values, wanted = network.eval()(normalise(stored)).double(), wanted.double()
    error, spread = (values - wanted) ** 2, (wanted - wanted.mean(0)) ** 2
    return (1 - error.sum(0) / spread.sum(0)).mean().item(), error.mean().item()''',
}
MEASURED = {
    "classification": ("accuracy", "NLL"), "tagging": ("accuracy per step", "NLL"),
    "regression": ("R2", "squared error"),
}

POOL = '''def pool_of(stored, views, alter, seed):
    """The samples and `views` - 1 altered copies of each, made once and kept as bytes; ready for a network."""
    copies = [stored]
    for view in range(1, views):
        copies.append((alter(stored.float() / 255, generator(seed, 999, view)) * 255).round().to(torch.uint8))
    return normalise(torch.cat(copies))'''

TRAIN = '''
def train(name, network, rows, wanted, loss_of, *, seed, views, alter, batch_size, epochs, steps, optimizer, peak,
          warmup, schedule, patience, monitor, held, teacher=None):
    """Trains on samples `rows` with labels `wanted` and keeps the epoch that does best on the samples `held`."""
    network.to(memory_format=torch.channels_last)  # convolutions run faster so
    stored = inputs[rows]
    pool = None if views is None else pool_of(stored, views, alter, seed)
    wanted = wanted.repeat(views or 1, *[1] * (wanted.dim() - 1))
    count = len(rows) * (views or 1)
    in_a_pass, total = max(count // batch_size, 1), epochs * steps
    with torch.no_grad():
        # With fixed views the teacher answers each only once.
        known = None if teacher is None or pool is None else torch.cat([teacher(part) for part in pool.split(512)])
    best, waited, kept = -math.inf, 0, None
    for epoch in range(1, epochs + 1):
        summed = 0.0
        for step in range((epoch - 1) * steps, epoch * steps):
            # Each pass over the samples has its own order, which depends on the seed alone.
            turn, place = divmod(step, in_a_pass)
            order = torch.randperm(count, generator=generator(seed, 777, turn))
            chosen = order[place * batch_size : (place + 1) * batch_size]
            if views is None:
                batch = normalise(alter(stored[chosen].float() / 255, generator(seed, 1999, step)))
            else:
                batch = pool[chosen]
            with torch.no_grad():
                soft = None if teacher is None else teacher(batch) if known is None else known[chosen]
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, total, peak=peak, warmup=warmup, schedule=schedule)
            torch.manual_seed(seed_for(seed, 2999, step))  # what dropout draws
            network.train()
            optimizer.zero_grad()
            loss = loss_of(network(batch), soft, wanted[chosen], step / total)
            loss.backward()
            optimizer.step()
            summed += loss.item()
        success, error = measure(network, inputs[held], labels[held])
        now = success if monitor == "accuracy" else -error
        waited = 0 if now > best else waited + 1
        if now >= best:
            best, kept = now, {key: value.clone() for key, value in network.state_dict().items()}
        print(f"{name}: epoch {epoch}: training loss {summed / steps:.10f}, "
              f"validation @SUCCESS@ {success:.6f}, @ERROR@ {error:.6f}", flush=True)
        if patience is not None and waited >= patience:
            break
    network.load_state_dict(kept)
    success, error = measure(network, test_inputs, test_labels)
    print(f"{name}: test @SUCCESS@ {success:.6f}, @ERROR@ {error:.6f}", flush=True)
    return network.eval().requires_grad_(False)'''
