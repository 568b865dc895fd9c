// Cuts a long line to what a screen can show.

export const MOST_POINTS = 1000;

// Min/max buckets that keep the first and the last point; a gap never hides an extreme, and all gap stays a gap.
export function thin(xs, ys) {
  if (xs.length <= MOST_POINTS) return [xs.slice(), ys.slice()];
  const buckets = Math.floor(MOST_POINTS / 2) - 1, kept = new Set([0, xs.length - 1]);
  for (let b = 0; b < buckets; b += 1) {
    const from = 1 + Math.floor((b * (xs.length - 2)) / buckets), to = 1 + Math.floor(((b + 1) * (xs.length - 2)) / buckets);
    let low = from, high = from;
    for (let i = from; i < to; i += 1) {
      if (ys[i] === null) continue;
      if (ys[low] === null || ys[i] < ys[low]) low = i;
      if (ys[high] === null || ys[i] > ys[high]) high = i;
    }
    kept.add(low); kept.add(high);
  }
  const order = [...kept].sort((a, b) => a - b);
  return [order.map((i) => xs[i]), order.map((i) => ys[i])];
}
