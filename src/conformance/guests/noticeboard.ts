import { FIRST_LPI, type Intid, type VcpuId } from '../../arch/intid.ts';
import { DEFAULT_CONFIG, type MachineConfig } from '../../board/config.ts';
import type { Machine } from '../../board/machine.ts';
import { Layout, LINE, type Region } from '../../memory/layout.ts';
import { add, load, store } from '../../memory/word.ts';
import { VECTOR_LAYOUT } from '../vectors/vector-layout.ts';

/** Guest memory from the tables of {@link VECTOR_LAYOUT} on: 16 MiB. */
const MEMORY = { base: VECTOR_LAYOUT.PROP, bytes: 0x100_0000 };

/** INTIDs with a counter each: all below 256, and so many LPIs. All other INTIDs share the last counter. */
const LPIS = 768;
const COUNTED = 256 + LPIS;
const FLAGS = 16;

/** The configuration of the guests' machine, with KVM's personality. */
export function guestConfig(vcpus: number, devices: number): MachineConfig {
  return {
    ...DEFAULT_CONFIG,
    vcpus,
    gicdBase: VECTOR_LAYOUT.GICD,
    gicrBase: VECTOR_LAYOUT.GICR,
    itsBase: VECTOR_LAYOUT.ITS,
    eventfds: 256,
    devices: 64,
    events: 1024,
    otherThreads: Math.max(1, devices),
    memory: [MEMORY],
    scenarioWords: boardWords(vcpus),
  };
}

type Regions = {
  readonly abort: Region;
  /** `round`: the number of the last round. `answered`: by vCPU, a cache line each, the last round that the vCPU has answered. */
  readonly round: Region;
  readonly answered: Region;
  readonly over: Region;
  readonly flags: Region;
  readonly spurious: Region;
  readonly counts: readonly Region[];
};

function regionsOf(layout: Layout, vcpus: number): Regions {
  return {
    abort: layout.region('guest.abort', 1),
    round: layout.region('guest.round', 1),
    answered: layout.region('guest.answered', vcpus * LINE),
    over: layout.region('guest.over', 1),
    flags: layout.region('guest.flags', FLAGS),
    spurious: layout.region('guest.spurious', vcpus * LINE),
    counts: Array.from({ length: vcpus }, (_, vcpu) => layout.region(`guest.counts${vcpu}`, COUNTED)),
  };
}

function boardWords(vcpus: number): number {
  const layout = new Layout();
  regionsOf(layout, vcpus);
  return layout.words;
}

function indexOf(intid: Intid): number {
  if (intid < 256) return intid;
  return intid >= FIRST_LPI && intid < FIRST_LPI + LPIS - 1 ? 256 + intid - FIRST_LPI : COUNTED - 1;
}

/** How often `intid` was, or should be, delivered to `vcpu`. INTID -1: all INTIDs without a counter of their own. */
export type Delivery = { readonly vcpu: VcpuId; readonly intid: Intid; readonly times: number };

/**
 * Shared state of guests, their devices and userspace: counts of deliveries, rounds and flags. A view of the machine's `scenario`
 * region, so a migration moves the counts too. Any thread.
 */
export class Noticeboard {
  readonly #machine: Machine;
  readonly #at: Regions;
  readonly #vcpus: number;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#vcpus = machine.config.vcpus;
    this.#at = regionsOf(new Layout(machine.scenario.at), this.#vcpus);
  }

  /** Resets rounds and flags, but not the counts. Call it before the threads of a part start. */
  begin(): void {
    const { abort, round, answered, over, flags } = this.#at;
    for (const region of [abort, round, answered, over, flags])
      for (let at = 0; at < region.words; at++) store(this.#machine.words, region.at + at, 0);
  }

  /** Counts an interrupt that `vcpu` has taken. */
  count(vcpu: VcpuId, intid: Intid): void {
    add(this.#machine.words, this.#countAt(vcpu, indexOf(intid)), 1);
    this.ringAll();
  }

  /** How often `vcpu` has taken `intid`. */
  got(vcpu: VcpuId, intid: Intid): number {
    return load(this.#machine.words, this.#countAt(vcpu, indexOf(intid)));
  }

  /** How often all vCPUs together have taken `intid`. */
  gotByAll(intid: Intid): number {
    let sum = 0;
    for (let vcpu: VcpuId = 0; vcpu < this.#vcpus; vcpu++) sum += this.got(vcpu, intid);
    return sum;
  }

  /** All deliveries, by vCPU and INTID. */
  delivered(): Delivery[] {
    const found: Delivery[] = [];
    for (let vcpu: VcpuId = 0; vcpu < this.#vcpus; vcpu++) {
      for (let index = 0; index < COUNTED; index++) {
        const times = load(this.#machine.words, this.#countAt(vcpu, index));
        const intid: Intid = index < 256 ? index : index === COUNTED - 1 ? -1 : FIRST_LPI + index - 256;
        if (times > 0) found.push({ vcpu, intid, times });
      }
    }
    return found;
  }

  /** Counts an acknowledge that returned no interrupt although the vCPU was signalled. */
  countSpurious(vcpu: VcpuId): void {
    add(this.#machine.words, this.#at.spurious.at + vcpu * LINE, 1);
  }

  get spurious(): number {
    let sum = 0;
    for (let vcpu: VcpuId = 0; vcpu < this.#vcpus; vcpu++)
      sum += load(this.#machine.words, this.#at.spurious.at + vcpu * LINE);
    return sum;
  }

  /** Begins a round: each vCPU takes its signalled interrupts, then answers. Returns the round's number. */
  ask(): number {
    const round = add(this.#machine.words, this.#at.round.at, 1) + 1;
    this.ringAll();
    return round;
  }

  get round(): number {
    return load(this.#machine.words, this.#at.round.at);
  }

  answer(vcpu: VcpuId, round: number): void {
    store(this.#machine.words, this.#at.answered.at + vcpu * LINE, round);
    this.ringAll();
  }

  /** Whether every vCPU has answered a round. */
  isAnswered(round: number): boolean {
    for (let vcpu: VcpuId = 0; vcpu < this.#vcpus; vcpu++)
      if (load(this.#machine.words, this.#at.answered.at + vcpu * LINE) < round) return false;
    return true;
  }

  /** A word whose meaning the programs of a test define. @param flag - below {@link FLAGS} */
  flag(flag: number): number {
    return load(this.#machine.words, this.#at.flags.at + flag);
  }

  setFlag(flag: number, value: number): void {
    store(this.#machine.words, this.#at.flags.at + flag, value);
    this.ringAll();
  }

  /** Tells every vCPU that its part has ended. */
  finish(): void {
    store(this.#machine.words, this.#at.over.at, 1);
    this.ringAll();
  }

  get isOver(): boolean {
    return load(this.#machine.words, this.#at.over.at) !== 0;
  }

  abort(): void {
    store(this.#machine.words, this.#at.abort.at, 1);
    this.ringAll();
  }

  get isAborted(): boolean {
    return load(this.#machine.words, this.#at.abort.at) !== 0;
  }

  ringAll(): void {
    for (let vcpu: VcpuId = 0; vcpu < this.#vcpus; vcpu++) this.#machine.gic.interrupts.ring(vcpu);
  }

  #countAt(vcpu: VcpuId, index: number): number {
    return (this.#at.counts[vcpu]?.at ?? 0) + index;
  }
}
