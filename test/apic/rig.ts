import type { Apic, ApicRegions } from '../../src/apic/apic.ts';
import * as theApic from '../../src/apic/apic.ts';
import { IOREGSEL, IOWIN } from '../../src/apic/ioapic.ts';
import { Layout } from '../../src/memory/layout.ts';
import type { Words } from '../../src/memory/word.ts';

export type Made = {
  readonly apic: Apic;
  readonly words: Words;
  readonly layout: Layout;
  readonly regions: ApicRegions;
  /** Pins whose end was passed on. */
  readonly ended: number[];
};

/** The real code, or the same with one line of it broken. */
export type ApicModule = Pick<typeof theApic, 'Apic' | 'apicRegions'>;

/** A fresh controller, its local APICs enabled. */
export function madeApic(vcpus = 1, module: ApicModule = theApic): Made {
  const layout = new Layout(0, 0);
  const regions = module.apicRegions(layout, vcpus);
  const words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
  const ended: number[] = [];
  const apic = new module.Apic(words, regions, { pinEnded: (pin) => void ended.push(pin) });
  apic.reset();
  for (const local of apic.local) local.enable();
  return { apic, words, layout, regions, ended };
}

export function writeRegister({ ioapic }: Apic, index: number, value: number): void {
  ioapic.write(IOREGSEL, index);
  ioapic.write(IOWIN, value);
}

export function readRegister({ ioapic }: Apic, index: number): number {
  ioapic.write(IOREGSEL, index);
  return ioapic.read(IOWIN);
}

// The judge's own numbers.
export const LEVEL = 0x8000;
export const MASK = 0x1_0000;
export const REMOTE = 0x4000;

/** Programs a pin: the destination first, for the low half may deliver. */
export function program(apic: Apic, pin: number, low: number, destination = 0): void {
  writeRegister(apic, 0x11 + 2 * pin, destination * 2 ** 24);
  writeRegister(apic, 0x10 + 2 * pin, low);
}
