import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replayGuestToken } from '../../src/guest-explore/index.ts';
import { readSymbols } from '../../src/guest-explore/symbols.ts';
import { decodeGuestToken, encodeGuestToken, type GuestToken } from '../../src/guest-explore/token.ts';
import { decodeTurns, encodeTurns, merged, type Turn } from '../../src/guest-explore/turn.ts';
import { program } from '../boot/guests.ts';

const number = (most: number) => fc.integer({ min: 0, max: most });
const turn: fc.Arbitrary<Turn> = fc.oneof(
  fc.record({ does: fc.constant('run' as const), vcpu: number(63), instructions: number(1e9) }),
  fc.record({ does: fc.constant('store' as const), vcpu: number(63), store: number(31) }),
  fc.record({ does: fc.constant('device' as const), device: number(30) }),
  fc.constantFrom<Turn>({ does: 'its' }, { does: 'ring' }, { does: 'time' }),
);

const TOKEN: GuestToken = {
  files: '01234567',
  vcpus: 2,
  memoryMiB: 16,
  memoryModel: 'arm',
  append: 'a b=ü "c"',
  from: 'guest: ready',
  limit: 1000,
  turns: [{ does: 'run', vcpu: 1, instructions: 20 }, { does: 'its' }],
};

describe('the token of a schedule of a guest', () => {
  test('is read as it was written, whatever the turns', () => {
    fc.assert(
      fc.property(fc.array(turn), (turns) => {
        expect(decodeTurns(encodeTurns(turns))).toEqual(turns);
        expect(decodeGuestToken(encodeGuestToken({ ...TOKEN, turns }))).toEqual({ ...TOKEN, turns });
      }),
    );
  });

  test('is refused with any one character changed', () => {
    const text = encodeGuestToken(TOKEN);
    for (let at = 0; at < text.length; at++) {
      const changed = `${text.slice(0, at)}${text[at] === '1' ? '2' : '1'}${text.slice(at + 1)}`;
      expect(() => decodeGuestToken(changed), changed).toThrow(/ERR_TOKEN|token/);
    }
  });

  test('is refused with numbers out of range', () => {
    for (const wrong of [
      { vcpus: 0 },
      { vcpus: 65 },
      { memoryMiB: 1 },
      { memoryMiB: 4096 },
      { limit: 0 },
      { from: -1 },
    ])
      expect(() => decodeGuestToken(encodeGuestToken({ ...TOKEN, ...wrong })), JSON.stringify(wrong)).toThrow(
        /cannot be understood/,
      );
  });

  test('of other files is refused before anything runs', () => {
    const files = { name: 'other', kernel: program(0x1400_0000), devices: [] };
    expect(() => replayGuestToken(encodeGuestToken(TOKEN), files)).toThrow(
      /the token is of files with hash 01234567/,
    );
  });
});

test('turns of one vCPU that follow each other are one turn, others are kept as they are', () => {
  const run = (vcpu: number, instructions: number): Turn => ({ does: 'run', vcpu, instructions });
  expect(merged([run(0, 3), run(0, 4), { does: 'its' }, run(0, 1), run(1, 0), run(0, 2)])).toEqual([
    run(0, 7),
    { does: 'its' },
    run(0, 3),
  ]);
});

describe('symbols', () => {
  test('of a System.map name the function that an address lies in', () => {
    const map = 'ffff800008000000 T _text\nffff800008001000 t do_irq\nffff800008002000 D data\n';
    const { nameOf } = readSymbols(Buffer.from(map)) ?? expect.fail('it has none');
    expect(nameOf(0xffff_8000_0800_1000n)).toBe('do_irq');
    expect(nameOf(0xffff_8000_0800_1010n)).toBe('do_irq+0x10');
    expect(nameOf(0x1000n)).toBe('0x1000');
  });

  test('are none of a file that has no functions', () => {
    const map = 'ffffffffffffffff B The real System.map is in the linux-image-VERSION-dbg package\n';
    for (const file of [
      new Uint8Array(),
      new Uint8Array(4096),
      Buffer.from(map),
      elfWith([['table', 1n, 1]]),
    ])
      expect(readSymbols(file)).toBeUndefined();
  });

  test('of an ELF file are its functions; a file that is cut off anywhere has fewer, and no error', () => {
    const elf = elfWith([
      ['start', 0x1000n, 0],
      ['run', 0x2000n, 2],
      ['table', 0x3000n, 1],
    ]);
    const { nameOf } = readSymbols(elf) ?? expect.fail('it has none');
    expect([nameOf(0x1004n), nameOf(0x2000n), nameOf(0x3000n)]).toEqual(['start+0x4', 'run', 'run+0x1000']);
    for (let length = 0; length < elf.length; length++)
      expect(readSymbols(elf.subarray(0, length))?.nameOf(1n) ?? '0x1').toBe('0x1');
  });
});

/** An ELF file with nothing but symbols: name, address, type. */
function elfWith(symbols: readonly (readonly [name: string, address: bigint, type: number])[]): Buffer {
  const names = Buffer.from(`\0${symbols.map(([name]) => `${name}\0`).join('')}`);
  const [symbolsAt, namesAt] = [64, 64 + 24 * symbols.length];
  const sectionsAt = namesAt + names.length;
  const elf = Buffer.alloc(sectionsAt + 2 * 64);
  elf.write('\x7fELF\x02\x01', 0, 'latin1');
  elf.writeBigUInt64LE(BigInt(sectionsAt), 40);
  elf.writeUInt16LE(2, 60);
  for (const [index, [name, address, type]] of symbols.entries()) {
    const at = symbolsAt + 24 * index;
    elf.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, at);
    elf[at + 4] = type;
    elf.writeUInt16LE(1, at + 6);
    elf.writeBigUInt64LE(address, at + 8);
  }
  names.copy(elf, namesAt);
  const section = (index: number, type: number, from: number, bytes: number, link: number) => {
    const at = sectionsAt + 64 * index;
    elf.writeUInt32LE(type, at + 4);
    elf.writeBigUInt64LE(BigInt(from), at + 24);
    elf.writeBigUInt64LE(BigInt(bytes), at + 32);
    elf.writeUInt32LE(link, at + 40);
  };
  section(0, 2, symbolsAt, 24 * symbols.length, 1);
  section(1, 3, namesAt, names.length, 0);
  return elf;
}
