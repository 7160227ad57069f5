import type { VirtioModel } from './model.ts';
import { readBuffers, writeBuffers } from './queue.ts';

const RECEIVE = 0;
const TRANSMIT = 1;
const MAC = 1 << 5;
const STATUS = 1 << 16;
const LINK_UP = 1;
/** virtio_net_hdr with num_buffers, which a modern device always has. */
const HEADER_BYTES = 12;
const NUM_BUFFERS = 10;
const MOST_BYTES = 0x1_0000 + HEADER_BYTES;

/**
 * A network card with a loopback wire: the card receives each packet that it sends, if the driver has offered a buffer, and drops it
 * otherwise.
 * @param index - the last byte of its hardware address
 */
export function netModel(index: number): VirtioModel {
  return {
    type: 1,
    name: 'net',
    classCode: 0x020000,
    queues: 2,
    features: MAC | STATUS,
    config: Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56 + index, LINK_UP, 0),
    serve(access, notified) {
      if ((notified & (1 << TRANSMIT)) === 0) return;
      for (let sent = access.take(TRANSMIT); sent; sent = access.take(TRANSMIT)) {
        const packet = readBuffers(access.memory, sent.buffers, MOST_BYTES);
        const received = packet.length < HEADER_BYTES ? undefined : access.take(RECEIVE);
        if (received) {
          packet.fill(0, 0, HEADER_BYTES);
          packet[NUM_BUFFERS] = 1;
          access.complete(RECEIVE, received, writeBuffers(access.memory, received.buffers, packet));
        }
        access.complete(TRANSMIT, sent, 0);
      }
    },
  };
}
