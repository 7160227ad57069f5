import { VIRT_FRAMES } from '../arch/frames.ts';
import { Board, createBoards } from '../board/board.ts';
import { DEFAULT_CONFIG, type MachineConfig } from '../board/config.ts';
import { ItsDriver } from '../guest/index.ts';
import type { Its } from '../its/its.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import type { Words } from '../memory/word.ts';

/** What the threads of a scenario on a machine share; structured clone takes it. */
export type Shared = { readonly words: Words } & SmallOptions;

export type SmallOptions = { readonly vcpus: number; readonly dispatch: Dispatch };

/** As little guest memory as a guest can do with: the explorer copies it for every schedule. */
const RAM = { base: 0x4000_0000, bytes: 0x5000 } as const;
/** Threads that are no vCPU's, beside the main one. */
const OTHER_THREADS = 4;
/** Words that a scenario has for itself, `scenario` in a trace. */
const NOTES = 16;

/** A machine as small as it gets: INTIDs of 14 bits, which is 8,192 LPIs, the fewest there can be. */
function configOf({ vcpus, dispatch }: SmallOptions): MachineConfig {
  return {
    ...DEFAULT_CONFIG,
    vcpus,
    dispatch,
    spis: 32,
    idBits: 14,
    devices: 4,
    events: 8,
    collections: 4,
    eventfds: 4,
    otherThreads: OTHER_THREADS,
    memory: [RAM],
    scenarioWords: NOTES,
  };
}

/** The board of a scenario. To make a view of it is no operation on shared memory, so a thread can do it at any time. */
export class SmallMachine extends Board {
  readonly shared: Shared;
  readonly bases = VIRT_FRAMES;
  readonly ram = RAM;
  readonly its: Its;
  /** The guest's driver of the ITS; for one thread at a time. */
  readonly itsDriver: ItsDriver;

  /** A machine that is initialised, and whose guest has done nothing yet. */
  static create(options: SmallOptions): SmallMachine {
    const make = (words: Words) => new SmallMachine({ ...options, words }, 0);
    const [machine] = createBoards(configOf(options), make);
    if (!machine) throw new RangeError('a process has a VM');
    machine.initialise();
    return machine;
  }

  /** @param thread - 0 is the main thread, vCPU n is 1 + n, others follow; no two threads of a scenario share a number */
  constructor(shared: Shared, thread: number) {
    super(shared.words, configOf(shared), thread);
    const [its] = this.itses;
    if (!its) throw new RangeError('a small machine has an ITS');
    this.shared = shared;
    this.its = its;
    this.itsDriver = new ItsDriver(this.bus, this.memory, VIRT_FRAMES.its);
  }
}
