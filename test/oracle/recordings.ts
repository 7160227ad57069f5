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

/** Asks a kernel every vector and writes its answers down; how many answers there were. */
export function record(kernel: LiveKernel, name: KernelName): number {
  let answers = 0;
  for (const path of recordedVectors()) {
    const vector = readVector(path);
    const given = runVector(vector, new KernelTarget(kernel, vector));
    const complaints = kernel.complaints.splice(0);
    if (complaints.length > 0) throw new Error(`${path}: ${complaints.join(' | ')}`);
    const to = recordingOf(path, name);
    if (!existsSync(join(to, '..'))) mkdirSync(join(to, '..'), { recursive: true });
    writeFileSync(to, `${given.map((answer) => formatAnswer({ ...answer, marks: [] })).join('\n')}\n`);
    answers += given.length;
  }
  for (const path of probes()) {
    const given = askProbe(kernel, readProbe(path));
    writeFileSync(probeRecordingOf(path, name), `${given.join('\n')}\n`);
    answers += given.length;
  }
  kernel.complaints.splice(0);
  writeFileSync(join(TEST, 'data/kvm', name, 'release'), `${kernel.release}\n`);
  return answers;
}
