import { buildBoard } from '../../src/boot/build.ts';
import { Controlled, seededStrategy } from '../../src/boot/controlled.ts';
import { checksum, PacketReader } from '../../src/boot/gdb/packet.ts';
import { GdbStub } from '../../src/boot/gdb/stub.ts';
import { GdbTarget } from '../../src/boot/gdb/target.ts';
import type { Target } from './target.ts';

/** movz x1, #5; add x1, x1, #1; nop; b . */
const COUNTING = new Uint8Array(Uint32Array.of(0xd280_00a1, 0x9100_0421, 0xd503_201f, 0x1400_0000).buffer);

const SESSION = [
  ...['qSupported:swbreak+', '?', 'qXfer:features:read:target.xml:0,ffb', 'Hg1', 'g', 'p20', 'T1'],
  ...[
    'm40080000,10',
    'M40080000,4:1f2003d5',
    'Z0,40080008,4',
    'c',
    's',
    'vCont;s:1',
    'z0,40080008,4',
    'P1=0500000000000000',
  ],
];

let stub: GdbStub | undefined;

/** One board for all inputs: to make one takes a hundred times as long as an input. */
function stubOf(): GdbStub {
  stub ??= attached();
  return stub;
}

function attached(): GdbStub {
  const board = buildBoard({
    ...{ kernel: COUNTING, append: '', vcpus: 2, memoryMiB: 16, devices: [], clock: 'virtual', seed: 1 },
    semihosting: true,
  });
  const target = new GdbTarget(board, new Controlled(board), seededStrategy(1, 10), () => undefined);
  return new GdbStub(target);
}

/** A debugger's connection: bodies of packets, a line each; the line `!` is what else stands in the stream. */
export const GDB: Target = {
  name: 'gdb',
  seeds: () => [Buffer.from(SESSION.join('\n')), Buffer.from(SESSION.slice(7).join('\n'))],
  words: ['m40080000,', 'Z0,', 'vCont;', 'Hg', 'G', '=', 'ffffffffffffffff', '#', '$', '}', '*'],
  read: (bytes) => {
    const reader = new PacketReader();
    const body = Buffer.from(bytes).toString('latin1');
    const stream = body
      .split('\n')
      .map((line) => (line.startsWith('!') ? line.slice(1) : `$${line}#${checksum(line)}`))
      .join('');
    const packets = reader.take(Buffer.from(stream, 'latin1'), () => undefined);
    for (const input of packets.slice(0, MOST_PACKETS)) {
      if (input === 'interrupt') continue;
      const reply = stubOf().handle(input.packet);
      if (typeof reply !== 'string') new TextEncoder().encode(reply.answer);
    }
  },
};

const MOST_PACKETS = 64;
