import { Gic, type GicRegions, gicRegions } from '../gic/gic.ts';
import { Its } from '../its/its.ts';
import { ITS_PERSONALITIES } from '../its/personality.ts';
import { type ItsRegions, itsRegions } from '../its/regions.ts';
import { DESIGNS } from '../kvm/designs/designs.ts';
import { Vm, type VmRegions, vmRegions } from '../kvm/vm.ts';
import { CLOCK_WORDS, Clock, startClock } from '../measure/clock.ts';
import { GuestMemory, guestMemoryRegion } from '../memory/guest-memory.ts';
import { HEADER_WORDS, readHeader, writeHeader } from '../memory/header.ts';
import { Layout, type Region } from '../memory/layout.ts';
import { Readers } from '../memory/readers.ts';
import type { Words } from '../memory/word.ts';
import { checkConfig, decodeConfig, encodeConfig, type MachineConfig } from './config.ts';
import { AcksLost, faultRegion, faultyParts } from './faults.ts';
import { Halt } from './halt.ts';
import { ItsDriver } from './its-driver.ts';
import { Mmio } from './mmio.ts';
import { StampedInterrupts, StampedVcpu, type StampRegions, Stamps, stampRegions } from './stamps.ts';
import { type AckServer, Vcpu } from './vcpu.ts';
import { VcpuControl, vcpuControlRegion } from './vcpu-control.ts';

/** Where everything of a machine lies. */
type MachineLayout = {
  readonly layout: Layout;
  readonly clock: Region;
  readonly gic: GicRegions;
  readonly its: ItsRegions;
  readonly vm: VmRegions;
  readonly controls: readonly Region[];
  readonly fault: Region;
  readonly stamps: StampRegions | undefined;
  readonly scenario: Region;
  readonly ram: Region;
};

function layOut(config: MachineConfig): MachineLayout {
  const layout = new Layout();
  layout.region('header', HEADER_WORDS + encodeConfig(config).length);
  const { vcpus, spis, idBits, personality } = config;
  const threads = 1 + vcpus + config.otherThreads;
  return {
    layout,
    clock: layout.region('clock', CLOCK_WORDS),
    gic: gicRegions(layout, { vcpus, spis, idBits, personality, its: true }),
    its: itsRegions(layout, 0, {
      devices: config.devices,
      events: config.events,
      collections: Math.min(65_535, 2 * vcpus + 64),
    }),
    vm: vmRegions(layout, config.eventfds, threads),
    controls: Array.from({ length: vcpus }, (_, vcpu) => vcpuControlRegion(layout, vcpu)),
    fault: faultRegion(layout),
    stamps: stampRegions(layout, threads, config.stamps ?? 0),
    scenario: layout.region('scenario', config.scenarioWords),
    ram: guestMemoryRegion(layout, config.memory),
  };
}

/** The thread that creates a machine is its main thread, number 0. */
export const MAIN_THREAD = 0;

/**
 * A machine: interrupt controller, ITS, KVM's calls, guest memory and vCPUs, all in one shared buffer. This object is a
 * view of it for one thread, and holds no state of its own; any number of threads make one each with {@link attach}.
 */
export class Machine {
  readonly buffer: SharedArrayBuffer;
  readonly words: Words;
  readonly config: MachineConfig;
  /** Names for the words of the buffer. */
  readonly layout: Layout;
  readonly clock: Clock;
  readonly memory: GuestMemory;
  readonly gic: Gic;
  readonly its: Its;
  readonly vm: Vm;
  readonly mmio: Mmio;
  /** The guest's driver of the ITS; for one thread at a time. */
  readonly itsDriver: ItsDriver;
  /** The stages of interrupts, where the machine was configured to stamp them. */
  readonly stamps: Stamps | undefined;
  /** Words for a scenario's own use. */
  readonly scenario: Region;
  readonly #controls: readonly Region[];
  readonly #acks: AckServer;

  /** Bytes that a machine takes from the start of its buffer. @throws IrqError `ERR_CONFIG` */
  static bytes(config: MachineConfig): number {
    checkConfig(config);
    return layOut(config).layout.words * 4;
  }

  /** Byte offset of the guest's memory in the buffer: its slots one behind the other. */
  static ramAt(config: MachineConfig): number {
    return layOut(config).ram.at * 4;
  }

  /**
   * Makes a machine in its reset state. The calling thread is its main thread.
   * @param buffer - zeroed, and at least {@link Machine.bytes} long: that of a WebAssembly.Memory, where a core runs the
   * guest. What lies behind the machine in it is the caller's. Left out: a buffer of its own.
   * @throws IrqError `ERR_CONFIG`
   */
  static create(config: MachineConfig, buffer?: SharedArrayBuffer): Machine {
    checkConfig(config);
    const at = layOut(config);
    const words = new Int32Array(buffer ?? new SharedArrayBuffer(at.layout.words * 4));
    writeHeader(words, encodeConfig(config));
    startClock(words, at.clock);
    const machine = new Machine(words, config, at, MAIN_THREAD);
    machine.vm.init();
    machine.its.init();
    machine.gic.reset();
    machine.vm.initVgic();
    return machine;
  }

  /**
   * A view of a machine that exists.
   * @param thread - the calling thread's number: see {@link MachineConfig.otherThreads}. No two threads share one.
   * @throws IrqError `ERR_LAYOUT` where the buffer is none of ours, or damaged
   */
  static attach(buffer: SharedArrayBuffer, thread: number): Machine {
    const words = new Int32Array(buffer);
    const config = decodeConfig(readHeader(words));
    return new Machine(words, config, layOut(config), thread);
  }

  private constructor(words: Words, config: MachineConfig, at: MachineLayout, thread: number) {
    this.words = words;
    this.buffer = words.buffer;
    this.config = config;
    this.layout = at.layout;
    this.scenario = at.scenario;
    this.#controls = at.controls;
    this.clock = new Clock(words, at.clock);
    this.memory = new GuestMemory(words, at.ram, config.memory);
    const faulty = faultyParts(config, words, at.fault);
    const stamps = at.stamps && new Stamps(words, at.stamps, thread, this.clock);
    this.stamps = stamps;
    this.gic = new Gic(words, at.gic, this.memory, {
      lpisDisabled: () => this.its.invalidate(),
      ...faulty.gic,
      ...(stamps ? { makeInterrupts: (regions) => new StampedInterrupts(words, regions, stamps) } : {}),
    });
    const { interrupts, lpis } = this.gic;
    const readers = new Readers(words, at.vm.readers);
    const personality = ITS_PERSONALITIES[config.personality];
    this.its = new Its(words, at.its, { index: 0, lpis, memory: this.memory, readers, personality });
    const itses = [{ base: config.itsBase, its: this.its }];
    this.vm = new Vm(words, at.vm, {
      interrupts,
      lpis,
      itses,
      dispatch: config.dispatch,
      design: DESIGNS[config.abi],
      reader: thread,
      ...faulty.vm,
    });
    this.#acks = faulty.losesAck ? new AcksLost(this.vm, interrupts.acks, faulty.losesAck) : this.vm;
    this.mmio = new Mmio(config, this.gic, this.its, config.vcpus);
    this.itsDriver = new ItsDriver(this.memory, this.mmio, config.itsBase);
  }

  /** A vCPU. Only its own thread may `run` it; any thread may kick it and read its counters. */
  vcpu(vcpu: number): Vcpu {
    const cpu = this.gic.cpuInterface(vcpu);
    const control = this.control(vcpu);
    const bell = this.gic.interrupts.bell(vcpu);
    const halt = new Halt({ cpu, control, bell, clock: this.clock, haltPollNs: this.config.haltPollNs });
    const parts = { cpu, control, bell, halt, acks: this.#acks };
    return this.stamps ? new StampedVcpu(parts, this.stamps) : new Vcpu(parts);
  }

  /** The control words of a vCPU. Any thread. */
  control(vcpu: number): VcpuControl {
    const region = this.#controls[vcpu];
    if (!region) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.config.vcpus}`);
    return new VcpuControl(this.words, region);
  }

  /** The number, among the machine's threads, of the thread of `vcpu`. */
  static threadOfVcpu(vcpu: number): number {
    return 1 + vcpu;
  }

  /** The number of the `index`-th thread that is neither the main one nor a vCPU's. */
  otherThread(index: number): number {
    return 1 + this.config.vcpus + index;
  }
}
