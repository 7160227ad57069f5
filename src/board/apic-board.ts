import { Apic, type ApicRegions, apicRegions } from '../apic/apic.ts';
import type { LocalApic } from '../apic/local-apic.ts';
import type { VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import { FdTable } from '../kvm/fds.ts';
import { MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import { X86Vm, type X86VmRegions, x86VmRegions } from '../kvm/ioapic/x86-vm.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { type Routing, toRoutes } from '../kvm-abi/routing-entry.ts';
import { Layout } from '../memory/layout.ts';
import { Readers } from '../memory/readers.ts';
import type { Words } from '../memory/word.ts';

/** Everything that decides how the shared buffer is laid out; every thread is given the same. */
export type ApicBoardConfig = {
  /** 1 to 255. */
  readonly vcpus: number;
  /** 1 to 65,534. */
  readonly eventfds: number;
  /** Threads that may attach: the main thread is number 0. */
  readonly threads: number;
  readonly dispatch: Dispatch;
  /** GSIs, and routes, of the table: 4,096 where it is left out. */
  readonly gsis?: number;
  /** How often a thread looks again at a lock that is held, before it sleeps: 100. */
  readonly spins?: number;
};

type Places = { readonly layout: Layout; readonly apic: ApicRegions; readonly vm: X86VmRegions };

function layOut({ vcpus, eventfds, threads, gsis = MAX_IRQ_ROUTES, spins = 100 }: ApicBoardConfig): Places {
  const layout = new Layout(0, spins);
  return { layout, apic: apicRegions(layout, vcpus), vm: x86VmRegions(layout, { eventfds, threads, gsis }) };
}

/** @throws IrqError `ERR_CONFIG` for the first value that no board can have */
function check(config: ApicBoardConfig): void {
  const within = (name: 'vcpus' | 'eventfds' | 'threads' | 'gsis', high: number) => {
    const value = config[name] ?? 1;
    if (Number.isInteger(value) && value >= 1 && value <= high) return;
    throw new IrqError('ERR_CONFIG', `${name} is a whole number from 1 to ${high}, not ${value}`);
  };
  within('vcpus', 255);
  within('eventfds', 65_534);
  within('threads', 4096);
  within('gsis', MAX_IRQ_ROUTES);
}

/**
 * A VM of x86 as one thread sees it: IOAPIC, local APICs, and KVM's calls, in one shared buffer. The second irqchip's
 * board: what it shares with the arm64 board is KVM's generic code. A view without state; any number of threads make one
 * each over the same words.
 */
export class ApicBoard {
  readonly words: Words;
  readonly config: ApicBoardConfig;
  /** Names for the words of the buffer. */
  readonly layout: Layout;
  readonly apic: Apic;
  readonly vm: X86Vm;
  readonly fds: FdTable;

  /** @param thread - the calling thread's number, below `config.threads`; no two threads share one */
  constructor(words: Words, config: ApicBoardConfig, thread: number) {
    const places = layOut(config);
    this.words = words;
    this.config = config;
    this.layout = places.layout;
    this.apic = new Apic(words, places.apic, { pinEnded: (pin) => this.vm.pinEnded(pin) });
    this.vm = new X86Vm(words, places.vm, {
      apic: this.apic,
      dispatch: config.dispatch,
      readers: new Readers(words, places.vm.readers),
      reader: thread,
    });
    this.fds = new FdTable(words, places.vm.irqfds.fds);
  }

  /** A board in fresh memory, in its reset state, with every eventfd open and no irqchip yet. @throws IrqError `ERR_CONFIG` */
  static create(config: ApicBoardConfig): ApicBoard {
    check(config);
    const words = new Int32Array(new SharedArrayBuffer(layOut(config).layout.words * 4));
    const board = new ApicBoard(words, config, 0);
    board.vm.init();
    board.apic.reset();
    board.fds.openAll();
    return board;
  }

  /** The same VM as another thread of this realm sees it. */
  seenBy(thread: number): ApicBoard {
    return new ApicBoard(this.words, this.config, thread);
  }

  /** KVM_SET_GSI_ROUTING as it stands in the struct. @throws KvmError EINVAL */
  setGsiRouting(routing: Routing): void {
    this.vm.setGsiRouting(toRoutes(routing, undefined, this.vm.routing));
  }

  /** The local APIC of a vCPU. Only the vCPU's thread may take its interrupts and end them. */
  local(vcpu: VcpuId): LocalApic {
    return this.apic.cpu(vcpu);
  }

  /** EOI, by the vCPU's thread. Returns the vector that has ended, or -1. */
  endOfInterrupt(vcpu: VcpuId): number {
    return this.apic.endOfInterrupt(vcpu);
  }
}
