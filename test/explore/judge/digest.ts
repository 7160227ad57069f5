/** A running digest of answers: one double of 53 bits, so that sets of outcomes stay small. */
export function digest(before: number, answer: number | bigint | string | undefined): number {
  const low = before % 67108864;
  const high = Math.floor(before / 67108864);
  const [a, b] = wordsOf(answer);
  const first = scramble(low ^ scramble(a ^ 0x2545f491));
  const second = scramble(high ^ scramble(b ^ first));
  return (first >>> 6) + (second >>> 5) * 67108864;
}

function wordsOf(answer: number | bigint | string | undefined): [number, number] {
  if (typeof answer === 'number') return [answer | 0, Math.floor(answer / 4294967296) | 0];
  if (typeof answer === 'bigint') {
    return [Number(BigInt.asIntN(32, answer)), Number(BigInt.asIntN(32, answer >> 32n)) ^ 0x5bd1e995];
  }
  let word = answer === undefined ? 1 : 2;
  for (const letter of answer ?? '') word = (Math.imul(word, 31) + letter.charCodeAt(0)) | 0;
  return [word, 0x1b873593];
}

function scramble(word: number): number {
  let w = Math.imul(word ^ (word >>> 15), 0x2c1b3c6d);
  w = Math.imul(w ^ (w >>> 12), 0x297a2d39);
  return w ^ (w >>> 15);
}
