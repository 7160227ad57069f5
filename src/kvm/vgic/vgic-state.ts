import { GICR_STRIDE } from '../../arch/frames.ts';
import type { Intid } from '../../arch/intid.ts';
import { type Layout, LINE, type Region, type SizedKind } from '../../memory/layout.ts';
import { add, load, replace, setBits, store, type Words } from '../../memory/word.ts';

/** KVM_DEV_TYPE_ARM_VGIC_V2, V3 and ITS. @see linux/kvm.h */
export const VGIC_NONE = 0;
export const VGIC_V2 = 5;
export const VGIC_V3 = 7;
export const VGIC_ITS = 8;

/** Most ITSes, and redistributor regions, of a VM here; KVM has no such limit. */
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
const V2_DISTRIBUTOR = 12;
// vCPUs: the words that change at run time have a line of their own.
const CREATED = LINE;
const ONLINE = LINE + 1;
const RUNNING = LINE + 2;
const HAVE_RUN = LINE + 3;
const REGION = 2 * LINE;
const REGION_WORDS = 3;
const ITS = REGION + REGION_WORDS * MOST_REGIONS;
const ITS_WORDS = 2;

/** The high word of an address that userland has not set. */
const UNSET = 0;
/** Flag in the high word of an address that userland has set: addresses have at most 52 bits, so this bit is free. */
const SET = 1 << 30;

/** Userland's configuration of the interrupt controller. @see VgicState */
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

/** A redistributor region of userland; `count` 0 is the single region of the older attribute. */
export type RedistributorRegion = { readonly base: number; readonly count: number };

/**
 * Userland's configuration of the interrupt controller so far: the model, the number of SPIs, the addresses of the
 * frames, and whether it is initialised. The states of interrupts live in the controller.
 *
 * Writers hold the VM's configuration lock; any thread may read. A flag is stored after the words that it vouches for.
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

  /** Marks the controller initialised: from here on interrupts can be injected. */
  initialise(): void {
    store(this.#words, this.#at + INITIALISED, 1);
  }

  /** SPIs of the VM, 0 until userland has set their number. */
  get spis(): number {
    return load(this.#words, this.#at + SPIS);
  }

  set spis(count: number) {
    store(this.#words, this.#at + SPIS, count);
  }

  /** Whether MSIs find an ITS: one exists, and the controller is a GICv3. @see vgic_has_its */
  get hasIts(): boolean {
    return this.model === VGIC_V3 && this.itses > 0;
  }

  get itses(): number {
    return load(this.#words, this.#at + ITSES);
  }

  /** Counts one more ITS; returns its number. */
  addIts(): number {
    return add(this.#words, this.#at + ITSES, 1);
  }

  /** Base of an ITS's frames; NaN, which equals no address, while userland has not set it. */
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

  /** Base of a GICv2's distributor, or NaN. Its registers depend on the vCPU: see `KvmVm.busOf`. */
  get distributorV2(): number {
    return this.#address(V2_DISTRIBUTOR);
  }

  set distributorV2(base: number) {
    this.#setAddress(V2_DISTRIBUTOR, base);
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
   * The offset of `address` in the frames of the redistributors, as if those of vCPU 0, 1, 2 … were contiguous; -1
   * outside. No allocation.
   * @param stride - bytes of a redistributor's frames
   */
  redistributorOffset(address: number, stride = GICR_STRIDE): number {
    const regions = load(this.#words, this.#at + REGIONS);
    const online = this.onlineVcpus;
    let first = 0;
    for (let index = 0; index < regions; index++) {
      const at = REGION + index * REGION_WORDS;
      const vcpus = load(this.#words, this.#at + at + 2) || online;
      const offset = address - this.#address(at);
      if (offset >= 0 && offset < vcpus * stride) {
        const found = (first * stride + offset) | 0;
        return found < online * stride ? found : -1;
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

  /** Whether an in-kernel device owns this PPI, so that userspace may not drive it: the PMU. The timers know their own. */
  isOwned(intid: Intid): boolean {
    return (load(this.#words, this.#at + OWNED) & (1 << intid)) !== 0;
  }

  own(intid: Intid): void {
    setBits(this.#words, this.#at + OWNED, 1 << intid);
  }

  /** Number of vCPUs whose creation has begun; {@link onlineVcpus} counts the complete ones. */
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

  /** Takes one vCPU out of KVM_RUN; false, with nothing counted, if none is inside. */
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
    // speed: below 4 GiB an address is no double (bench its).
    if (high === SET) return load(this.#words, this.#at + field) >>> 0;
    return (high & ~SET) * 2 ** 32 + (load(this.#words, this.#at + field) >>> 0);
  }

  #setAddress(field: number, address: number): void {
    store(this.#words, this.#at + field, address | 0);
    store(this.#words, this.#at + field + 1, Math.floor(address / 2 ** 32) | SET);
  }
}
