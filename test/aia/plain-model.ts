/**
 * An APLIC in MSI mode and interrupt files, written from the register descriptions as plainly as possible: objects and sets, no bit
 * of the code under test, and no thread.
 */
type Mode = 'inactive' | 'detached' | 'reserved' | 'rising' | 'falling' | 'high' | 'low';
const MODES: readonly Mode[] = [
  'inactive',
  'detached',
  'reserved',
  'reserved',
  'rising',
  'falling',
  'high',
  'low',
];

class PlainSource {
  code = 0;
  up = false;
  pending = false;
  enabled = false;
  target = { hart: 0, guest: 0, identity: 0 };

  get mode(): Mode {
    return MODES[this.code] ?? 'inactive';
  }

  /** The rectified input value. */
  get active(): boolean {
    if (this.mode === 'inactive') return false;
    return this.mode === 'falling' || this.mode === 'low' ? !this.up : this.up;
  }
}

class PlainFile {
  delivery = false;
  threshold = 0;
  readonly pending = new Set<number>();
  readonly enabled = new Set<number>();

  top(highest: number): number {
    const limit = this.threshold > 0 && this.threshold <= highest ? this.threshold : highest + 1;
    const able = [...this.pending].filter((identity) => this.enabled.has(identity) && identity < limit);
    return able.length > 0 ? Math.min(...able) : 0;
  }
}

export class PlainAia {
  readonly sources: readonly PlainSource[];
  readonly files: readonly PlainFile[];
  readonly highest: number;
  enabled = false;

  /** @param sources - source 0, which does not exist, is not counted */
  constructor(sources: number, vcpus: number, highest: number) {
    this.sources = Array.from({ length: sources + 1 }, () => new PlainSource());
    this.files = Array.from({ length: vcpus }, () => new PlainFile());
    this.highest = highest;
  }

  at(number: number): PlainSource | undefined {
    return number > 0 ? this.sources[number] : undefined;
  }

  message(vcpu: number, identity: number): void {
    if (identity > 0 && identity <= this.highest) this.files[vcpu]?.pending.add(identity);
  }

  drive(number: number, up: boolean): boolean {
    const source = this.at(number);
    if (!source) return false;
    const { mode } = source;
    if (mode === 'rising' && up && !source.up) source.pending = true;
    if (mode === 'falling' && !up && source.up) source.pending = true;
    if ((mode === 'high' && up) || (mode === 'low' && !up)) source.pending = true;
    source.up = up;
    this.settle();
    return true;
  }

  setPending(number: number, pending: boolean): void {
    const source = this.at(number);
    if (!source || source.mode === 'inactive') return;
    const isLevel = source.mode === 'high' || source.mode === 'low';
    if (!pending || !isLevel || source.active) source.pending = pending;
    this.settle();
  }

  /** Sends each source that is ready. */
  settle(): void {
    if (!this.enabled) return;
    for (const source of this.sources) {
      if (!source.pending || !source.enabled) continue;
      source.pending = false;
      const { hart, guest, identity } = source.target;
      if (guest === 0) this.message(hart, identity);
    }
  }

  claim(vcpu: number): number {
    const file = this.files[vcpu];
    const identity = file?.top(this.highest) ?? 0;
    file?.pending.delete(identity);
    return identity;
  }
}
