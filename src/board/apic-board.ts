import { Apic, type ApicRegions, apicRegions } from '../apic/apic.ts';
import type { LocalApic } from '../apic/local-apic.ts';
import type { VcpuId } from '../arch/intid.ts';
import { FdTable } from '../kvm/fds.ts';
import { MAX_IRQ_ROUTES } from '../kvm/gsi.ts';
import { X86Vm, type X86VmRegions, x86VmRegions } from '../kvm/ioapic/x86-vm.ts';
import { type Routing, toRoutes } from '../kvm-abi/routing-entry.ts';
import { CLOCK, Clock, startClock } from '../measure/clock.ts';
import { Layout, type Region } from '../memory/layout.ts';
import { Readers } from '../memory/readers.ts';
import type { Words } from '../memory/word.ts';
import { apicFaultRegion, faultyApicParts } from './apic-faults.ts';
import type { Fault } from './config.ts';
import { checkSizes, type IrqchipBoardConfig } from './irqchip-board.ts';
import { VcpuControl, vcpuControlRegion } from './vcpu-control.ts';

/** An APIC ID has 8 bits, and 255 is every vCPU. */
const MOST_VCPUS = 255;

/** `vcpus`: 1 to 255. */
export type ApicBoardConfig = IrqchipBoardConfig & {
  /** A rule that is broken on purpose, to see that a proof notices; default `none`. */
  readonly fault?: Fault;
  /** Words that a scenario has for itself; default 0. */
  readonly scenarioWords?: number;
};

type Places = {
  readonly layout: Layout;
  readonly clock: Region;
  readonly apic: ApicRegions;
  readonly vm: X86VmRegions;
  readonly controls: readonly Region[];
  readonly fault: Region;
  readonly scenario: Region;
};

function layOut(config: ApicBoardConfig): Places {
  const { vcpus, eventfds, threads, gsis = MAX_IRQ_ROUTES, spins = 100, scenarioWords = 0 } = config;
  const layout = new Layout(0, spins);
  return {
    layout,
    clock: layout.place('clock', CLOCK),
    apic: apicRegions(layout, vcpus),
    vm: x86VmRegions(layout, { eventfds, threads, gsis }),
    controls: Array.from({ length: vcpus }, (_, vcpu) => vcpuControlRegion(layout, vcpu)),
    fault: apicFaultRegion(layout, vcpus),
    scenario: layout.region('scenario', scenarioWords),
  };
}

/**
 * A VM of x86 as one thread sees it: IOAPIC, local APICs, and KVM's calls, in one shared buffer. The second irqchip's
 * board; it shares KVM's generic code with the arm64 board. A view without state; any number of threads make one each
 * over the same words.
 */
export class ApicBoard {
  readonly words: Words;
  readonly config: ApicBoardConfig;
  /** Names for the words of the buffer. */
  readonly layout: Layout;
  readonly apic: Apic;
  readonly vm: X86Vm;
  readonly fds: FdTable;
  readonly clock: Clock;
  /** The words of a scenario. */
  readonly scenario: Region;
  readonly #controls: readonly VcpuControl[];

  /** @param thread - the calling thread's number, below `config.threads`; no two threads share one */
  constructor(words: Words, config: ApicBoardConfig, thread: number) {
    const places = layOut(config);
    this.words = words;
    this.config = config;
    this.layout = places.layout;
    this.clock = new Clock(words, places.clock);
    this.scenario = places.scenario;
    this.#controls = places.controls.map((region) => new VcpuControl(words, region));
    const faulty = faultyApicParts(config.fault ?? 'none', words, places.fault);
    this.apic = new Apic(words, places.apic, {
      pinEnded: (pin) => {
        if (!faulty.losesEnd?.()) this.vm.pinEnded(pin);
      },
      makeLocal: faulty.makeLocal,
    });
    this.vm = new X86Vm(words, places.vm, {
      ...faulty.vm,
      apic: this.apic,
      dispatch: config.dispatch,
      readers: new Readers(words, places.vm.readers),
      reader: thread,
    });
    this.fds = new FdTable(words, places.vm.irqfds.fds);
  }

  /** A board in fresh memory and reset state: every eventfd open, no irqchip yet. @throws IrqError `ERR_CONFIG` */
  static create(config: ApicBoardConfig): ApicBoard {
    checkSizes(config, MOST_VCPUS);
    const words = new Int32Array(new SharedArrayBuffer(layOut(config).layout.words * 4));
    startClock(words, layOut(config).clock);
    const board = new ApicBoard(words, config, 0);
    board.vm.init();
    board.apic.reset();
    board.fds.openAll();
    return board;
  }

  /** The same VM, as another thread of this realm sees it. */
  seenBy(thread: number): ApicBoard {
    return new ApicBoard(this.words, this.config, thread);
  }

  /** KVM_SET_GSI_ROUTING with the struct's entries. @throws KvmError EINVAL */
  setGsiRouting(routing: Routing): void {
    this.vm.setGsiRouting(toRoutes(routing, undefined, this.vm.routing));
  }

  get buffer(): SharedArrayBuffer {
    return this.words.buffer;
  }

  /** The words that show what a vCPU's thread does. */
  control(vcpu: VcpuId): VcpuControl {
    const control = this.#controls[vcpu];
    if (!control) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.#controls.length}`);
    return control;
  }

  /** The local APIC of a vCPU. Only the vCPU's thread may acknowledge and end interrupts. */
  local(vcpu: VcpuId): LocalApic {
    return this.apic.cpu(vcpu);
  }

  /** EOI, by the vCPU's thread. Returns the ended vector, or -1. */
  endOfInterrupt(vcpu: VcpuId): number {
    return this.apic.endOfInterrupt(vcpu);
  }
}
