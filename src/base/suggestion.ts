/**
 * Returns the candidate nearest to `word`, or undefined if none is near: at most one edit for every three characters,
 * or two in a short word. Ignores letter case.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance && distance < Math.max(word.length, candidate.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `; did you mean X?`, or nothing if no candidate is near: the end of a message about an unknown word. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const near = word.length > 64 ? undefined : nearest(word, candidates);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** Edits between two words: insert, delete or replace a letter, or swap two neighbours. Row by row. */
function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const exchanged = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const viaExchange = exchanged ? (before[j - 2] ?? 0) + 1 : replaced;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced, viaExchange));
    }
    before = row;
    row = next;
  }
  return row[to.length] ?? 0;
}
