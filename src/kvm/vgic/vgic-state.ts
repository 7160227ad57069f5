import { GICR_STRIDE } from '../../arch/frames.ts';
import type { Intid } from '../../arch/intid.ts';
import { type Layout, LINE, type Region, type SizedKind } from '../../memory/layout.ts';
import { add, load, replace, setBits, store, type Words } from '../../memory/word.ts';

/** KVM_DEV_TYPE_ARM_VGIC_V2, V3 and ITS. @see linux/kvm.h */
export const VGIC_NONE = 0;
export const VGIC_V2 = 5;
export const VGIC_V3 = 7;
export const VGIC_ITS = 8;

/** ITSes, and redistributor regions, that a VM can have here; KVM has no such limit. */
export const MOST_ITSES = 4;
export const MOST_REGIONS = 16;

/** SPIs of a VM that does not set KVM_DEV_ARM_VGIC_GRP_NR_IRQS: VGIC_NR_IRQS_LEGACY - 32. */
export const DEFAULT_SPIS = 224;

const MODEL = 0;
const INITIALISED = 1;
const SPIS = 2;
const ITSES = 3;
const REGIONS = 4;
const DISTRIBUTOR = 6;
const CPU_INTERFACE = 8;
const OWNED = 10;
// vCPUs: the words that change as vCPUs come and go lie on a line of their own.
const CREATED = LINE;
const ONLINE = LINE + 1;
const RUNNING = LINE + 2;
const HAVE_RUN = LINE + 3;
const REGION = 2 * LINE;
const REGION_WORDS = 3;
const ITS = REGION + REGION_WORDS * MOST_REGIONS;
const ITS_WORDS = 2;

/** The high word of an address that was never written. */
const UNSET = 0;
/** In the high word of an address that was set: an address has 52 bits at most, so this bit is free. */
const SET = 1 << 30;

/** What userspace has made of the interrupt controller. @see VgicState */
export const VGIC: SizedKind = {
  name: 'vgic',
  words: ITS + ITS_WORDS * MOST_ITSES,
  fault: (words, { at }, { vcpus }) => {
    const counts: readonly [what: string, field: number, most: number][] = [
      ['ITSes', ITSES, MOST_ITSES],
      ['redistributor regions', REGIONS, MOST_REGIONS],
      ['vCPUs created', CREATED, vcpus],
      ['vCPUs complete', ONLINE, vcpus],
      ['vCPUs inside KVM_RUN', RUNNING, vcpus],
    ];
    for (const [what, field, most] of counts) {
      const count = words[at + field] ?? 0;
      if (count < 0 || count > most) return `it counts ${count} ${what}, where 0 to ${most} can be`;
    }
    return undefined;
  },
};

export function vgicRegion(layout: Layout): Region {
  return layout.place('kvm.vgic', VGIC);
}

/** A redistributor region as userspace asked for it; `count` 0 is the single region of the older attribute. */
export type RedistributorRegion = { readonly base: number; readonly count: number };

/**
 * What userspace has made of the interrupt controller so far: which model, how many SPIs, where its frames lie, and
 * whether it is ready. The states of the interrupts themselves are the controller's own.
 *
 * Written under the VM's configuration lock, and read by any thread; a flag is stored after the words that it vouches for.
 */
export class VgicState {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#at = region.at;
  }

  get model(): number {
    return load(this.#words, this.#at + MODEL);
  }

  set model(type: number) {
    store(this.#words, this.#at + MODEL, type);
  }

  get initialised(): boolean {
    return load(this.#words, this.#at + INITIALISED) !== 0;
  }

  /** From here on interrupts can be injected. */
  initialise(): void {
    store(this.#words, this.#at + INITIALISED, 1);
  }

  /** SPIs of the VM, 0 while userland has not said how many. */
  get spis(): number {
    return load(this.#words, this.#at + SPIS);
  }

  set spis(count: number) {
    store(this.#words, this.#at + SPIS, count);
  }

  /** Whether MSIs find an ITS: there is one, and the controller is a GICv3. @see vgic_has_its */
  get hasIts(): boolean {
    return this.model === VGIC_V3 && this.itses > 0;
  }

  get itses(): number {
    return load(this.#words, this.#at + ITSES);
  }

  /** Counts one more; its number. */
  addIts(): number {
    return add(this.#words, this.#at + ITSES, 1);
  }

  /** Base of an ITS's frames; NaN, which no address compares with, while it has none. */
  itsBase(index: number): number {
    return this.#address(ITS + index * ITS_WORDS);
  }

  setItsBase(index: number, base: number): void {
    this.#setAddress(ITS + index * ITS_WORDS, base);
  }

  /** Base of the distributor, or NaN. */
  get distributor(): number {
    return this.#address(DISTRIBUTOR);
  }

  set distributor(base: number) {
    this.#setAddress(DISTRIBUTOR, base);
  }

  /** Base of a GICv2's CPU interface, or NaN. */
  get cpuInterface(): number {
    return this.#address(CPU_INTERFACE);
  }

  set cpuInterface(base: number) {
    this.#setAddress(CPU_INTERFACE, base);
  }

  get redistributors(): RedistributorRegion[] {
    return Array.from({ length: load(this.#words, this.#at + REGIONS) }, (_, index) => {
      const at = REGION + index * REGION_WORDS;
      return { base: this.#address(at), count: load(this.#words, this.#at + at + 2) };
    });
  }

  /**
   * How far `address` lies in the frames of the redistributors, as if those of vCPU 0, 1, 2 … stood in a row; -1 where
   * there is none. No allocation.
   */
  redistributorOffset(address: number): number {
    const regions = load(this.#words, this.#at + REGIONS);
    const online = this.onlineVcpus;
    let first = 0;
    for (let index = 0; index < regions; index++) {
      const at = REGION + index * REGION_WORDS;
      const vcpus = load(this.#words, this.#at + at + 2) || online;
      const offset = address - this.#address(at);
      if (offset >= 0 && offset < vcpus * GICR_STRIDE) {
        const found = (first * GICR_STRIDE + offset) | 0;
        return found < online * GICR_STRIDE ? found : -1;
      }
      first += vcpus;
    }
    return -1;
  }

  addRedistributors({ base, count }: RedistributorRegion): void {
    const index = load(this.#words, this.#at + REGIONS);
    const at = REGION + index * REGION_WORDS;
    this.#setAddress(at, base);
    store(this.#words, this.#at + at + 2, count);
    store(this.#words, this.#at + REGIONS, index + 1);
  }

  /** Whether an in-kernel device drives this PPI, and userspace may not: the architected timers, the PMU. */
  isOwned(intid: Intid): boolean {
    return (load(this.#words, this.#at + OWNED) & (1 << intid)) !== 0;
  }

  own(intid: Intid): void {
    setBits(this.#words, this.#at + OWNED, 1 << intid);
  }

  /** vCPUs whose creation has begun, and those of them that are complete. */
  get createdVcpus(): number {
    return load(this.#words, this.#at + CREATED);
  }

  get onlineVcpus(): number {
    return load(this.#words, this.#at + ONLINE);
  }

  beginVcpu(): number {
    return add(this.#words, this.#at + CREATED, 1);
  }

  endVcpu(): void {
    add(this.#words, this.#at + ONLINE, 1);
  }

  /** vCPUs inside KVM_RUN now. */
  get runningVcpus(): number {
    return load(this.#words, this.#at + RUNNING);
  }

  get anyHasRun(): boolean {
    return load(this.#words, this.#at + HAVE_RUN) !== 0;
  }

  enterGuest(): void {
    store(this.#words, this.#at + HAVE_RUN, 1);
    add(this.#words, this.#at + RUNNING, 1);
  }

  /** False, with nothing counted, where no vCPU is inside. */
  leaveGuest(): boolean {
    for (;;) {
      const running = this.runningVcpus;
      if (running === 0) return false;
      if (replace(this.#words, this.#at + RUNNING, running, running - 1)) return true;
    }
  }

  #address(field: number): number {
    const high = load(this.#words, this.#at + field + 1);
    if (high === UNSET) return Number.NaN;
    return (high & ~SET) * 2 ** 32 + (load(this.#words, this.#at + field) >>> 0);
  }

  #setAddress(field: number, address: number): void {
    store(this.#words, this.#at + field, address | 0);
    store(this.#words, this.#at + field + 1, Math.floor(address / 2 ** 32) | SET);
  }
}
