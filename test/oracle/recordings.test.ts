import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Machine } from '../../src/board/machine.ts';
import { answersTo } from '../../src/conformance/conform.ts';
import { MachineTarget, vectorMachines } from '../../src/conformance/machine-target.ts';
import { compareAnswers, readAnswers } from '../../src/conformance/vectors/vector-answers.ts';
import { readVector } from '../../src/conformance/vectors/vector-language.ts';
import type { ItsNumber } from '../../src/conformance/vectors/vector-layout.ts';
import { runVector } from '../../src/conformance/vectors/vector-runner.ts';
import type { VmNumber } from '../../src/conformance/vectors/vector-step.ts';
import { freeNowAndThen, freeUnreached } from '../collected.ts';
import { KERNEL_NAMES } from './kernels.ts';
import { recordedVectors, recordingOf } from './recordings.ts';

const VECTORS = recordedVectors();

afterEach(freeNowAndThen);
afterAll(freeUnreached);

describe.each(KERNEL_NAMES)('Linux %s', (kernel) => {
  test('was asked every vector, and says which kernel it is', () => {
    expect(VECTORS.filter((vector) => !existsSync(recordingOf(vector, kernel)))).toEqual([]);
    const release = readFileSync(join(recordingOf(VECTORS[0] ?? '', kernel), '..', 'release'), 'utf8');
    expect(release.startsWith(kernel)).toBe(true);
  });

  test.each(VECTORS.map((path) => [basename(path, '.vec'), path] as const))(
    'answers %s as the model of this kernel does',
    (_, path) => {
      const vector = readVector(path);
      const recorded = readAnswers(recordingOf(path, kernel));
      // Both sides without marks: what a kernel said needs no correction.
      const answers = answersTo(vector, `kvm:${kernel}`).map((answer, index) =>
        recorded[index]?.fields.unsupported === true ? { ...answer, fields: recorded[index].fields } : answer,
      );
      expect(compareAnswers(answers, recorded, 'qemu').differences).toEqual([]);
      expect(recorded.length).toBeGreaterThan(0);
    },
  );
});

test('a call of userland that a later kernel answers otherwise is found', () => {
  const path = VECTORS.find((each) => each.endsWith('vm-attributes.vec')) ?? '';
  const recorded = readAnswers(recordingOf(path, '7.2'));
  const steps = readVector(path).steps;
  const { differences } = compareAnswers(answersTo(readVector(path), 'kvm:6.1'), recorded, 'qemu');
  const texts = differences.map(({ line }) => steps.find((step) => step.line === line)?.text);
  expect(texts.slice(0, 2)).toEqual(['attr get vgic 9 0', 'attr set its CTRL 9']);
});

test('an answer that differs is found', () => {
  const path = VECTORS.find((each) => each.endsWith('17-dir-from-another-cpu.vec')) ?? '';
  const recorded = readAnswers(recordingOf(path, '6.1'));
  const newest = answersTo(readVector(path), 'kvm:7.2');
  expect(compareAnswers(newest, recorded, 'qemu').differ).toBe(1);
});

/** A model that takes the second VM, or the second ITS, for the first. */
class NarrowTarget extends MachineTarget {
  readonly #only: 'vms' | 'itses';

  constructor(only: 'vms' | 'itses', machine: Machine, ...others: readonly Machine[]) {
    super(machine, ...others);
    this.#only = only;
  }

  override use(vm: VmNumber, its: ItsNumber): void {
    super.use(this.#only === 'vms' ? 0 : vm, this.#only === 'itses' ? 0 : its);
  }
}

test.each([
  ['vm-two-itses', 'itses'],
  ['vm-two-itses-one-lpi', 'itses'],
  ['vm-two-itses-saved', 'itses'],
  ['vm-two-vms', 'vms'],
  ['vm-migrate-gic', 'vms'],
  ['vm-migrate-its', 'vms'],
  ['vm-migrate-two-itses', 'vms'],
] as const)('%s finds a model that has only one of its %s', (name, which) => {
  const path = VECTORS.find((each) => each.endsWith(`/${name}.vec`)) ?? '';
  const vector = readVector(path);
  const [machine, ...others] = vectorMachines(vector, 'kvm:7.2');
  if (!machine) throw new RangeError('a vector has a VM');
  const given = runVector(vector, new NarrowTarget(which, machine, ...others));
  expect(compareAnswers(given, readAnswers(recordingOf(path, '7.2')), 'qemu').differ).toBeGreaterThan(0);
});

test('6.1 and 6.12 differ where a fix of 2026 is in the one and not in the other', () => {
  const path = VECTORS.find((each) => each.endsWith('baser-indirect-rewritten.vec')) ?? '';
  const recorded = readAnswers(recordingOf(path, '6.12'));
  expect(compareAnswers(answersTo(readVector(path), 'kvm:6.1'), recorded, 'qemu').differ).toBe(1);
});
