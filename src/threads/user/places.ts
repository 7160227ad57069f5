import type { Intid, VcpuId } from '../../arch/intid.ts';
import { IrqError, isIrqError } from '../../base/irq-error.ts';
import { type Layout, LINE, type Region } from '../../memory/layout.ts';
import { load, store, type Words } from '../../memory/word.ts';

/** Offsets from the word that holds the vCPU's current call. */
const STOPPED = 1;
const SOURCE = 2;
const OUTSIDE = 0;
const IN_START = -1;

/** Words for the places of `vcpus` vCPUs. */
export function placesWords(vcpus: number): number {
  return vcpus * LINE;
}

export function placesRegion(layout: Layout, vcpus: number): Region {
  return layout.region('vcpu.place', placesWords(vcpus));
}

/** The function of its guest that each vCPU is in. One line a vCPU: its thread writes, any thread reads. */
export class Places {
  readonly #words: Words;
  readonly #region: Region;

  constructor(words: Words, region: Region) {
    this.#words = words;
    this.#region = region;
  }

  enterStart(vcpu: VcpuId): void {
    store(this.#words, this.#at(vcpu), IN_START);
  }

  /** @param source - the event whose signal led to the interrupt; -1 for none */
  enter(vcpu: VcpuId, intid: Intid, source: number): void {
    store(this.#words, this.#at(vcpu) + SOURCE, source + 1);
    store(this.#words, this.#at(vcpu), intid + 1);
  }

  leave(vcpu: VcpuId): void {
    store(this.#words, this.#at(vcpu), OUTSIDE);
  }

  /** The call that a vCPU's guest is in, for messages: `interrupt(cpu, 8192)`; undefined outside of calls. */
  callOf(vcpu: VcpuId): string | undefined {
    const inside = load(this.#words, this.#at(vcpu));
    if (inside === OUTSIDE) return undefined;
    return inside === IN_START ? 'start(cpu)' : `interrupt(cpu, ${inside - 1})`;
  }

  /** Lists the calls that guests are in, for messages: `vcpu1 in interrupt(cpu, 8192)`. */
  get calls(): string[] {
    const vcpus = Array.from({ length: this.#region.words / LINE }, (_, vcpu) => vcpu);
    return vcpus.flatMap((vcpu) => {
      const call = this.callOf(vcpu);
      return call === undefined ? [] : [`vcpu${vcpu} in ${call}`];
    });
  }

  /** Whether a vCPU is in the handler of an INTID. */
  isIn(vcpu: VcpuId, intid: Intid): boolean {
    return load(this.#words, this.#at(vcpu)) === intid + 1;
  }

  /** Whether any vCPU is in its handler for an event, whatever the event's INTID. */
  handles(source: number): boolean {
    for (let at = this.#region.at; at < this.#region.at + this.#region.words; at += LINE)
      if (load(this.#words, at) !== OUTSIDE && load(this.#words, at + SOURCE) === source + 1) return true;
    return false;
  }

  /** Whether any vCPU is in a function of its guest. */
  get isAnyInside(): boolean {
    for (let at = this.#region.at; at < this.#region.at + this.#region.words; at += LINE)
      if (load(this.#words, at) !== OUTSIDE) return true;
    return false;
  }

  /** Records that the vCPU's guest has called `cpu.stop()`: the vCPU leaves, and takes no more interrupts. */
  stop(vcpu: VcpuId): void {
    store(this.#words, this.#at(vcpu) + STOPPED, 1);
  }

  hasStopped(vcpu: VcpuId): boolean {
    return load(this.#words, this.#at(vcpu) + STOPPED) !== 0;
  }

  #at(vcpu: VcpuId): number {
    return this.#region.at + vcpu * LINE;
  }
}

/** Adds the guests' current calls to an error about a silent thread; returns any other error unchanged. */
export function withCalls(error: unknown, places: Places | undefined): unknown {
  const calls = places?.calls ?? [];
  if (!isIrqError(error, 'ERR_THREAD_SILENT') || calls.length === 0) return error;
  return new IrqError('ERR_THREAD_SILENT', `${(error as IrqError).message}; ${calls.join(', ')}`, {
    cause: error,
  });
}
