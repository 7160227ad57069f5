/**
 * A machine small enough to be explored: the board that runs in the workers, on about 20,000 words, with small sizes, so that
 * a schedule has not a thousand steps that matter to nobody. A test may make mistakes in its source.
 */

import { expect } from 'vitest';
import { encodeCommand, type ItsCommand, writePacket } from '../../../src/arch/its-command.ts';
import { gicd, gicr } from '../../../src/arch/registers.ts';
import { PAGE_64K } from '../../../src/arch/tables.ts';
import type { Board } from '../../../src/board/board.ts';
import { DEFAULT_CONFIG, type MachineConfig } from '../../../src/board/config.ts';
import type { Guest } from '../../../src/board/vcpu.ts';
import { proxyOf } from '../../../src/explore/control/view-proxy.ts';
import type { Scenario } from '../../../src/explore/index.ts';
import { EDGE, ENABLED, GROUP1, isDeliverable, PRIORITY, TARGET } from '../../../src/gic/state.ts';
import { setUpIts } from '../../../src/guest/its-driver.ts';
import type { Dispatch } from '../../../src/kvm/irqfds.ts';
import type { Route } from '../../../src/kvm/route.ts';
import type { Layout } from '../../../src/memory/layout.ts';
import { add, load, store, type Words } from '../../../src/memory/word.ts';
import type { DesignName } from '../../../src/vmm/design.ts';
import type { MistakeName } from '../../guards/index.ts';
import { load as loadModules, type Modules } from './modules.ts';

export const LPI = 8192;
export const SPI = 32;
export const DEVICE_ID = 8;
export const DOORBELL = 0x0809_0040;
const CONFIG_TABLE = 0x4000_0000;
const DEVICE_TABLE = 0x4001_0000;
const COLLECTION_TABLE = 0x4002_0000;
const QUEUE = 0x4003_0000;
const PENDING_TABLES = 0x4004_0000;
const ITT = 0x4005_0000;
const SLOTS = [CONFIG_TABLE, DEVICE_TABLE, COLLECTION_TABLE, QUEUE, PENDING_TABLES, ITT].map((base) => ({
  base,
  bytes: 4096,
}));
const ENABLED_AT_0XA0 = 0xa1;

const [_CTLR, _CBASER, CWRITER, _BASER0, _BASER1] = [0, 0x80, 0x88, 0x100, 0x108];

const THREADS = 4;
const SOURCES = 4;
// Of a source: signals begun, signals that a handler saw begin, deliveries.
const SENT = 0;
const SEEN = SOURCES;
const DELIVERED = 2 * SOURCES;
/** Words that a scenario has for itself, behind those of the oracle. */
const FREE = 3 * SOURCES;

type Options = {
  readonly vcpus?: number;
  readonly dispatch?: Dispatch;
  readonly design?: DesignName;
  /** What KVM_IRQFD hooks at the beginning: the GSI of eventfd 0, 1. */
  readonly hooked?: readonly number[];
  readonly routes?: readonly Route[];
  readonly commands?: readonly ItsCommand[];
  /** Events whose translation is in the cache at the beginning: all that `commands` map, where not given. */
  readonly cached?: readonly number[];
  /** Laid into the queue, and left to the guest to run. */
  readonly queued?: readonly ItsCommand[];
  /** The interrupts are level-triggered: taken for as long as the line is up, however often it was raised. */
  readonly levels?: boolean;
  /** List registers of each vCPU: else none. */
  readonly listRegisters?: number;
  /** Which INTID belongs to which source: else LPI 8192 + n and SPI 32 + n to n. */
  readonly sourceOf?: (intid: number) => number;
};

/** An MSI route of GSI `gsi` to an event of the device. */
export function msi(gsi: number, eventId: number): Route {
  const route = { type: 'msi', gsi, flags: 1, address: DOORBELL, data: eventId, deviceId: DEVICE_ID };
  return route as Route;
}

export const MAPD = {
  name: 'MAPD',
  deviceId: DEVICE_ID,
  size: 1,
  ittAddr: ITT,
  valid: true,
} as const satisfies ItsCommand;
export const mapc = (collectionId: number): ItsCommand => ({
  name: 'MAPC',
  collectionId,
  rdbase: collectionId,
  valid: true,
});
export const mapti = (eventId: number, lpi: number, collectionId = 0): ItsCommand => ({
  name: 'MAPTI',
  deviceId: DEVICE_ID,
  eventId,
  lpi,
  collectionId,
});

/** One event on vCPU 0, as LPI 8192. */
export const ONE_EVENT = [MAPD, mapc(0), mapti(0, LPI)];

/** The machine as one thread sees it. */
export type View = ReturnType<typeof attach>;
type Body = (view: View) => void;
type Cpu = InstanceType<Modules['cpuInterface']['CpuInterface']>;

/** The real board, with tables and locks that are small: else each table is a thousand stores, each wait a hundred looks. */
function configOf({
  vcpus = 1,
  dispatch = 'inline',
  design = 'merged',
  listRegisters = 0,
}: Options): MachineConfig {
  return {
    ...DEFAULT_CONFIG,
    vcpus,
    dispatch,
    abi: design,
    spis: 2,
    idBits: 14,
    devices: 1,
    events: 2,
    collections: 2,
    eventfds: 2,
    otherThreads: THREADS - 1 - vcpus,
    gsis: 4,
    pins: 2,
    spins: 0,
    haltPollNs: 0,
    memory: SLOTS,
    scenarioWords: 32,
    listRegisters,
  };
}

function attach(modules: Modules, board: Board, options: Options) {
  const { words, gic, vm, memory, clock, layout } = board;
  const { interrupts } = gic;
  const [its] = board.itses;
  if (!its) throw new Error('the board of a story has an ITS');
  const at = board.scenario.at;
  const sourceOf = options.sourceOf ?? ((intid) => (intid >= LPI ? intid - LPI : intid - SPI));

  return {
    words,
    gic,
    interrupts,
    its,
    vm,
    memory,
    /** Where the scenario's own words begin. */
    free: at + FREE,

    /** What a device does: says that it signals, then signals. */
    signal(source: number, act: () => void): void {
      add(words, at + SENT + source, 1);
      act();
    },

    /** What the guest's handler does: whatever had begun when it began has been handled by it. */
    deliver(intid: number): void {
      const source = sourceOf(intid);
      const sent = load(words, at + SENT + source);
      const deliveries = add(words, at + DELIVERED + source, 1) + 1;
      // A phantom: an interrupt without a signal, or a signal delivered twice.
      if (!options.levels) expect(deliveries, `deliveries of INTID ${intid}`).toBeLessThanOrEqual(sent);
      store(words, at + SEEN + source, sent);
    },

    sent: (source: number): number => load(words, at + SENT + source),
    seen: (source: number): number => load(words, at + SEEN + source),
    delivered: (source: number): number => load(words, at + DELIVERED + source),

    /** A CPU interface whose registers are this thread's alone, with everything let through. */
    makeCpu(vcpu: number) {
      const own = new Int32Array(new SharedArrayBuffer(64));
      const source = gic.listRegisters[vcpu] ?? interrupts;
      const cpu = new modules.cpuInterface.CpuInterface(own, { at: 0, words: 16 }, vcpu, source);
      cpu.reset();
      cpu.priorityMask = 0xff;
      cpu.groupEnable1 = true;
      return cpu;
    },

    /**
     * Takes what there is on a vCPU's list, and does not wait for more; at most so many. Its INTIDs, in order.
     * @param known - made by `makeCpu`, where it is to know what it took before
     */
    drain(vcpu: number, most = 8, known?: Cpu): number[] {
      const cpu = known ?? this.makeCpu(vcpu);
      const taken: number[] = [];
      while (taken.length < most) {
        const intid = cpu.acknowledge();
        if (intid === 1023) break;
        taken.push(intid);
        this.deliver(intid);
        cpu.endOfInterrupt(intid);
        vm.serveAcks();
      }
      if (taken.length < most) this.leave(vcpu);
      return taken;
    },

    /** The guest of a vCPU with list registers enters, or is left, so that nothing is in them. */
    enter: (vcpu: number) => gic.listRegisters[vcpu]?.run(),
    leave: (vcpu: number) => gic.listRegisters[vcpu]?.exit(),

    /** The main thread serves what is left to it, then each vCPU takes what it finds. The INTIDs, by vCPU. */
    settle(): number[][] {
      vm.irqfds.dispatchPending();
      return Array.from({ length: interrupts.vcpus }, (_, vcpu) => this.drain(vcpu));
    },

    /** The main thread, as its dispatcher is: it sleeps on the bell of the irqfds while there is nothing to do. */
    serveUntil(done: () => boolean): void {
      while (!done())
        if (vm.irqfds.dispatchPending() === 0) modules.untilSignal.sleepUntilSignal(vm.irqfds, done);
    },

    /** A vCPU that runs until `done`, and tells the main thread of each interrupt, so that it may end too. */
    takeUntil(vcpu: number, done: () => boolean): void {
      const interrupt = (intid: number) => {
        this.deliver(intid);
        vm.irqfds.bell.signal();
      };
      this.run(vcpu, done, { interrupt });
    },

    /** The guest changes the configuration of an LPI, and does not tell the ITS yet. */
    configure(lpi: number, enabled: boolean): void {
      memory.setByte(CONFIG_TABLE + lpi - LPI, enabled ? ENABLED_AT_0XA0 : ENABLED_AT_0XA0 & ~1);
    },

    /** A vCPU that halts at once when it has nothing to do. Only the words of requests are shared. */
    makeVcpu(vcpu: number) {
      const cpu = this.makeCpu(vcpu);
      const bell = interrupts.bell(vcpu);
      const region = layout.ofKind(modules.vcpuControl.VCPU_CONTROL)[vcpu] ?? board.scenario;
      const control = new (ownCounters(modules))(words, region);
      const halt = new modules.halt.Halt({ cpu, bell, control, clock, haltPollNs: 0 });
      return new modules.vcpu.Vcpu({ cpu, control, bell, halt, acks: vm });
    },

    /** KVM_RUN of a guest that is finished when it says so. */
    run(vcpu: number, finished: () => boolean, guest: Partial<Guest> = {}): string {
      return this.makeVcpu(vcpu).run({ interrupt: (intid) => this.deliver(intid), finished, ...guest });
    },

    /** The guest tells its ITS of commands that it has laid into the queue: up to number `end`. */
    runCommands(end: number): void {
      its.write(CWRITER, 8, BigInt(end * 32));
    },
  };
}

/** Mode and statistics do not matter here: plain words that a vCPU's thread writes for observers. */
function ownCounters(modules: Modules) {
  return class extends modules.vcpuControl.VcpuControl {
    override get mode(): number {
      return 0;
    }
    override set mode(_mode: number) {}
    override countTaken(): void {}
    override count(): void {}
  };
}

export type Story = Options & {
  readonly name: string;
  /** The last of setting up. */
  readonly before?: (view: View) => void;
  readonly threads: Readonly<Record<string, Body>>;
  /** At rest: the main thread and the vCPUs have done what was left to do. */
  readonly finally?: Body;
  /** Sources to check at the end; source 0 where not given. */
  readonly sources?: readonly number[];
};

const unchanged = new Map<string, Modules>();

/** A story on a machine, of the real source, or of one with mistakes. */
export function onMachine(story: Story, ...mistakes: readonly MistakeName[]): Scenario<{ words: Words }> {
  const key = mistakes.join();
  const modules = unchanged.get(key) ?? loadModules(mistakes);
  unchanged.set(key, modules);
  const config = configOf(story);
  // Of the source as it was changed, which may have another layout.
  let layout: Layout | undefined;
  // Views have no state but a thread's hints, so each thread may keep its own from one run to the next.
  const views = new WeakMap<SharedArrayBuffer, View[]>();
  const viewOf = (words: Words, thread: number): View => {
    const view = views.get(words.buffer)?.[thread];
    if (!view) throw new Error(`thread ${thread} has no view: setup makes ${THREADS}`);
    return view;
  };

  return {
    name: story.name,
    setup: () => {
      const board = modules.board.createBoard(config);
      const { words } = board;
      layout = board.layout;
      // Plain accesses of the machine's code are seen too: a view that no thread's state leads to is not replaced by itself.
      const seen = proxyOf(words) as Words;
      const make = (_: unknown, thread: number) =>
        attach(modules, new modules.board.Board(seen, config, thread), story);
      const all = Array.from({ length: THREADS }, make);
      views.set(words.buffer, all);
      boot(viewOf(words, 0), story);
      return { words };
    },
    threads: Object.fromEntries(
      Object.entries(story.threads).map(([name, body], thread) => [
        name,
        ({ words }: { words: Words }) => {
          const view = viewOf(words, thread);
          view.vm.irqchip.hints.clear();
          body(view);
        },
      ]),
    ),
    finally: ({ words }) => {
      const view = viewOf(words, 0);
      // A vCPU that has finished may have been sent one more since. One that was to take it and sleeps is no end at all.
      view.settle();
      story.finally?.(view);
      for (const source of story.sources ?? [0]) {
        const what = `signals of source ${source} that were followed by a delivery`;
        expect(view.seen(source), what).toBe(view.sent(source));
      }
      for (const intid of [SPI, SPI + 1, LPI, LPI + 1]) {
        const state = view.interrupts.state(view.interrupts.find(0, intid));
        expect(isDeliverable(state), `INTID ${intid} is deliverable, and on no list`).toBe(false);
      }
    },
    names: (_, byteOffset) => layout?.nameOf(byteOffset >>> 2) ?? '',
  };
}

/** As userland and the guest bring a machine up. */
function boot(view: View, story: Story): void {
  const { gic, interrupts, its, memory, vm } = view;
  memory.fill(CONFIG_TABLE, 64, ENABLED_AT_0XA0);
  gic.distributor.write(gicd.CTLR, 4, 3n);
  for (const redistributor of gic.redistributors) {
    redistributor.write(gicr.PROPBASER, 8, BigInt(CONFIG_TABLE) | 13n);
    redistributor.write(gicr.PENDBASER, 8, BigInt(PENDING_TABLES) | (1n << 62n));
    redistributor.write(gicd.CTLR, 4, 1n);
  }
  setUpIts(its, 0, {
    deviceTable: DEVICE_TABLE,
    collectionTable: COLLECTION_TABLE,
    pageSize: PAGE_64K,
    queue: QUEUE,
    queuePages: 1,
  });
  const commands = story.commands ?? [];
  for (const [index, command] of [...commands, ...(story.queued ?? [])].entries()) {
    writePacket(memory, QUEUE + 32 * index, encodeCommand(command));
  }
  view.runCommands(commands.length);
  expect(its.recentErrors()).toEqual([]);
  const mapped = commands.flatMap((command) => (command.name === 'MAPTI' ? [command.eventId] : []));
  for (const eventId of story.cached ?? mapped) expect(its.translate(DEVICE_ID, eventId)).toBeGreaterThan(0);
  for (const spi of [SPI, SPI + 1]) {
    const trigger = story.levels ? 0 : EDGE;
    interrupts.change(interrupts.find(0, spi), spi, PRIORITY | TARGET | EDGE, ENABLED | trigger | GROUP1);
  }
  if (story.routes) vm.setGsiRouting(story.routes);
  for (const [fd, gsi] of (story.hooked ?? []).entries()) vm.assignIrqFd(fd, gsi);
  story.before?.(view);
}
