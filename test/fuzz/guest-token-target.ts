import { createHash } from 'node:crypto';
import { readSymbols } from '../../src/guest-explore/index.ts';
import { decodeGuestToken, encodeGuestToken } from '../../src/guest-explore/token.ts';
import type { Target } from './target.ts';

const DIGITS = 6;

/** Tokens of guests: with the check that a mutant needs. */
export const GUEST_TOKEN: Target = {
  name: 'guest-token',
  seeds: () => {
    const token = { files: '01234567', vcpus: 2, memoryMiB: 16, memoryModel: 'arm', append: 'a=b' } as const;
    const turns = [{ does: 'run', vcpu: 1, instructions: 20 } as const, { does: 'its' } as const];
    const text = encodeGuestToken({ ...token, from: 'ready', limit: 1000, turns });
    return [Buffer.from(text.split(':').slice(0, 4).join(':'))];
  },
  words: ['g1:', '-i', '-r', '-t', 's0.1', 'd0', '0.zz', '.'],
  read: (bytes) => {
    const text = Buffer.from(bytes).toString('latin1').trim();
    const check = createHash('sha256').update(text).digest('hex').slice(0, DIGITS);
    decodeGuestToken(`${text}:${check}`);
  },
};

/** ELF files and System.maps: names for every address. */
export const SYMBOLS: Target = {
  name: 'symbols',
  seeds: () => [Buffer.from('ffff800008000000 T start\nffff800008001000 t do_irq\n')],
  words: ['\x7fELF\x02\x01', ' T ', 'ffff'],
  read: (bytes) => {
    readSymbols(bytes)?.nameOf(0xffff_8000_0800_0010n);
  },
};
