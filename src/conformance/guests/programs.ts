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

/** A guest program: each vCPU runs it in its thread. */
export type Program = (guest: GuestCpu, options: unknown) => void;

/** Every program by name. */
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
