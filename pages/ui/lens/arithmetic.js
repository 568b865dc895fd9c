// What logits say at a temperature, in double precision. Pure functions; the other files of the lens call them.
// Logits that are no numbers (null, NaN) make an answer of null: nothing is said about it.

const WARMEST = 50, SLIDER_STEPS = 200, SNAPS = [1, 2, 4, 8, 16, 50];
// How logits by epoch are sent: see routes.py.
const STEPS = 32000, NOT_A_NUMBER = -32768;

// log softmax(z / T); the largest logit is taken out first, so that nothing overflows.
function logShares(logits, temperature) {
  const count = logits.length, found = new Float64Array(count);
  let most = -Infinity;
  for (let k = 0; k < count; k += 1) {
    if (logits[k] === null || !Number.isFinite(logits[k])) return null;
    most = Math.max(most, logits[k]);
  }
  let sum = 0;
  for (let k = 0; k < count; k += 1) {
    found[k] = (logits[k] - most) / temperature;
    sum += Math.exp(found[k]);
  }
  const rest = Math.log(sum);
  for (let k = 0; k < count; k += 1) found[k] -= rest;
  return found;
}

// Of one network: its soft label, its entropy in nats, and against the teacher KL(teacher || it) at T, that times T^2,
// and the length of the gradient of T^2 * KL by its logits, which is T * |p_it - p_teacher|.
function readout(logits, teacherLogits, temperature) {
  const own = logShares(logits, temperature), told = teacherLogits ? logShares(teacherLogits, temperature) : null;
  if (!own) return null;
  const shares = own.map(Math.exp);
  let entropy = 0, top = 0;
  shares.forEach((share, k) => {
    if (share > 0) entropy -= share * own[k];
    if (share > shares[top]) top = k;
  });
  const found = { shares, entropy, top, kl: null, scaled: null, gradient: null };
  if (!told) return found;
  let kl = 0, square = 0;
  for (let k = 0; k < own.length; k += 1) {
    const teacher = Math.exp(told[k]);
    if (teacher > 0) kl += teacher * (told[k] - own[k]);
    square += (shares[k] - teacher) ** 2;
  }
  kl = Math.max(0, kl);
  return { ...found, kl, scaled: temperature ** 2 * kl, gradient: temperature * Math.sqrt(square) };
}

// The classes a chart has room for, in their order: the teacher's likeliest, whose order no temperature changes, and
// those that must be among them.
function shownClasses(logits, most, must) {
  const every = [...logits.keys()];
  if (every.length <= most) return every;
  const kept = new Set(must.filter((k) => k !== null));
  for (const k of every.sort((a, b) => logits[b] - logits[a] || a - b)) {
    if (kept.size >= most) break;
    kept.add(k);
  }
  return [...kept].sort((a, b) => a - b);
}

// What a class gets of the teacher's soft labels on samples of all other classes: the mean share, and the classes on
// which it is largest, as [class, mean share]. This is all that a student can learn of a class that it never saw.
function carried(logitsOfSamples, labels, wanted, temperature) {
  const sums = new Map();
  let total = 0, count = 0;
  logitsOfSamples.forEach((logits, place) => {
    const label = labels[place], log = label === wanted ? null : logShares(logits, temperature);
    if (!log) return;
    const share = Math.exp(log[wanted]), held = sums.get(label) || [0, 0];
    sums.set(label, [held[0] + share, held[1] + 1]);
    total += share; count += 1;
  });
  const most = [...sums].filter(([label]) => label !== null).map(([label, [sum, of]]) => [label, sum / of]);
  return { mean: count ? total / count : null, most: most.sort((a, b) => b[1] - a[1]) };
}

// Logits by epoch: whole numbers of one block, one network after the other, each [epochs, samples, classes].
function unpacked(block, networks, samples, classes) {
  const steps = new DataView(block);
  let from = 0;
  return networks.map((network) => {
    const start = from, size = samples * classes;
    from += 2 * network.epochs.length * size;
    return (place, sample) => {
      const found = new Float64Array(classes);
      for (let k = 0; k < classes; k += 1) {
        const step = steps.getInt16(start + 2 * (place * size + sample * classes + k), true);
        found[k] = step === NOT_A_NUMBER ? NaN : (step * network.scale) / STEPS;
      }
      return found;
    };
  });
}

// The slider is even in log T: halving and doubling are the same way.
function sliderOf(temperature) { return Math.round((SLIDER_STEPS * Math.log(temperature)) / Math.log(WARMEST)); }

function temperatureOf(place) {
  const exact = WARMEST ** (place / SLIDER_STEPS);
  const near = SNAPS.find((one) => Math.abs(Math.log(exact / one)) < 0.012);
  return near ?? Number(exact.toPrecision(3));
}
