import type { VcpuId } from '../arch/intid.ts';
import { IrqError } from '../base/irq-error.ts';
import type { BoardVcpu } from '../boot/board-vcpu.ts';
import { type BootOptions, buildBoard } from '../boot/build.ts';
import { Controlled, seededStrategy } from '../boot/controlled.ts';
import { GuestBoard } from '../boot/guest-board.ts';
import type { MemoryModel } from '../boot/plan.ts';
import { BoardSnapshot } from '../boot/snapshot.ts';
import { translate } from '../boot/translate.ts';
import { WatchedMemory } from '../cpu/index.ts';
import { ConsoleLines } from './console-lines.ts';
import { isReport, type Wrong } from './failure.ts';
import { Outside } from './outside.ts';
import { Stillness } from './stillness.ts';
import type { Actor, Turn } from './turn.ts';

/** The guest to explore, and the start point of its schedules. */
export type GuestOptions = Pick<
  BootOptions,
  'kernel' | 'initrd' | 'append' | 'vcpus' | 'memoryMiB' | 'devices'
> & {
  /** The start point: a text on the guest's console, or a number of instructions of all vCPUs; 0: the reset. */
  readonly from: string | number;
  readonly memoryModel: MemoryModel;
};

/** Seed and mean turn of the boot to the start point, which all schedules share. */
const BOOT_SEED = 1;
const BOOT_QUANTUM = 1000;
/** The most instructions to the start point. */
const MOST_BOOT = 4e9;
const STEPS_BETWEEN_LOOKS = 4096;
/** A line of the console that the failure's message repeats. */
const EXIT_LINE = 'exit status';
/** `b .` */
const BRANCH_TO_SELF = 0x1400_0000;

/** How a turn ended: `ran` all its instructions; the vCPU fell asleep, spins, or accessed watched memory; the guest ended; no effect. */
export type TurnEnd = 'ran' | 'idle' | 'spin' | 'touched' | 'ended' | 'skipped';

/**
 * A guest at its start point: runs the turns of a schedule, then goes back. Runs in the calling thread.
 */
export class ExploredGuest {
  readonly board: GuestBoard;
  readonly controlled: Controlled;
  readonly outside: Outside;
  readonly watched: WatchedMemory;
  readonly lines: ConsoleLines;
  /** Instructions of the boot up to the start point. */
  readonly bootInstructions: number;
  readonly #snapshot: BoardSnapshot;
  readonly #stillness: Stillness;
  #wrong: Wrong | undefined;

  /** Boots the guest to its start point. @throws IrqError `ERR_USAGE` if it ends before; otherwise as `buildBoard` */
  constructor(options: GuestOptions, isOver: () => boolean = () => false) {
    const { from, memoryModel, ...rest } = options;
    const built = buildBoard({
      ...rest,
      ...{ clock: 'virtual', semihosting: true, seed: BOOT_SEED, snapshots: true, memoryModel: 'strong' },
    });
    const { machine, plan, memory, regions } = built;
    this.outside = new Outside(machine);
    const { frame } = this.outside;
    this.board = new GuestBoard(machine, { ...plan, memoryModel }, { memory, frames: () => [frame] });
    this.controlled = new Controlled(this.board);
    this.lines = new ConsoleLines(this.board.platform.uart);
    this.outside.onOutput = () => this.lines.take();
    for (const vcpu of this.controlled.vcpus) {
      vcpu.watch = this.outside;
      vcpu.options = { semihosting: true };
    }
    this.#boot(from, isOver);
    this.outside.settle();
    this.bootInstructions = this.controlled.instructions;
    for (const vcpu of this.controlled.vcpus)
      vcpu.options = { semihosting: true, storeBuffer: memoryModel === 'arm' };
    this.#snapshot = new BoardSnapshot(this.board, this.controlled);
    this.lines.mark();
    const [ram] = machine.config.memory;
    this.watched = new WatchedMemory(machine.buffer, regions.watch.at * 4, ram?.bytes ?? 0);
    this.#stillness = new Stillness(this.board, this.controlled);
  }

  /** Goes back to the start point. Returns the number of copied pages of RAM. */
  restore(): number {
    const pages = this.#snapshot.restore();
    this.outside.reset();
    this.lines.reset();
    this.#wrong = undefined;
    return pages;
  }

  /** Instructions since the start point. */
  get instructions(): number {
    return this.controlled.instructions - this.bootInstructions;
  }

  /** The actors that can take a turn now, without `time`: vCPUs by number, then ITS, devices and ringer. */
  ready(): Actor[] {
    const actors: Actor[] = this.controlled.ready().map(String);
    if (this.outside.itsIsReady) actors.push('its');
    if (this.outside.rings > 0) actors.push('ring');
    const { devices } = this.board.platform;
    for (const [index, { registers }] of devices.entries())
      if (registers.isNotified) actors.push(`d${index}`);
    return actors;
  }

  /** Takes a turn. @param stopAtSpin - whether a spinning vCPU (WFE, YIELD, a branch to itself) ends the turn */
  take(turn: Turn, stopAtSpin: boolean): { readonly end: TurnEnd; readonly ran: number } {
    const { controlled, outside } = this;
    if (turn.does === 'run') return this.#run(turn.vcpu, turn.instructions, stopAtSpin);
    let done = true;
    if (turn.does === 'store') done = controlled.stores.drain(turn);
    else if (turn.does === 'time') done = controlled.moveTime();
    else if (turn.does === 'its') {
      done = outside.itsIsReady;
      outside.turnIts();
    } else if (turn.does === 'ring') {
      done = outside.rings > 0;
      outside.turnRinger();
    } else {
      done = this.board.platform.devices[turn.device]?.serve() ?? false;
      const { irqfds } = this.board.machine.vm;
      if (irqfds.anyPending) irqfds.dispatchPending();
    }
    return { end: done ? 'ran' : 'skipped', ran: 0 };
  }

  /** The failure so far: by the guest's end, or a line on its console. */
  wrong(): Wrong | undefined {
    if (this.#wrong) return this.#wrong;
    this.lines.take();
    const line = this.lines.find(isReport);
    const { end } = this.board;
    if (line !== undefined) this.#wrong = { kind: 'report', message: `the guest's console says: ${line}` };
    else if (end.kind === 'stuck')
      this.#wrong = { kind: 'stuck', message: `vCPU ${end.vcpu} only takes exceptions any more` };
    else if (end.kind === 'reset') this.#wrong = { kind: 'reset', message: 'the guest asked for a reset' };
    else if (end.kind === 'power-off' && end.status !== 0)
      this.#wrong = {
        kind: 'exit-status',
        message: `the guest powered off with exit status ${end.status}${this.#lastLine()}`,
      };
    return this.#wrong;
  }

  /** Tries to prove that every vCPU loops forever: see {@link Stillness}. Returns the turns that the proof ran. */
  tryLivelock(): readonly Turn[] {
    if (this.ready().some((actor) => Number.isNaN(Number(actor)))) return [];
    const { isProved, turns } = this.#stillness.prove();
    if (isProved)
      this.#wrong = {
        kind: 'livelock',
        message: 'every vCPU that is awake waits in a loop that nothing ends',
      };
    return turns;
  }

  deadlocked(): Wrong {
    const { psci, plan } = this.board;
    const asleep = Array.from({ length: plan.vcpus }, (_, vcpu) => vcpu).filter((vcpu) => psci.isOn(vcpu));
    this.#wrong = {
      kind: 'deadlock',
      message: `vCPU ${asleep.join(', ')}: asleep, with no interrupt to take, no timer set, and nothing under way${this.#lastLine()}`,
    };
    return this.#wrong;
  }

  #lastLine(): string {
    const last = this.lines.lastBut(EXIT_LINE);
    return last === undefined ? '' : `; the last line of its console: ${last}`;
  }

  #run(vcpu: VcpuId, instructions: number, stopAtSpin: boolean): { end: TurnEnd; ran: number } {
    const found = this.controlled.vcpus[vcpu];
    if (!found) return { end: 'skipped', ran: 0 };
    const from = found.instructions;
    let ran = 0;
    while (ran < instructions) {
      if (found.readiness !== 'ready') return { end: ran === 0 ? 'skipped' : 'idle', ran };
      const { pc } = found.core;
      this.outside.accessed = false;
      if (found.core.hasSeen) found.core.takeSeen();
      this.controlled.stepAlone(vcpu, instructions - ran);
      ran = found.instructions - from;
      const { last } = this.controlled;
      if (this.board.end.hasCome) return { end: 'ended', ran };
      if (last === 'idle' || last === 'off') return { end: 'idle', ran };
      if (stopAtSpin) {
        if (last === 'spin' || (found.core.pc === pc && this.#isBranchToSelf(found)))
          return { end: 'spin', ran };
        if (this.outside.accessed || found.core.hasSeen) return { end: 'touched', ran };
      }
    }
    return { end: 'ran', ran };
  }

  #isBranchToSelf({ core }: BoardVcpu): boolean {
    const { memory } = this.board.machine;
    const at = translate(core, memory, core.pc);
    return at >= 0 && memory.has(at, 4) && memory.word(at) === BRANCH_TO_SELF;
  }

  /** Runs the guest to the start point, in turns from a fixed seed. */
  #boot(from: string | number, isOver: () => boolean): void {
    const strategy = seededStrategy(BOOT_SEED, BOOT_QUANTUM);
    const { controlled, board, lines, outside } = this;
    const there = () => (typeof from === 'number' ? controlled.instructions >= from : lines.has(from));
    for (let steps = 1; !there(); steps++) {
      const left = typeof from === 'number' ? from - controlled.instructions : Number.POSITIVE_INFINITY;
      const next = {
        next: (ready: readonly number[]) => {
          const step = strategy.next(ready);
          return { ...step, instructions: Math.min(step.instructions, left) };
        },
      };
      controlled.next(next);
      outside.settle();
      lines.take();
      if (there()) break;
      const late = controlled.instructions > MOST_BOOT || (steps % STEPS_BETWEEN_LOOKS === 0 && isOver());
      if (!board.end.hasCome && !late) continue;
      const what = typeof from === 'number' ? `it had run ${from} instructions` : `its console had "${from}"`;
      throw new IrqError(
        'ERR_USAGE',
        late
          ? `--from: the guest has run ${controlled.instructions} instructions, and not yet come to where ${what}`
          : `--from: the guest ended (${board.end.kind}) before ${what}${this.#lastLine()}`,
      );
    }
  }
}
