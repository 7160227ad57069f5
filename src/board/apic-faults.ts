import type { MakeLocalApic } from '../apic/apic.ts';
import { LocalApic, type LocalApicRegions, NO_VECTOR } from '../apic/local-apic.ts';
import type { VcpuId } from '../arch/intid.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { add, load, store, type Words } from '../memory/word.ts';
import type { Fault } from './config.ts';

/** A rule is broken on one of so many occasions; odd numbers, so that two sources in turn do not miss it. */
const EVERY = { 'drop-kick': 5, 'drop-pending': 1023, 'wrong-vcpu': 7, double: 3 } as const;
/** Ends that are passed on, then ends that are lost. */
const ENDS_KEPT = 16;
const ENDS_LOST = 64;

/** The count of occasions, then a word for each vCPU. */
const OWN = 1;

export function apicFaultRegion(layout: Layout, vcpus: number): Region {
  return layout.region('fault', OWN + vcpus);
}

type FaultyApicParts = {
  readonly makeLocal?: MakeLocalApic;
  readonly vm?: { readonly keepsStaleRoutes: true };
  /** Whether the end of a watched pin is lost this time. */
  readonly losesEnd?: () => boolean;
};

/** The parts of a board of x86 with one rule broken on purpose. A board without a fault has no trace of them. */
export function faultyApicParts(fault: Fault, words: Words, region: Region): FaultyApicParts {
  if (fault === 'none') return {};
  if (fault === 'stale-route') return { vm: { keepsStaleRoutes: true } };
  if (fault === 'lost-ack')
    return { losesEnd: () => (add(words, region.at, 1) >>> 0) % (ENDS_KEPT + ENDS_LOST) >= ENDS_KEPT };
  const due = () => (add(words, region.at, 1) + 1) % EVERY[fault] === 0;
  const Faulty = FAULTY[fault];
  return {
    makeLocal: (at, regions, id, others) =>
      new Faulty(at, regions, id, { due, others, ownAt: region.at + OWN }),
  };
}

type Parts = {
  /** Whether this occasion is one to break the rule on. */
  readonly due: () => boolean;
  readonly others: readonly LocalApic[];
  /** Where the fault's own words begin. */
  readonly ownAt: number;
};

class Broken extends LocalApic {
  readonly words: Words;
  readonly parts: Parts;

  constructor(words: Words, regions: LocalApicRegions, id: VcpuId, parts: Parts) {
    super(words, regions, id);
    this.words = words;
    this.parts = parts;
  }
}

/** Now and then does not wake a vCPU that sleeps, until the vCPU has taken a vector: the next message would hide the mistake. */
class KickDropped extends Broken {
  get #own(): number {
    return this.parts.ownAt + this.id;
  }

  override ring(): void {
    if (load(this.words, this.#own) !== 0) return;
    if (this.bell.asleep && this.parts.due()) store(this.words, this.#own, 1);
    else super.ring();
  }

  override acknowledge(): number {
    const vector = super.acknowledge();
    if (vector !== NO_VECTOR) store(this.words, this.#own, 0);
    return vector;
  }
}

/** Now and then forgets a message, and all that follow with its vector until the turn of another vector comes. */
class PendingDropped extends Broken {
  override accept(vector: number, level: boolean): boolean {
    const { due, ownAt } = this.parts;
    if (due()) store(this.words, ownAt, vector);
    return load(this.words, ownAt) === vector || super.accept(vector, level);
  }
}

/** Now and then gives a message to the vCPU beside the one it is for. */
class WrongVcpu extends Broken {
  override accept(vector: number, level: boolean): boolean {
    const { due, others } = this.parts;
    const beside = others[(this.id + 1) % others.length];
    return beside instanceof WrongVcpu && due() ? beside.keep(vector, level) : this.keep(vector, level);
  }

  keep(vector: number, level: boolean): boolean {
    return super.accept(vector, level);
  }
}

/** Takes a vector and now and then leaves it requested. */
class Doubled extends Broken {
  override acknowledge(): number {
    const vector = super.acknowledge();
    if (vector !== NO_VECTOR && this.parts.due()) this.accept(vector, this.isLevel(vector));
    return vector;
  }
}

const FAULTY = {
  'drop-kick': KickDropped,
  'drop-pending': PendingDropped,
  'wrong-vcpu': WrongVcpu,
  double: Doubled,
} as const;
