import type { Layout, Region } from '../../memory/layout.ts';
import { load, store, type Words } from '../../memory/word.ts';
import type { VirtioModel } from './model.ts';
import { roomIn, writeBuffers } from './queue.ts';

const MOST_BYTES = 0x1_0000;

export function rngRegion(layout: Layout, slot: number): Region {
  return layout.region(`virtio${slot}.rng`, 2);
}

/** An entropy device that computes its bytes from the run's seed, so that runs are reproducible. */
export function rngModel(words: Words, region: Region): VirtioModel {
  /** xorshift32: random enough for a guest under test, and not for secrets. */
  const next = () => {
    let state = load(words, region.at);
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    store(words, region.at, state);
    return state & 0xff;
  };
  return {
    type: 4,
    name: 'rng',
    classCode: 0x00ff00,
    queues: 1,
    features: 0,
    config: new Uint8Array(),
    seed: (seed) => store(words, region.at, seed | 1),
    serve(access) {
      for (let chain = access.take(0); chain; chain = access.take(0)) {
        const bytes = Uint8Array.from({ length: Math.min(MOST_BYTES, roomIn(chain.buffers)) }, next);
        access.complete(0, chain, writeBuffers(access.memory, chain.buffers, bytes));
      }
    },
  };
}
