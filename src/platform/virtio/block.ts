import type { Layout, Region } from '../../memory/layout.ts';
import type { Words } from '../../memory/word.ts';
import type { QueueAccess, VirtioModel } from './model.ts';
import { type Chain, QueueBroken, readBuffers, roomIn, writeBuffers } from './queue.ts';

const SECTOR = 512;
const HEADER_BYTES = 16;
const MOST_BYTES = 2 ** 22;
/** VIRTIO_BLK_F_SEG_MAX, _RO, _FLUSH. */
const SEG_MAX = 1 << 2;
const READ_ONLY = 1 << 5;
const FLUSH = 1 << 9;
const SEGMENTS = 64;

const IN = 0;
const OUT = 1;
const FLUSH_REQUEST = 4;
const GET_ID = 8;
const OK = 0;
const IO_ERROR = 1;
const UNSUPPORTED = 2;
const ID = 'irqloom';

export function blockRegion(layout: Layout, slot: number, bytes: number): Region {
  return layout.region(`virtio${slot}.disk`, Math.ceil(bytes / SECTOR) * (SECTOR / 4));
}

/** A disk with sectors in shared memory: a guest's writes last until the end of its run, and snapshots include them. */
export function blockModel(
  words: Words,
  region: Region,
  options: { readonly readOnly: boolean },
): VirtioModel {
  const sectors = new Uint8Array(words.buffer, words.byteOffset + region.at * 4, region.words * 4);
  const config = new DataView(new ArrayBuffer(24));
  config.setBigUint64(0, BigInt(sectors.length / SECTOR), true);
  config.setUint32(12, SEGMENTS, true);

  const transfer = (access: QueueAccess, chain: Chain, type: number, sector: number, data: Uint8Array) => {
    const room = roomIn(chain.buffers) - 1;
    const at = sector * SECTOR;
    if (type === IN) {
      if (room > MOST_BYTES) throw new QueueBroken(`a read of ${room} bytes; ${MOST_BYTES} are the most`);
      if (room % SECTOR !== 0 || at + room > sectors.length) return { status: IO_ERROR, written: 0 };
      return {
        status: OK,
        written: writeBuffers(access.memory, chain.buffers, sectors.slice(at, at + room)),
      };
    }
    if (type === OUT) {
      if (options.readOnly || data.length % SECTOR !== 0 || at + data.length > sectors.length)
        return { status: IO_ERROR, written: 0 };
      sectors.set(data, at);
      return { status: OK, written: 0 };
    }
    if (type === GET_ID) {
      const id = new TextEncoder().encode(ID.padEnd(Math.min(20, room), '\0'));
      return { status: OK, written: writeBuffers(access.memory, chain.buffers, id) };
    }
    return { status: type === FLUSH_REQUEST ? OK : UNSUPPORTED, written: 0 };
  };

  const serveOne = (access: QueueAccess, chain: Chain) => {
    const request = readBuffers(access.memory, chain.buffers, HEADER_BYTES + MOST_BYTES);
    const last = chain.buffers.at(-1);
    if (request.length < HEADER_BYTES || !last?.writable || last.bytes === 0)
      throw new QueueBroken('a block request without its header, or without a byte for its status');
    const header = new DataView(request.buffer);
    const [type, sector] = [header.getUint32(0, true), Number(header.getBigUint64(8, true))];
    const { status, written } = transfer(access, chain, type, sector, request.subarray(HEADER_BYTES));
    access.memory.setByte(last.address + last.bytes - 1, status);
    access.complete(0, chain, written + 1);
  };

  return {
    type: 2,
    name: 'block',
    classCode: 0x010000,
    queues: 1,
    features: SEG_MAX | FLUSH | (options.readOnly ? READ_ONLY : 0),
    config: new Uint8Array(config.buffer),
    sectors,
    serve(access) {
      for (let chain = access.take(0); chain; chain = access.take(0)) serveOne(access, chain);
    },
  };
}
