import { VIRT_FRAMES } from '../arch/frames.ts';
import { Board, createBoards } from '../board/board.ts';
import { DEFAULT_CONFIG, type MachineConfig } from '../board/config.ts';
import { ItsDriver } from '../guest/index.ts';
import type { Its } from '../its/its.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import type { Words } from '../memory/word.ts';

/** The state that the threads of a scenario on a machine share; structured-cloneable. */
export type Shared = { readonly words: Words } & SmallOptions;

export type SmallOptions = {
  readonly vcpus: number;
  readonly dispatch: Dispatch;
  /** List registers of each vCPU; 0: the guest takes interrupts from its vCPU's list. */
  readonly listRegisters: number;
  /** Other sizes than the usual ones. */
  readonly sizes?: Sizes;
};

type Sizes = Pick<MachineConfig, 'gsis' | 'pins' | 'spins' | 'haltPollNs' | 'eventfds' | 'scenarioWords'>;

/** The least guest memory that a guest needs: the explorer copies it for every schedule. */
const RAM = { base: 0x4000_0000, bytes: 0x5000 } as const;
/** Threads that run no vCPU, beside the main thread. */
const OTHER_THREADS = 4;
/** A scenario's own words, `scenario` in a trace. */
const NOTES = 16;

/** The smallest machine: INTIDs of 14 bits, which allow 8,192 LPIs, the least possible. */
function configOf({ vcpus, dispatch, listRegisters, sizes }: SmallOptions): MachineConfig {
  return {
    ...DEFAULT_CONFIG,
    vcpus,
    dispatch,
    listRegisters,
    spis: 32,
    idBits: 14,
    devices: 4,
    events: 8,
    collections: 4,
    eventfds: 4,
    otherThreads: OTHER_THREADS,
    memory: [RAM],
    scenarioWords: NOTES,
    ...sizes,
  };
}

/** The board of a scenario. Making a view is no operation on shared memory, so a thread can make one at any time. */
export class SmallMachine extends Board {
  readonly shared: Shared;
  readonly bases = VIRT_FRAMES;
  readonly ram = RAM;
  readonly its: Its;
  /** The guest's driver of the ITS; one thread at a time. */
  readonly itsDriver: ItsDriver;

  /** Makes an initialised machine whose guest has not booted yet. */
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
