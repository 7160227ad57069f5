import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { batchBytes, programOf, RUNNER, writeBatch } from '../oracle/cpu/cases.ts';
import { CLASSES, type InstructionClass } from '../oracle/cpu/classes.ts';
import { hashesOf, viewOf } from '../oracle/cpu/difference.ts';
import { OwnCore } from '../oracle/cpu/own-core.ts';
import { fileOf, RECORDED, RECORDED_CASES, RECORDED_SEED } from '../oracle/cpu/recorded.ts';

const runner = gunzipSync(readFileSync(new URL('runner.bin.gz', RECORDED)));
const core = new OwnCore();

function batchOf(kind: InstructionClass): Uint8Array {
  const image = new Uint8Array(batchBytes(RECORDED_CASES));
  image.set(runner, RUNNER);
  writeBatch(viewOf(image), { kind, seed: RECORDED_SEED, index: 0, cases: RECORDED_CASES });
  return image;
}

function answersOf(kind: InstructionClass): Uint32Array {
  const bytes = readFileSync(new URL(fileOf(kind.name), RECORDED));
  return new Uint32Array(new Uint8Array(bytes).buffer);
}

/** Programs whose record is not the one that QEMU left. */
function differing(image: Uint8Array, answers: Uint32Array): string[] {
  const program = (index: number) =>
    programOf(viewOf(image), index)
      .map((word) => word.toString(16).padStart(8, '0'))
      .join(' ');
  const hashes = hashesOf(core.run(image), RECORDED_CASES);
  return [...hashes.keys()].filter((index) => hashes[index] !== answers[index]).map(program);
}

describe('random programs leave registers, flags, memory and syndromes as they did on QEMU', () => {
  test.each(CLASSES.map((kind) => [kind.name, kind] as const))('%s', (_, kind) => {
    const answers = answersOf(kind);
    expect(answers).toHaveLength(RECORDED_CASES);
    expect(differing(batchOf(kind), answers)).toEqual([]);
  });

  test('one wrong bit in the data of one case is noticed', () => {
    const [kind] = CLASSES;
    if (!kind) throw new Error('there are no classes');
    const image = batchOf(kind);
    const last = image.length - 1;
    image[last] = (image[last] ?? 0) ^ 1;
    expect(differing(image, answersOf(kind))).toHaveLength(1);
  });
});
