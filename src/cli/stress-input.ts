import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readGuestTrace, recordedWorkload, shapeOf } from '../recorded/index.ts';
import type { StressOptions } from '../stress/index.ts';
import type { DesignName } from '../vmm/design.ts';
import { DESIGNS } from '../vmm/designs.ts';

type InputFlags = {
  readonly guest?: string;
  readonly device?: string;
  readonly irqchip: string;
  readonly recording?: string;
  readonly abi: DesignName;
};

/** The recorded guest that comes with the package. */
const RECORDING = new URL('../../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url);

/** A topology where nothing is said: the least there is; a real guest gets enough to be worth its boot. */
export function defaultShape({ guest, device, irqchip }: InputFlags): {
  vcpus: number;
  devices: number;
  events: number;
} {
  return guest === undefined && device === undefined && irqchip === 'gicv3'
    ? { vcpus: 1, devices: 1, events: 1 }
    : { vcpus: 2, devices: 2, events: 4 };
}

/** The recorded guest; or, in a design that cannot run the one that comes with irqloom, a topology of its shape. */
export function recordedInput({ recording, abi }: InputFlags): StressOptions['input'] {
  const guest = readGuestTrace(recording ?? ownRecording());
  return recording === undefined && DESIGNS[abi].msi !== 'lpi' ? shapeOf(guest) : recordedWorkload(guest);
}

/** The file of the recording that comes with irqloom, the way one would type it. */
export function ownRecording(): string {
  const path = fileURLToPath(RECORDING);
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
