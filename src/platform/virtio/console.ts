import type { Layout, Region } from '../../memory/layout.ts';
import type { Words } from '../../memory/word.ts';
import { ByteRing, byteRingWords } from '../byte-ring.ts';
import type { VirtioModel } from './model.ts';
import { readBuffers, roomIn, writeBuffers } from './queue.ts';

const RECEIVE = 0;
const TRANSMIT = 1;
const MOST_BYTES = 0x1_0000;
const INPUT_BYTES = 0x1000;
const OUTPUT_BYTES = 0x1_0000;

export type ConsoleRegions = { readonly input: Region; readonly output: Region };

export function consoleRegions(layout: Layout, slot: number): ConsoleRegions {
  return {
    input: layout.region(`virtio${slot}.input`, byteRingWords(INPUT_BYTES)),
    output: layout.region(`virtio${slot}.output`, byteRingWords(OUTPUT_BYTES)),
  };
}

/** A console of one port: the host takes `output` and provides `input`. The device drops output that does not fit. */
export function consoleModel(
  words: Words,
  regions: ConsoleRegions,
): VirtioModel & {
  readonly input: ByteRing;
  readonly output: ByteRing;
} {
  const input = new ByteRing(words, regions.input);
  const output = new ByteRing(words, regions.output);
  return {
    type: 3,
    name: 'console',
    classCode: 0x078000,
    queues: 2,
    features: 0,
    config: new Uint8Array(),
    input,
    output,
    serve(access, notified) {
      if ((notified & (1 << TRANSMIT)) !== 0) {
        for (let chain = access.take(TRANSMIT); chain; chain = access.take(TRANSMIT)) {
          for (const byte of readBuffers(access.memory, chain.buffers, MOST_BYTES)) output.put(byte);
          access.complete(TRANSMIT, chain, 0);
        }
      }
      while (input.length > 0) {
        const chain = access.take(RECEIVE);
        if (!chain) return;
        const bytes: number[] = [];
        for (let room = roomIn(chain.buffers); room > 0 && input.length > 0; room--) bytes.push(input.take());
        access.complete(RECEIVE, chain, writeBuffers(access.memory, chain.buffers, Uint8Array.from(bytes)));
      }
    },
  };
}
