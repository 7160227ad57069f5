import { basename } from 'node:path';
import { atOnce, type Pieces } from '../base/turns.ts';
import type { ConformResult, VectorResult } from './conform-result.ts';
import { MachineTarget, vectorMachines } from './machine-target.ts';
import {
  compareAnswers,
  expectedPathOf,
  type Profile,
  readAnswers,
  type VectorAnswer,
} from './vectors/vector-answers.ts';
import { readVector } from './vectors/vector-language.ts';
import { runVector } from './vectors/vector-runner.ts';
import type { Vector } from './vectors/vector-step.ts';

/** A vector and its recorded answers, read and checked. */
export type VectorCase = {
  readonly name: string;
  readonly vector: Vector;
  readonly expected: readonly VectorAnswer[];
};

/**
 * Reads a vector and the answers recorded beside it.
 * @throws IrqError `ERR_FILE`, or `ERR_VECTOR_FORMAT` with file and line
 */
export function readCase(path: string): VectorCase {
  const vector = readVector(path);
  return { name: basename(path, '.vec'), vector, expected: readAnswers(expectedPathOf(path)) };
}

/** Runs a vector on new machines and returns its answers. @param listRegisters - default: those of the profile */
export function answersTo(vector: Vector, profile: Profile, listRegisters?: number): VectorAnswer[] {
  const [machine, ...others] = vectorMachines(vector, profile, listRegisters);
  if (!machine) throw new RangeError('a vector has a VM');
  return runVector(vector, new MachineTarget(machine, ...others));
}

/** Runs a vector on a new machine and compares its answers. */
export function runCase({ name, vector, expected }: VectorCase, profile: Profile): VectorResult {
  const answers = answersTo(vector, profile);
  const steps = new Map(vector.steps.map(({ line, text }) => [line, text]));
  return { name, ...compareAnswers(answers, expected, profile, (line) => steps.get(line) ?? '') };
}

/**
 * Runs vectors and compares their answers with the recorded ones. Reads all files before the first vector runs.
 * @throws IrqError `ERR_FILE`, or `ERR_VECTOR_FORMAT` with file and line
 */
export function conform(paths: readonly string[], profile: Profile): ConformResult {
  return atOnce(conformPieces(paths, profile));
}

/** {@link conform} in pieces of one vector. A caller that stops early gets the result of the vectors so far. */
export function* conformPieces(paths: readonly string[], profile: Profile): Pieces<ConformResult> {
  const cases = paths.map(readCase);
  const vectors: VectorResult[] = [];
  let isStopped = false;
  for (const one of cases) {
    isStopped = yield vectors.length;
    if (isStopped) break;
    vectors.push(runCase(one, profile));
  }
  const sum = (field: 'answers' | 'differ' | 'unsupported' | 'notRequired') =>
    vectors.reduce((total, vector) => total + vector[field], 0);
  return {
    schemaVersion: 1,
    command: 'conform',
    profile,
    vectors,
    answers: sum('answers'),
    differ: sum('differ'),
    unsupported: sum('unsupported'),
    notRequired: sum('notRequired'),
    ...(isStopped ? { interrupted: true as const } : {}),
  };
}
