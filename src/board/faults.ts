import { FIRST_SPI, type Intid, type VcpuId } from '../arch/intid.ts';
import type { GicHooks } from '../gic/gic.ts';
import type { InterruptRegions } from '../gic/interrupt-regions.ts';
import { Interrupts } from '../gic/interrupts.ts';
import type { LevelAcks } from '../gic/level-acks.ts';
import { LoadableInterrupts } from '../gic/loadable-interrupts.ts';
import { LATCH, TARGET, TARGET_SHIFT, targetOf } from '../gic/state.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import { type Fault, type MachineConfig, sizesOf } from './config.ts';
import type { AckServer } from './vcpu.ts';

/**
 * Every how many occasions a broken rule is broken: rarely enough for the run to get going, often enough to be found where
 * little is signalled. An occasion of `drop-kick` is a kick of a vCPU that sleeps, one of `drop-pending` the edge of an SPI or LPI.
 */
const EVERY = { 'drop-kick': 4, 'drop-pending': 1024, 'wrong-vcpu': 2, double: 2 } as const;
/** The first of these occasions. */
const FIRST = { ...EVERY, 'drop-pending': 16 } as const;

/** Words of the region: the count of occasions, then those of the fault: for `drop-kick` one of each vCPU. */
const OWN = 1;

export function faultRegion(layout: Layout, { fault, vcpus }: MachineConfig): Region {
  return layout.region('fault', OWN + (fault === 'drop-kick' ? vcpus : 1));
}

/**
 * The parts of a machine with one rule broken on purpose. They are other classes, chosen when a thread attaches: a
 * machine that works has no trace of them on its interrupt path.
 */
export function faultyParts(config: MachineConfig, words: Words, region: Region): FaultyParts {
  const { fault } = config;
  if (fault === 'none') return { gic: {}, vm: {} };
  if (fault === 'stale-route') return { gic: {}, vm: { keepsStaleRoutes: true } };
  if (fault === 'lost-ack') {
    return {
      gic: {},
      vm: {},
      losesAck: () => (add(words, region.at, 1) >>> 0) % (ACKS_KEPT + ACKS_LOST) >= ACKS_KEPT,
    };
  }
  const due = () => (add(words, region.at, 1) + 1) % EVERY[fault] === FIRST[fault] % EVERY[fault];
  const Base = sizesOf(config).listRegisters > 0 ? LoadableInterrupts : Interrupts;
  const Faulty = FAULTY[fault](Base, due, region.at + OWN);
  return { gic: { makeInterrupts: (at: InterruptRegions) => new Faulty(words, at) }, vm: {} };
}

/** Ends that are passed on, then ends that are lost: a line stays up for that long. */
const ACKS_KEPT = 16;
const ACKS_LOST = 64;

type FaultyParts = {
  readonly gic: Pick<GicHooks, 'makeInterrupts'>;
  readonly vm: { readonly keepsStaleRoutes?: boolean };
  readonly losesAck?: () => boolean;
};

/** Notes a level's end and now and then, for a while, does not pass it on: the line stays up, and no device is told. */
export class AcksLost implements AckServer {
  readonly #vm: AckServer;
  readonly #acks: LevelAcks;
  readonly #due: () => boolean;

  constructor(vm: AckServer, acks: LevelAcks, due: () => boolean) {
    this.#vm = vm;
    this.#acks = acks;
    this.#due = due;
  }

  serveAcks(): number {
    if (!this.#acks.any || !this.#due()) return this.#vm.serveAcks();
    this.#acks.take();
    return 0;
  }
}

type Made = new (words: Words, regions: InterruptRegions) => Interrupts;

/**
 * Breaks a rule of the interrupts of `Base`.
 * @param due - whether this occasion is one to break the rule on
 * @param ownAt - where the fault's own words begin
 */
type Breaks = (Base: Made, due: () => boolean, ownAt: number) => Made;

/**
 * Lists the interrupt and now and then forgets to ring the vCPU that sleeps. The kick is believed to be under way, so none follows
 * until the vCPU has taken an interrupt: the next signal would else hide the one that was forgotten.
 */
const kickDropped: Breaks = (Base, due, ownAt) =>
  class extends Base {
    override ring(vcpu: VcpuId): void {
      if (load(this.words, ownAt + vcpu) !== 0) return;
      if (this.bell(vcpu).asleep && due()) store(this.words, ownAt + vcpu, 1);
      else super.ring(vcpu);
    }

    override take(vcpu: VcpuId, intid: Intid, seen?: number): number {
      store(this.words, ownAt + vcpu, 0);
      return super.take(vcpu, intid, seen);
    }
  };

/**
 * Now and then forgets an edge altogether, and all that follow of that interrupt until the turn of another comes: the next edge
 * would else hide the one that was forgotten. SGIs are left alone, so that a kernel boots.
 */
const pendingDropped: Breaks = (Base, due, ownAt) =>
  class extends Base {
    override latch(at: number, intid: Intid, checkFirst?: boolean): boolean {
      if (intid < FIRST_SPI) return super.latch(at, intid, checkFirst);
      if (due()) store(this.words, ownAt, at);
      return load(this.words, ownAt) !== at && super.latch(at, intid, checkFirst);
    }
  };

/** Now and then sends an interrupt to the vCPU beside the one it was to go to. */
const wrongVcpu: Breaks = (Base, due) =>
  class extends Base {
    override retarget(at: number, intid: Intid, vcpu: VcpuId): void {
      const moves = vcpu < this.vcpus;
      super.retarget(at, intid, moves && due() ? (vcpu + 1) % this.vcpus : vcpu);
    }

    /** An SPI gets its target by a swap of its state: GICD_IROUTER. */
    override replace(at: number, before: number, after: number): boolean {
      const target = targetOf(after);
      const moves = target !== targetOf(before) && target < this.vcpus;
      const wrong = (target + 1) % this.vcpus;
      const then = moves && due() ? (after & ~TARGET) | (wrong << TARGET_SHIFT) : after;
      return super.replace(at, before, then);
    }
  };

/** Takes an interrupt and now and then leaves it pending. */
const doubled: Breaks = (Base, due) =>
  class extends Base {
    override take(vcpu: VcpuId, intid: Intid, seen?: number): number {
      const before = super.take(vcpu, intid, seen);
      if (before !== 0 && due()) this.change(this.find(vcpu, intid), intid, 0, LATCH);
      return before;
    }
  };

const FAULTY = {
  'drop-kick': kickDropped,
  'drop-pending': pendingDropped,
  'wrong-vcpu': wrongVcpu,
  double: doubled,
} as const satisfies Record<Exclude<Fault, 'none' | 'stale-route' | 'lost-ack'>, Breaks>;
