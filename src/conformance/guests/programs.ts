import type { GuestCpu } from './guest-cpu.ts';
import { injection, nothingComes, restoredActive } from './programs-inject.ts';
import {
  activeCleared,
  asymmetricDir,
  group0,
  ipiBroadcast,
  ipiList,
  ipiSelf,
  preemption,
} from './programs-ipi.ts';
import {
  introspection,
  lateCollectionAfter,
  lateCollectionBefore,
  lpiStress,
  migrationAfter,
  migrationBefore,
  pendingAfter,
  pendingBefore,
  trigger,
} from './programs-its.ts';

/** A guest's code, which every vCPU runs in its thread. */
export type Program = (guest: GuestCpu, options: unknown) => void;

/** Every program by its name: what a thread is told to run. */
export const PROGRAMS = {
  ipiSelf,
  ipiList,
  ipiBroadcast,
  activeCleared,
  preemption,
  group0,
  asymmetricDir,
  injection,
  nothingComes,
  restoredActive,
  introspection,
  trigger,
  migrationBefore,
  migrationAfter,
  pendingBefore,
  pendingAfter,
  lateCollectionBefore,
  lateCollectionAfter,
  lpiStress,
} as const satisfies Record<string, Program>;

export type ProgramKey = keyof typeof PROGRAMS;
