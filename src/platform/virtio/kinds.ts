import type { Layout, Region } from '../../memory/layout.ts';
import type { Words } from '../../memory/word.ts';
import { blockModel, blockRegion } from './block.ts';
import { type ConsoleRegions, consoleModel, consoleRegions } from './console.ts';
import type { VirtioModel } from './model.ts';
import { netModel } from './net.ts';
import { rngModel, rngRegion } from './rng.ts';

export const DEVICE_KINDS = ['console', 'rng', 'block', 'net'] as const;
export type DeviceKind = (typeof DEVICE_KINDS)[number];

/** A device of a board's configuration. Plain data. */
export type DeviceSpec =
  | { readonly kind: 'console' | 'rng' | 'net' }
  | { readonly kind: 'block'; readonly bytes: number; readonly readOnly: boolean };

const QUEUES = { console: 2, rng: 1, block: 1, net: 2 } as const satisfies Record<DeviceKind, number>;

export type ModelRegions = {
  readonly console?: ConsoleRegions;
  readonly rng?: Region;
  readonly disk?: Region;
};

export function modelQueues({ kind }: DeviceSpec): number {
  return QUEUES[kind];
}

export function modelRegions(layout: Layout, slot: number, spec: DeviceSpec): ModelRegions {
  if (spec.kind === 'console') return { console: consoleRegions(layout, slot) };
  if (spec.kind === 'rng') return { rng: rngRegion(layout, slot) };
  return spec.kind === 'block' ? { disk: blockRegion(layout, slot, spec.bytes) } : {};
}

/** The behaviour of a device. @param index - the device's number on the board */
export function makeModel(words: Words, regions: ModelRegions, spec: DeviceSpec, index: number): VirtioModel {
  if (spec.kind === 'block' && regions.disk)
    return blockModel(words, regions.disk, { readOnly: spec.readOnly });
  if (spec.kind === 'console' && regions.console) return consoleModel(words, regions.console);
  if (spec.kind === 'rng' && regions.rng) return rngModel(words, regions.rng);
  return netModel(index);
}
