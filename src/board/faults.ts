import type { Intid, VcpuId } from '../arch/intid.ts';
import type { GicHooks } from '../gic/gic.ts';
import type { InterruptRegions } from '../gic/interrupt-regions.ts';
import { Interrupts } from '../gic/interrupts.ts';
import type { LevelAcks } from '../gic/level-acks.ts';
import { LoadableInterrupts } from '../gic/loadable-interrupts.ts';
import { LATCH } from '../gic/state.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { add, type Words } from '../memory/word.ts';
import { type Fault, type MachineConfig, sizesOf } from './config.ts';
import type { AckServer } from './vcpu.ts';

/** Every how many occasions a broken rule is broken: rarely enough for the run to get going, often enough to be found. */
const EVERY = { 'drop-kick': 4, 'drop-pending': 256, 'wrong-vcpu': 2, double: 2 } as const;

export function faultRegion(layout: Layout): Region {
  return layout.region('fault.occasions', 1);
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
    return { gic: {}, vm: {}, losesAck: () => (add(words, region.at, 1) & ACKS_IN_A_ROW) !== 0 };
  }
  const due = () => (add(words, region.at, 1) + 1) % EVERY[fault] === 0;
  const Faulty = FAULTY[fault](sizesOf(config).listRegisters > 0 ? LoadableInterrupts : Interrupts, due);
  return { gic: { makeInterrupts: (at: InterruptRegions) => new Faulty(words, at) }, vm: {} };
}

/** Of as many ends as this and as many again, the latter are lost: a line then stays up for that long. */
const ACKS_IN_A_ROW = 64;

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

/** Lists the interrupt and now and then forgets to ring the vCPU. @param due - whether this occasion is one to break the rule on */
const kickDropped = (Base: Made, due: () => boolean): Made =>
  class extends Base {
    override ring(vcpu: VcpuId): void {
      if (!due()) super.ring(vcpu);
    }
  };

/** Now and then forgets an edge altogether. */
const pendingDropped = (Base: Made, due: () => boolean): Made =>
  class extends Base {
    override latch(at: number, intid: Intid, looks?: boolean): boolean {
      return !due() && super.latch(at, intid, looks);
    }
  };

/** Now and then sends an interrupt to the vCPU beside the one it was to go to. */
const wrongVcpu = (Base: Made, due: () => boolean): Made =>
  class extends Base {
    override retarget(at: number, intid: Intid, vcpu: VcpuId): void {
      const moves = vcpu < this.vcpus;
      super.retarget(at, intid, moves && due() ? (vcpu + 1) % this.vcpus : vcpu);
    }
  };

/** Takes an interrupt and now and then leaves it pending. */
const doubled = (Base: Made, due: () => boolean): Made =>
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
} as const satisfies Record<
  Exclude<Fault, 'none' | 'stale-route' | 'lost-ack'>,
  (Base: Made, due: () => boolean) => Made
>;
