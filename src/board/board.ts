import { FIRST_SPI, type VcpuId } from '../arch/intid.ts';
import { Gic } from '../gic/gic.ts';
import { MAPPED, NONE } from '../gic/state.ts';
import { GicV2, type V2Registers } from '../gic/v2/gic-v2.ts';
import { Its } from '../its/its.ts';
import { ITS_PERSONALITIES } from '../its/personality.ts';
import { FdTable } from '../kvm/fds.ts';
import type { Fd } from '../kvm/gsi.ts';
import { IoEventFds } from '../kvm/ioeventfds.ts';
import { ArchTimers } from '../kvm/timer/arch-timers.ts';
import { VGIC_V3 } from '../kvm/vgic/vgic-state.ts';
import { Vm } from '../kvm/vm.ts';
import { markLast } from '../kvm-abi/devices/redistributors.ts';
import { Clock, startClock } from '../measure/clock.ts';
import { GuestMemory } from '../memory/guest-memory.ts';
import { writeHeader } from '../memory/header.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { Mutex } from '../memory/mutex.ts';
import { Readers } from '../memory/readers.ts';
import type { Words } from '../memory/word.ts';
import type { Design } from '../vmm/design.ts';
import { DESIGNS } from '../vmm/designs.ts';
import { DEFAULT_HOST, encodeConfig, type MachineConfig } from './config.ts';
import { isHubCrowded } from './crowd.ts';
import { AcksLost, faultyParts } from './faults.ts';
import { itsFrame } from './frames.ts';
import { GuestBus } from './guest-bus.ts';
import { Halt } from './halt.ts';
import { layOut } from './layout.ts';
import { ExitedGuest, ListRegisterVcpu } from './list-register-vcpu.ts';
import { StampedInterrupts, StampedVcpu, Stamps } from './stamps.ts';
import { type AckServer, Vcpu } from './vcpu.ts';
import { VcpuControl } from './vcpu-control.ts';

/** The number of the main thread, the thread that creates a board. */
export const MAIN_THREAD = 0;

/**
 * A VM with all its parts, as one thread sees it: interrupt controller, ITSes, KVM's calls, guest memory and vCPUs, in
 * one shared buffer. The only place that makes and connects them. A view without state: any number of threads make one
 * each, and making one touches no shared word that changes.
 */
export class Board {
  readonly words: Words;
  readonly config: MachineConfig;
  /** Names for the words of the buffer. */
  readonly layout: Layout;
  readonly clock: Clock;
  readonly memory: GuestMemory;
  readonly gic: Gic;
  readonly itses: readonly Its[];
  readonly vm: Vm;
  /** The design of the debate: the VM has the kernel's half, the VMM has userland's half. */
  readonly design: Design;
  /** The guest's accesses to device registers. */
  readonly bus: GuestBus;
  readonly fds: FdTable;
  readonly ioeventfds: IoEventFds;
  readonly configLock: Mutex;
  /** The stages of interrupts; undefined unless the configuration asks for stamps. */
  readonly stamps: Stamps | undefined;
  /** The registers of a GICv2, where the host can run one. */
  readonly gicV2: V2Registers | undefined;
  /** The in-kernel timers, of a VM that userland sets up; a guest program's timers are those of its core. */
  readonly timers: ArchTimers | undefined;
  /** Words for a scenario's own use. */
  readonly scenario: Region;
  readonly index: number;
  readonly thread: number;
  /** The other VMs of the process. */
  readonly neighbours: readonly Board[];
  readonly #controls: readonly Region[];
  readonly #acks: AckServer;

  /**
   * @param thread - the calling thread's number, below `threadsOf(config)`; no two threads share one
   * @param index - the number of this VM in the buffer
   * @param neighbours - the other VMs, as the same thread sees them: writes to their eventfds reach them too
   */
  constructor(
    words: Words,
    config: MachineConfig,
    thread: number,
    index = 0,
    neighbours: readonly Board[] = [],
  ) {
    const at = layOut(config);
    const places = at.vms[index];
    if (!places) throw new RangeError(`there is no VM ${index}: this process has ${at.vms.length}`);
    this.words = words;
    this.config = config;
    this.index = index;
    this.neighbours = neighbours;
    this.thread = thread;
    this.layout = at.layout;
    this.scenario = at.scenario;
    this.design = DESIGNS[config.abi];
    this.#controls = places.controls;
    this.clock = new Clock(words, at.clock);
    this.memory = new GuestMemory(words, places.ram, config.memory);
    const faulty = faultyParts(config, words, at.fault);
    const stamps = at.stamps && new Stamps(words, at.stamps, thread, this.clock);
    this.stamps = stamps;
    this.gic = new Gic(words, places.gic, this.memory, {
      lpisDisabled: () => {
        for (const its of this.itses) its.invalidate();
      },
      ...faulty.gic,
      ...(stamps ? { makeInterrupts: (regions) => new StampedInterrupts(words, regions, stamps) } : {}),
    });
    const { interrupts, lpis, vpes } = this.gic;
    const { memory } = this;
    const readers = new Readers(words, places.vm.readers);
    const personality = ITS_PERSONALITIES[config.personality];
    this.itses = places.itses.map(
      (regions, number) =>
        new Its(words, regions, { index: number, lpis, memory, readers, personality, vpes }),
    );
    this.gicV2 = places.gicV2 && new GicV2(words, places.gicV2, this.gic, () => this.vm.vgic.onlineVcpus);
    this.timers = places.timers && new ArchTimers(words, places.timers, interrupts, () => this.clock.now());
    this.vm = new Vm(words, places.vm, {
      interrupts,
      timers: this.timers,
      gicV2: this.gicV2,
      lpis,
      itses: this.itses,
      dispatch: config.dispatch,
      design: this.design,
      readers,
      reader: thread,
      exclusive: (config.host ?? DEFAULT_HOST).exclusiveEventFds,
      ...faulty.vm,
    });
    this.#acks = faulty.losesAck ? new AcksLost(this.vm, interrupts.acks, faulty.losesAck) : this.vm;
    this.fds = new FdTable(words, places.vm.irqfds.fds);
    this.ioeventfds = new IoEventFds(words, places.ioeventfds, this.fds);
    this.configLock = new Mutex(words, places.configLock, 'kvm.configLock');
    this.bus = new GuestBus(this.gic, this.itses, this.vm.vgic, this.ioeventfds, (fd) => this.write(fd));
  }

  /** The same view with the other VMs of its process. */
  among(boards: readonly Board[]): Board {
    const others = boards.filter(({ index }) => index !== this.index);
    return new Board(this.words, this.config, this.thread, this.index, others);
  }

  /**
   * write(2) of an eventfd, by a device. False if the count has no room for the value (EAGAIN).
   * @throws KvmError EBADF, EINVAL
   */
  write(fd: Fd, value: number | bigint = 1): boolean {
    const eventfd = this.vm.irqfds.eventfd(fd);
    const inline = this.config.dispatch === 'inline';
    let heard = false;
    for (const { vm } of [this, ...this.neighbours]) heard = (inline && vm.irqfds.raise(fd)) || heard;
    if (heard) return true;
    if (!eventfd.tryWrite(value)) return false;
    for (const { vm } of [this, ...this.neighbours]) vm.irqfds.ring(fd);
    return true;
  }

  /** Makes the view of a vCPU. Only the vCPU's thread may `run` it; any thread may kick it and read its counters. */
  vcpu(vcpu: VcpuId): Vcpu {
    const cpu = this.gic.cpuInterface(vcpu);
    const control = this.control(vcpu);
    const bell = this.gic.interrupts.bell(vcpu);
    const { clock, config } = this;
    const polls = !isHubCrowded(config);
    const registers = this.gic.listRegisters[vcpu];
    const idle = registers ? new ExitedGuest(this.gic.cpuInterfaceOfList(vcpu), registers) : cpu;
    const halt = new Halt({ cpu: idle, control, bell, clock, haltPollNs: config.haltPollNs, polls });
    const parts = { cpu, control, bell, halt, acks: this.#acks };
    if (registers) return new ListRegisterVcpu(parts, registers);
    return this.stamps ? new StampedVcpu(parts, this.stamps) : new Vcpu(parts);
  }

  /** The control words of a vCPU. Any thread. */
  control(vcpu: VcpuId): VcpuControl {
    const region = this.#controls[vcpu];
    if (!region) throw new RangeError(`there is no vCPU ${vcpu}: this machine has ${this.config.vcpus}`);
    return new VcpuControl(this.words, region);
  }

  /** The same VM, as another thread of this realm sees it. */
  seenBy(thread: number): Board {
    return new Board(this.words, this.config, thread, this.index);
  }

  /**
   * Does userland's setup at once: opens every eventfd, creates every vCPU, places the frames by the configuration, and
   * initialises the interrupt controller. Main thread.
   */
  initialise(): void {
    const { config, vm } = this;
    const { vgic } = vm;
    this.fds.openAll();
    for (let vcpu: VcpuId = 0; vcpu < config.vcpus; vcpu++) {
      vgic.beginVcpu();
      vgic.endVcpu();
    }
    vgic.model = VGIC_V3;
    vgic.spis = this.gic.interrupts.endSpi - FIRST_SPI;
    vgic.distributor = config.gicdBase;
    vgic.addRedistributors({ base: config.gicrBase, count: 0 });
    markLast(this.gic.redistributors, vgic);
    for (const its of this.itses.keys()) vgic.setItsBase(vgic.addIts(), itsFrame(config, its));
    vm.initVgic();
    this.#mapTimers();
  }

  /** Maps the virtual timer's interrupts, as the first run of a vCPU does. */
  #mapTimers(): void {
    const { interrupts, personality } = this.gic;
    if (personality.timerPpi === NONE) return;
    for (let vcpu: VcpuId = 0; vcpu < this.config.vcpus; vcpu++)
      interrupts.amend(interrupts.find(vcpu, personality.timerPpi), 0, MAPPED);
  }
}

type MakeBoard<B extends Board> = (words: Words, config: MachineConfig, thread: number, index: number) => B;

const makeBoard: MakeBoard<Board> = (...given) => new Board(...given);

/**
 * Makes the VMs of a process in fresh memory, in reset state, before userland's setup. The caller is their
 * main thread.
 */
export function createBoards<B extends Board = Board>(
  config: MachineConfig,
  make: MakeBoard<B>,
  buffer?: SharedArrayBuffer,
): B[] {
  const { layout, clock, vms } = layOut(config);
  const words = new Int32Array(buffer ?? new SharedArrayBuffer(layout.words * 4));
  writeHeader(words, encodeConfig(config));
  startClock(words, clock);
  return vms.map((_, index) => {
    const board = make(words, config, MAIN_THREAD, index);
    board.vm.init();
    for (const its of board.itses) its.init();
    board.gic.reset();
    return board;
  });
}

/** Makes a process with one VM, ready for its guest. */
export function createBoard(config: MachineConfig): Board {
  const [board] = createBoards({ ...config, vms: 1 }, makeBoard);
  if (!board) throw new RangeError('a process has a VM');
  board.initialise();
  return board;
}
