import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { Bitmap } from '../memory/bitmap.ts';
import { lowestBit } from '../memory/bits.ts';
import type { Layout, Region } from '../memory/layout.ts';
import { load, replace, store, type Words } from '../memory/word.ts';

/** vSGIs are INTIDs 0 to 15. */
const SGIS = 16;
/** Where vLPIs begin in the bitmaps: the word behind the vSGIs. */
const LPIS_AT = 32;

// The state of a vPE, one word: so that residency, doorbell and PE change together.
const MAPPED = 1 << 0;
const RESIDENT = 1 << 1;
/** Not resident, and the next interrupt is to ring the doorbell. */
const ARMED = 1 << 2;
const PE_SHIFT = 8;

export type VpeRegions = {
  readonly state: Region;
  /** Its virtual pending table, and its vSGIs: a bit for each interrupt. */
  readonly pending: Region;
  /** Its configuration, as the redistributor has cached it: a bit for each interrupt. */
  readonly enabled: Region;
};

/** Adds the regions of one vPE to a layout. @param vlpis - how many it has, from INTID 8192 on */
export function vpeRegions(layout: Layout, name: string, vlpis: number): VpeRegions {
  const words = (LPIS_AT + vlpis + 31) >>> 5;
  return layout.group(name, { state: 1, pending: words, enabled: words });
}

/** How a vPE reaches software. Called by the thread that signals, also in the middle of another call of a {@link Vpe}. */
export type VpePort = {
  /** Makes the PE look: its guest, or the hypervisor if the vPE has left meanwhile. */
  readonly ring: (pe: VcpuId) => void;
  /** The default doorbell, a physical LPI of that PE. */
  readonly doorbell: (pe: VcpuId) => void;
};

/**
 * A vPE of a GICv4.1, with its vLPIs and vSGIs: interrupts that reach a guest without the hypervisor while the vPE is resident on a
 * PE, and ring a doorbell otherwise.
 *
 * Words: `state` (mapped, resident, armed, the PE), and a bit for each interrupt in `pending` and in `enabled`.
 * Producer ({@link signal}, any thread): sets the pending bit, then reads `state`. Resident: rings the PE. Armed: takes `armed` away in
 * one step, and rings the doorbell if that step was its own.
 * Consumer ({@link leave}, the thread of the PE): clears `resident` and sets `armed` in one step, then looks for a pending bit. If there is
 * one, takes `armed` away likewise, and reports PendingLast if that step was its own.
 * So an interrupt is never lost: either the producer sees the new state, or the consumer sees the bit. And the hypervisor is told once,
 * by the doorbell or by PendingLast. A stale `resident` costs one ring of a PE without the vPE.
 *
 * There are no priorities: the guest takes the lowest INTID first. There are no individual doorbells, as in an implementation with
 * GITS_TYPER.nID = 1. @see Arm IHI 0069H, chapter 5, GICR_VPENDBASER, GITS_SGIR
 */
export class Vpe {
  readonly #words: Words;
  readonly #state: number;
  readonly #pendingAt: number;
  readonly #enabledAt: number;
  readonly #count: number;
  readonly #pending: Bitmap;
  readonly #enabled: Bitmap;
  readonly #port: VpePort;

  constructor(words: Words, regions: VpeRegions, port: VpePort) {
    this.#words = words;
    this.#state = regions.state.at;
    this.#pendingAt = regions.pending.at;
    this.#enabledAt = regions.enabled.at;
    this.#count = regions.pending.words;
    this.#pending = new Bitmap(words, regions.pending);
    this.#enabled = new Bitmap(words, regions.enabled);
    this.#port = port;
  }

  /** Maps the vPE to a PE (VMAPP, V = 1). Its tables begin empty. The vPE must not be mapped. */
  map(pe: VcpuId): void {
    for (let word = 0; word < this.#count; word++) {
      store(this.#words, this.#pendingAt + word, 0);
      store(this.#words, this.#enabledAt + word, 0);
    }
    store(this.#words, this.#state, MAPPED | (pe << PE_SHIFT));
  }

  /** Ends the vPE (VMAPP, V = 0). False, and nothing is done, while it is resident, or where it is not mapped. */
  unmap(): boolean {
    return this.#change(MAPPED | RESIDENT, MAPPED, () => 0) >= 0;
  }

  /** Sends the vPE to another PE, with its doorbell (VMOVP). False while it is resident, or where it is not mapped. */
  move(pe: VcpuId): boolean {
    const moved = (state: number) => (state & (MAPPED | ARMED)) | (pe << PE_SHIFT);
    // guard: dying-vpe-stays
    return this.#change(MAPPED | RESIDENT, MAPPED, moved) >= 0;
  }

  /**
   * Makes the vPE resident on a PE (GICR_VPENDBASER.Valid = 1): its doorbell no longer rings. False where it is not mapped, or is
   * resident already. The guest has to look behind it.
   */
  enter(pe: VcpuId): boolean {
    return this.#change(MAPPED | RESIDENT, MAPPED, () => MAPPED | RESIDENT | (pe << PE_SHIFT)) >= 0;
  }

  /**
   * Ends the residency (GICR_VPENDBASER.Valid = 0). The thread of the PE.
   * @param arm - whether the next interrupt is to ring the doorbell (VPENDBASER.Doorbell)
   * @returns PendingLast: an interrupt is pending that no doorbell rings for. With `arm` the doorbell rings for all others.
   */
  leave(arm: boolean): boolean {
    const flags = arm ? MAPPED | ARMED : MAPPED;
    // guard: vpe-leaves-before-look
    this.#change(RESIDENT, RESIDENT, (state) => (state & (-1 << PE_SHIFT)) | flags);
    // guard: vpe-looks-when-left
    const isPending = this.#lowest() >= 0;
    // guard: pending-last-takes-doorbell
    return isPending && (!arm || this.#disarm() >= 0);
  }

  /** Makes a vLPI or a vSGI pending: an event that VMAPTI has mapped, or a write to GITS_SGIR. Any thread. */
  signal(intid: Intid): void {
    const bit = bitOf(intid);
    // guard: pending-before-residency
    this.#pending.set(bit);
    if (this.#enabled.has(bit)) this.#announce();
  }

  /** Applies a byte of the configuration, or the enable of VSGI: one that is pending and is enabled now is announced. Any thread. */
  configure(intid: Intid, enable: boolean): void {
    const bit = bitOf(intid);
    if (!enable) {
      this.#enabled.claim(bit);
      return;
    }
    // guard: enabled-before-pending-look
    this.#enabled.set(bit);
    if (this.#pending.has(bit)) this.#announce();
  }

  /** Takes the pending state away: CLEAR, or VSGI with its clear bit. Any thread. */
  clear(intid: Intid): void {
    this.claim(intid);
  }

  /** As {@link clear}; true for exactly one of any number of callers, the guest among them, if the interrupt was pending. */
  claim(intid: Intid): boolean {
    return this.#pending.claim(bitOf(intid));
  }

  /** The guest's acknowledge: the lowest INTID that is pending and enabled, which it takes; -1 for none. The thread of the PE. */
  take(): Intid {
    for (;;) {
      const bit = this.#lowest();
      if (bit < 0) return -1;
      if (this.#pending.claim(bit)) return bit < LPIS_AT ? bit : bit - LPIS_AT + FIRST_LPI;
    }
  }

  isPending(intid: Intid): boolean {
    return this.#pending.has(bitOf(intid));
  }

  /** Whether the guest would take an interrupt now. */
  get isSignalled(): boolean {
    return this.#lowest() >= 0;
  }

  /** The pending vSGIs, a bit each. */
  get pendingSgis(): number {
    return load(this.#words, this.#pendingAt);
  }

  get isMapped(): boolean {
    return (load(this.#words, this.#state) & MAPPED) !== 0;
  }

  /** Tells the PE, or the hypervisor, of an interrupt that is pending. */
  #announce(): void {
    const state = load(this.#words, this.#state);
    if ((state & RESIDENT) !== 0) {
      this.#port.ring(state >>> PE_SHIFT);
      return;
    }
    const armed = this.#disarm();
    if (armed >= 0) this.#port.doorbell(armed >>> PE_SHIFT);
  }

  /** Takes the doorbell: the state from before, or -1 if there is none to take. */
  #disarm(): number {
    for (;;) {
      const state = load(this.#words, this.#state);
      if ((state & ARMED) === 0) return -1;
      // guard: doorbell-rings-once
      if (replace(this.#words, this.#state, state, state & ~ARMED)) return state;
    }
  }

  /** Changes the state in one step where its bits `mask` are `wanted`: the state from before, or -1. */
  #change(mask: number, wanted: number, next: (state: number) => number): number {
    for (;;) {
      const state = load(this.#words, this.#state);
      if ((state & mask) !== wanted) return -1;
      if (replace(this.#words, this.#state, state, next(state))) return state;
    }
  }

  /** The lowest bit that is pending and enabled, or -1. */
  #lowest(): number {
    for (let word = 0; word < this.#count; word++) {
      const bits = load(this.#words, this.#pendingAt + word) & load(this.#words, this.#enabledAt + word);
      if (bits !== 0) return (word << 5) + lowestBit(bits);
    }
    return -1;
  }
}

function bitOf(intid: Intid): number {
  return intid < SGIS ? intid : intid - FIRST_LPI + LPIS_AT;
}
