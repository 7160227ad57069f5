import type { MistakeName } from '../../guards/index.ts';
import { loadMutated } from '../../mutate.ts';

const FILES = {
  board: 'board/board.ts',
  cpuInterface: 'gic/cpu-interface.ts',
  vcpu: 'board/vcpu.ts',
  vcpuControl: 'board/vcpu-control.ts',
  halt: 'board/halt.ts',
  untilSignal: 'threads/until-signal.ts',
} as const;

/** What a story on a small board needs of the source: each file's exports. */
export type Modules = {
  readonly board: typeof import('../../../src/board/board.ts');
  readonly cpuInterface: typeof import('../../../src/gic/cpu-interface.ts');
  readonly vcpu: typeof import('../../../src/board/vcpu.ts');
  readonly vcpuControl: typeof import('../../../src/board/vcpu-control.ts');
  readonly halt: typeof import('../../../src/board/halt.ts');
  readonly untilSignal: typeof import('../../../src/threads/until-signal.ts');
};

/** The real source, or one with these mistakes. */
export function load(mistakes: readonly MistakeName[]): Modules {
  return loadMutated<Modules>(FILES, ...mistakes);
}
