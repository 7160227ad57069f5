import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatAnswer } from '../../src/conformance/vectors/vector-answers.ts';
import { readVector } from '../../src/conformance/vectors/vector-language.ts';
import { runVector } from '../../src/conformance/vectors/vector-runner.ts';
import { askProbe, readProbe } from './abi.ts';
import { KernelTarget } from './kernel-target.ts';
import type { KernelName } from './kernels.ts';
import type { LiveKernel } from './live-kernel.ts';

const TEST = fileURLToPath(
  new URL(import.meta.url.includes('/dist/test/') ? '../../../test/' : '../', import.meta.url),
);

/** Folders of vectors that kernels were asked. */
const FOLDERS = ['fixtures/vectors', 'data/vectors-2', 'data/kvm/vectors'];

/** Every vector that kernels are asked, by path. */
export function recordedVectors(): string[] {
  return FOLDERS.flatMap((folder) => {
    const names = readdirSync(join(TEST, folder)).filter((name) => name.endsWith('.vec'));
    return names.sort().map((name) => join(TEST, folder, name));
  });
}

/** Where vectors that the oracle drew are kept. */
export const DRAWN = join(TEST, 'data/kvm/vectors');

/** Where a kernel's answers to a vector are. */
export function recordingOf(vector: string, kernel: KernelName): string {
  return join(TEST, 'data/kvm', kernel, `${basename(vector, '.vec')}.jsonl`);
}

/** Every probe of KVM's calls, by path. */
export function probes(): string[] {
  const folder = join(TEST, 'data/kvm/abi');
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
}

/** Where a kernel's answers to a probe are. */
export function probeRecordingOf(probe: string, kernel: KernelName): string {
  return join(TEST, 'data/kvm', kernel, `${basename(probe)}.txt`);
}

/** Probes of a GICv2 are for a kernel whose host has one. */
const isOfV2 = (probe: string) => basename(probe).startsWith('gicv2-');

/** Asks a kernel every vector and every probe, and writes its answers down; how many answers there were. */
export function record(kernel: LiveKernel, name: KernelName): number {
  const answers = recordVectors(kernel, name, recordedVectors());
  writeFileSync(join(TEST, 'data/kvm', name, 'release'), `${kernel.release}\n`);
  return answers + recordProbes(kernel, name, (path) => !isOfV2(path));
}

/** The same of the probes of a GICv2, on a host that has one. */
export const recordV2 = (kernel: LiveKernel, name: KernelName) => recordProbes(kernel, name, isOfV2);

function recordProbes(kernel: LiveKernel, name: KernelName, wanted: (path: string) => boolean): number {
  let answers = 0;
  for (const path of probes().filter(wanted)) {
    const given = askProbe(kernel, readProbe(path));
    writeFileSync(probeRecordingOf(path, name), `${given.join('\n')}\n`);
    answers += given.length;
  }
  kernel.complaints.splice(0);
  return answers;
}

/** {@link record} for some vectors. */
export function recordVectors(kernel: LiveKernel, name: KernelName, paths: readonly string[]): number {
  let answers = 0;
  for (const path of paths) {
    const vector = readVector(path);
    const given = runVector(vector, new KernelTarget(kernel, vector));
    const complaints = kernel.complaints.splice(0);
    if (complaints.length > 0) throw new Error(`${path}: ${complaints.join(' | ')}`);
    const to = recordingOf(path, name);
    if (!existsSync(join(to, '..'))) mkdirSync(join(to, '..'), { recursive: true });
    writeFileSync(to, `${given.map((answer) => formatAnswer({ ...answer, marks: [] })).join('\n')}\n`);
    answers += given.length;
  }
  return answers;
}
