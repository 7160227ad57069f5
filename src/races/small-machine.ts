import { Gic, gicRegions } from '../gic/gic.ts';
import { Its } from '../its/its.ts';
import { ITS_PERSONALITIES } from '../its/personality.ts';
import { itsRegions } from '../its/regions.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { Vm, vmRegions } from '../kvm/vm.ts';
import { ItsDriver } from '../machine/its-driver.ts';
import { Mmio, type MmioBases } from '../machine/mmio.ts';
import { VcpuControl, vcpuControlRegion } from '../machine/vcpu-control.ts';
import { GuestMemory, guestMemoryRegion } from '../memory/guest-memory.ts';
import { Layout, type Region } from '../memory/layout.ts';
import { Readers } from '../memory/readers.ts';
import type { Words } from '../memory/word.ts';

/** What the threads of a scenario on a machine share; structured clone takes it. */
export type Board = { readonly buffer: SharedArrayBuffer } & BoardOptions;

export type BoardOptions = { readonly vcpus: number; readonly dispatch: Dispatch };

const BASES: MmioBases = { gicdBase: 0x0800_0000, gicrBase: 0x080a_0000, itsBase: 0x0808_0000 };
/** As little guest memory as a guest can do with: the explorer copies it for every schedule. */
const RAM = [{ base: 0x4000_0000, bytes: 0x4000 }] as const;
/** INTIDs of 14 bits: 8,192 LPIs, the fewest there can be. */
const ID_BITS = 14;
const SPIS = 32;
const EVENTFDS = 4;
/** The main thread, and those that are no vCPU's. */
const OTHER_THREADS = 5;
/** Words that a scenario has for itself, `scenario` in a trace. */
const NOTES = 16;

function layOut({ vcpus }: BoardOptions) {
  const layout = new Layout();
  return {
    layout,
    gic: gicRegions(layout, { vcpus, spis: SPIS, idBits: ID_BITS, personality: 'kvm', its: true }),
    its: itsRegions(layout, 0, { devices: 4, events: 8, collections: 4 }),
    vm: vmRegions(layout, EVENTFDS, vcpus + OTHER_THREADS),
    controls: Array.from({ length: vcpus }, (_, vcpu) => vcpuControlRegion(layout, vcpu)),
    scenario: layout.region('scenario', NOTES),
    ram: guestMemoryRegion(layout, RAM),
  };
}

/** The name of the word at that byte of a machine's buffer. */
export function nameOfWord(options: BoardOptions, byteOffset: number): string {
  return layOut(options).layout.nameOf(byteOffset / 4);
}

/**
 * The parts of a machine, wired as `Machine` wires them, as small as they get, and without its clock: to make a view of it
 * is no operation on shared memory, so a thread of a scenario can do it at any time.
 */
export class SmallMachine {
  readonly board: Board;
  readonly words: Words;
  readonly bases = BASES;
  readonly ram = RAM[0];
  readonly memory: GuestMemory;
  readonly gic: Gic;
  readonly its: Its;
  readonly vm: Vm;
  readonly mmio: Mmio;
  /** The guest's driver of the ITS; for one thread at a time. */
  readonly itsDriver: ItsDriver;
  /** Words for the scenario's own use. */
  readonly scenario: Region;
  readonly #controls: readonly Region[];

  /** A machine in its reset state. */
  static create(options: BoardOptions): SmallMachine {
    const at = layOut(options);
    const buffer = new SharedArrayBuffer(at.layout.words * 4);
    const machine = new SmallMachine({ ...options, buffer }, 0);
    machine.vm.init();
    machine.its.init();
    machine.gic.reset();
    machine.vm.initVgic();
    return machine;
  }

  /** @param thread - 0 is the main thread, vCPU n is 1 + n, others follow; no two threads of a scenario share a number */
  constructor(board: Board, thread: number) {
    const { buffer, vcpus, dispatch } = board;
    const at = layOut(board);
    const words = new Int32Array(buffer);
    this.board = board;
    this.words = words;
    this.memory = new GuestMemory(words, at.ram, RAM);
    this.gic = new Gic(words, at.gic, this.memory, { lpisDisabled: () => this.its.invalidate() });
    const { interrupts, lpis } = this.gic;
    const readers = new Readers(words, at.vm.readers);
    const { memory } = this;
    this.its = new Its(words, at.its, {
      index: 0,
      lpis,
      memory,
      readers,
      personality: ITS_PERSONALITIES.kvm,
    });
    const itses = [{ base: BASES.itsBase, its: this.its }];
    this.vm = new Vm(words, at.vm, { interrupts, lpis, itses, dispatch, reader: thread });
    this.mmio = new Mmio(BASES, this.gic, this.its, vcpus);
    this.itsDriver = new ItsDriver(memory, this.mmio, BASES.itsBase);
    this.scenario = at.scenario;
    this.#controls = at.controls;
  }

  /** The control words of a vCPU. @throws RangeError where there is no such vCPU */
  control(vcpu: number): VcpuControl {
    const region = this.#controls[vcpu];
    if (!region) throw new RangeError(`there is no vCPU ${vcpu}`);
    return new VcpuControl(this.words, region);
  }
}
