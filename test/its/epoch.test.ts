/** The epoch of the translation cache at the end of its numbers: lookups take no lock, so it may never be 0. */
import { expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import { itsRegions } from '../../src/its/regions.ts';
import { Layout } from '../../src/memory/layout.ts';
import { NO_HANDLE } from '../../src/memory/slots.ts';
import { store, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

type Modules = {
  readonly events: typeof import('../../src/its/events.ts');
  readonly devices: typeof import('../../src/its/devices.ts');
};

const DEVICE_ID = 8;

/** An event that was never cached, looked up while others empty the cache for the 2^32nd time. */
function atTheEnd(...mistakes: readonly MistakeName[]): Scenario<Words> {
  const { events, devices } = loadMutated<Modules>(
    { events: 'its/events.ts', devices: 'its/devices.ts' },
    ...mistakes,
  );
  const layout = new Layout();
  const regions = itsRegions(layout, 0, { devices: 1, events: 1, collections: 1 });
  const view = (words: Words) => {
    const known = new devices.Devices(words, regions.devices, 'device');
    return { known, all: new events.Events(words, regions, known, 'event') };
  };
  const invalidate = (words: Words) => view(words).all.invalidate();
  return {
    name: 'epoch-at-its-end',
    setup: () => {
      const words = new Int32Array(new SharedArrayBuffer(layout.words * 4));
      const { known, all } = view(words);
      known.init();
      all.init();
      all.create(known.create(DEVICE_ID, 1, 0), 0, 8192, NO_HANDLE);
      store(words, regions.epoch.at, -1);
      return words;
    },
    threads: {
      guest: invalidate,
      other: invalidate,
      device: (words) => expect(view(words).all.lookup(DEVICE_ID, 0)).toBe(events.MISS),
    },
    finally: (words) => expect(view(words).all.epoch).toBeGreaterThan(0),
    names: (_, byteOffset) => layout.nameOf(byteOffset >>> 2),
  };
}

test('an event that was never cached is not found at any moment of it', () => {
  expect(passesEvery(atTheEnd()).schedules).toBeGreaterThan(5);
});

test('an event that was never cached is found for a moment where the epoch passes through 0', () => {
  isCaught(atTheEnd('epoch-is-never-zero: passes through 0'), 'assertion');
});
