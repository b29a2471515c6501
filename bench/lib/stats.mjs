// Numbers out of repeated measurements: a median, and between which values the rounds lay.

export function median(values) {
  return percentile(values, 0.5);
}

export function percentile(values, share) {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) throw new Error("nothing was measured");
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

/** Median, smallest and largest. A value that is no number is a failure to measure it. */
export function summary(values) {
  if (values.length === 0 || !values.every(Number.isFinite)) throw new Error(`not measurable: ${values}`);
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * Rounds of one are put beside the same rounds of another, which ran right before or after it. Rounds that only one of
 * them has are left out.
 */
export function paired(these, those, how) {
  return summary(these.slice(0, those.length).map((value, round) => how(value, those[round])));
}

/**
 * Measures each of `names` in each round; every other round goes backwards, so that a drift of the machine hits all
 * alike. Gives the rounds of each.
 */
export async function alternate(names, rounds, measure) {
  const samples = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 ? names.toReversed() : names) samples[name].push(await measure(name, round));
  }
  return samples;
}
