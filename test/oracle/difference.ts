import { vectorMachines } from '../../src/conformance/machine-target.ts';
import {
  compareAnswers,
  type Profile,
  type VectorAnswer,
} from '../../src/conformance/vectors/vector-answers.ts';
import { parseVector } from '../../src/conformance/vectors/vector-language.ts';
import { runVector } from '../../src/conformance/vectors/vector-runner.ts';
import { EmulatedTarget } from './emulated-target.ts';
import { KernelTarget } from './kernel-target.ts';
import type { LiveKernel } from './live-kernel.ts';
import { MirrorTarget } from './mirror-target.ts';

/** Where a kernel and the model part ways. */
export type Difference = {
  /** Line of the vector, from 1. */
  readonly line: number;
  readonly step: string;
  readonly kernel: string;
  readonly model: string;
};

/** What both sides make of a vector. */
export type Asked = { readonly answers: number; readonly differences: readonly Difference[] };

/** What a kernel answers to a vector. */
export function askKernel(kernel: LiveKernel, text: string): VectorAnswer[] {
  const vector = parseVector(text, 'vector');
  return runVector(vector, new KernelTarget(kernel, vector));
}

/** Asks a kernel and the model of a profile. What the kernel cannot say is not compared. */
export function ask(kernel: LiveKernel, text: string, profile: Profile): Asked {
  const vector = parseVector(text, 'vector');
  const [machine, ...others] = vectorMachines(vector, profile);
  if (!machine) throw new RangeError('a vector has a VM');
  const mirror = new MirrorTarget(new EmulatedTarget(machine, ...others), vector);
  const model = runVector(vector, mirror);
  if (mirror.agrees(kernel)) return { answers: model.length, differences: [] };
  const real = askKernel(kernel, text).map((answer) => ({ ...answer, marks: [] }));
  const known = model.map((answer, index) =>
    real[index]?.fields.unsupported === true ? { ...answer, fields: real[index].fields } : answer,
  );
  const lines = text.split('\n');
  const { differences } = compareAnswers(known, real, 'qemu', (line) => lines[line - 1] ?? '');
  return {
    answers: real.length,
    differences: differences.map(({ line, step, expected, got }) => ({
      line,
      step,
      kernel: JSON.stringify(expected),
      model: JSON.stringify(got),
    })),
  };
}
