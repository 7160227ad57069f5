import type { Intid, VcpuId } from '../../arch/intid.ts';
import { gits } from '../../arch/registers.ts';
import { Chance } from '../../base/chance.ts';
import type { AccessBytes } from '../../board/guest-bus.ts';
import type { Machine } from '../../board/machine.ts';
import { sendSgi } from '../../gic/sgi.ts';
import { MSI_VALID_DEVID } from '../../kvm/route.ts';
import type { EventCount } from '../../memory/event-count.ts';
import { LINE } from '../../memory/layout.ts';
import { nap } from '../../memory/nap.ts';
import { add, load, store } from '../../memory/word.ts';
import { PACKED_COMMAND_WORDS } from '../trace/packed-trace.ts';
import type { Signals } from './loose-deliveries.ts';
import { writeIcc } from './replayer.ts';
import {
  ACTION,
  BEGUN,
  DONE,
  KEPT_EXTRAS,
  type ReplayScript,
  type ScriptRegions,
  scriptPlaces,
} from './script.ts';

/** A thread dawdles before one item in so many: by loads of a word, or now and then by a nap, ms. */
const DAWDLES = 8;
const NAPS = 256;
const LOOKS = 1_000;
const NAP_MS = 0.2;

/** The common part of a replay's threads: does items, and tells whether an item may be done. One thread. */
export class ScriptRunner {
  readonly script: ReplayScript;
  readonly chance: Chance;
  readonly #machine: Machine;
  readonly #thread: number;
  readonly #at: ScriptRegions;
  readonly #bells: readonly EventCount[];

  constructor(machine: Machine, script: ReplayScript, thread: number) {
    const { at, bells } = scriptPlaces(machine, script);
    this.script = script;
    this.#machine = machine;
    this.#thread = thread;
    this.#at = at;
    this.#bells = bells;
    this.chance = new Chance(script.seed);
    this.chance.begin(thread);
  }

  /** The bell on which this thread sleeps. */
  get bell(): EventCount {
    const bell = this.#bells[this.#thread];
    if (!bell) throw new RangeError(`there is no thread ${this.#thread}`);
    return bell;
  }

  /** Whether every item is done, or the replay was abandoned. */
  get isOver(): boolean {
    return load(this.#machine.words, this.#at.remaining.at) === 0 || this.isAborted;
  }

  get isAborted(): boolean {
    return load(this.#machine.words, this.#at.abort.at) !== 0;
  }

  isDone(item: number): boolean {
    return load(this.#machine.words, this.#at.done.at + item) === DONE;
  }

  /** Whether an item is an acknowledge whose signals may be several deliveries. */
  isLoose(item: number): boolean {
    const { looseAt } = this.script;
    return item >= 0 && (looseAt[item] ?? 0) !== (looseAt[item + 1] ?? 0);
  }

  /** Of the signals of an acknowledge that may be several deliveries: how many exist, have begun, are done. */
  loose(item: number): Signals {
    const { looseAt, loose } = this.script;
    if (item < 0) return { signals: 0, begun: 0, done: 0 };
    const [first, end] = [looseAt[item] ?? 0, looseAt[item + 1] ?? 0];
    let begun = 0;
    let done = 0;
    for (let at = first; at < end; at++) {
      const word = load(this.#machine.words, this.#at.done.at + (loose[at] ?? 0));
      if (word !== 0) begun++;
      if (word === DONE) done++;
    }
    return { signals: end - first, begun, done };
  }

  /** Whether all causes of an item are done. */
  isReady(item: number): boolean {
    const { causesAt, causes } = this.script;
    const end = causesAt[item + 1] ?? 0;
    for (let at = causesAt[item] ?? 0; at < end; at++) if (!this.isDone(causes[at] ?? 0)) return false;
    return true;
  }

  /** Whether a vCPU holds for an item. */
  waitsForHold(item: number): boolean {
    const { action, causesAt, causes } = this.script;
    const own = causes.subarray(causesAt[item] ?? 0, causesAt[item + 1] ?? 0);
    return own.some((cause) => action[cause] === ACTION.hold);
  }

  /** Whether all signals that wait for a hold are made. */
  isReleased(hold: number): boolean {
    const { releasedAt, released } = this.script;
    const end = releasedAt[hold + 1] ?? 0;
    for (let at = releasedAt[hold] ?? 0; at < end; at++) if (!this.isDone(released[at] ?? 0)) return false;
    return true;
  }

  /** Records that an item is done, and wakes the threads that may wait for it. */
  finish(item: number): void {
    const { words } = this.#machine;
    store(words, this.#at.done.at + item, DONE);
    add(words, this.#at.remaining.at, -1);
    for (const bell of this.#bells) bell.signal();
  }

  /** Counts a delivery that came after a delivery that the recording has later. */
  noteReordered(): void {
    add(this.#machine.words, this.#at.reordered.at + this.#thread * LINE, 1);
  }

  /** Counts a separate delivery of a signal that was one with others in the recording. */
  noteApart(): void {
    add(this.#machine.words, this.#at.apart.at + this.#thread * LINE, 1);
  }

  /** Records a delivery that the plan did not expect. */
  noteExtra(vcpu: VcpuId, intid: Intid): void {
    const { words } = this.#machine;
    const index = add(words, this.#at.extras.at, 1);
    if (index >= KEPT_EXTRAS) return;
    store(words, this.#at.extras.at + LINE + 2 * index, vcpu);
    store(words, this.#at.extras.at + LINE + 2 * index + 1, intid);
  }

  /** Lets other threads go first now and then, as the seed decides. */
  dawdle(): void {
    if (this.chance.below(DAWDLES) !== 0) return;
    if (this.chance.below(NAPS) === 0) nap(NAP_MS * this.chance.unit());
    for (let looks = this.chance.below(LOOKS); looks > 0; looks--) if (this.isAborted) return;
  }

  /** Does an item, unless it is an acknowledge, and records it as done. */
  perform(item: number): void {
    this.dawdle();
    // Before the act: the vCPU to which the act delivers must find the act begun.
    store(this.#machine.words, this.#at.done.at + item, BEGUN);
    this.#act(item);
    this.finish(item);
  }

  #act(item: number): void {
    const { action, thread, a, b, address, value } = this.script;
    const { gic, bus, memory, vm, config } = this.#machine;
    const [first, second, place] = [a[item] ?? 0, b[item] ?? 0, address[item] ?? 0];
    const vcpu: VcpuId = thread[item] ?? 0;
    switch (action[item]) {
      case ACTION.msi:
        vm.injector.sendMsi(config.itsBase + gits.TRANSLATER, second, MSI_VALID_DEVID, first);
        return;
      case ACTION.line:
        gic.wires.drive(first, second === 1, Number(value[item] ?? 0n));
        return;
      case ACTION.endOfInterrupt:
        gic.cpuInterface(vcpu).endOfInterrupt(first);
        return;
      case ACTION.deactivate:
        gic.cpuInterface(vcpu).deactivate(first);
        return;
      case ACTION.sgi:
        sendSgi(gic.interrupts, vcpu, 'SGI1R', value[item] ?? 0n, gic.personality.sgi1ForAnyGroup);
        return;
      case ACTION.read:
        this.#noteRead(item, bus.read(place, first as AccessBytes));
        return;
      case ACTION.write:
        bus.write(place, first as AccessBytes, value[item] ?? 0n);
        return;
      case ACTION.command:
        if (!memory.has(place, 4 * PACKED_COMMAND_WORDS)) return;
        for (let word = 0; word < PACKED_COMMAND_WORDS; word++)
          memory.setWord(place + 4 * word, this.script.commands[first + word] ?? 0);
        return;
      case ACTION.configure:
        if (memory.has(place, 1)) memory.setByte(place, second);
        return;
      case ACTION.icc:
        writeIcc(gic.cpuInterface(vcpu), first, second);
        return;
    }
  }

  #noteRead(item: number, value: bigint): void {
    const { words } = this.#machine;
    store(words, this.#at.got.at + 2 * item, Number(BigInt.asIntN(32, value)));
    store(words, this.#at.got.at + 2 * item + 1, Number(BigInt.asIntN(32, value >> 32n)));
  }
}
