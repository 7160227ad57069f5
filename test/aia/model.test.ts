/** Random sequences on the APLIC and the interrupt files, against a model that shares no code with them. */
import { describe, expect, test } from 'vitest';
import { type Aia, MSI_DONE, MSI_NO_IDENTITY, MSI_NO_REGISTER } from '../../src/aia/aia.ts';
import { Chance } from '../../src/base/chance.ts';
import { loadMutated } from '../mutate.ts';
import { PlainAia } from './plain-model.ts';
import { type AiaModule, bareAia, FIRST_PAGE } from './rig.ts';

const SEEDS = 40;
const STEPS = 100;
const VCPUS = 2;
const SOURCES = 40;
/** Few, so that sources meet; the last ones are not there. */
const DRIVEN = [1, 2, 31, 32, 40, 0, 41];
const IDENTITIES = [1, 2, 31, 32, 64, 95, 200, 255, 0, 256];

function pick<T>(chance: Chance, values: readonly T[]): T {
  const value = values[chance.below(values.length)];
  if (value === undefined) throw new RangeError('there is nothing to pick');
  return value;
}

const ALL = 2n ** 64n - 1n;

/** Runs one sequence; both have to say the same at each step. Returns how many identities were claimed. */
function runSequence(seed: number, module?: AiaModule): number {
  const chance = new Chance(seed);
  chance.begin(0);
  const aia = bareAia(SOURCES, VCPUS, 255, module);
  const { aplic } = aia;
  const plain = new PlainAia(SOURCES, VCPUS, 255);
  for (const [vcpu, file] of plain.files.entries()) {
    for (const identity of IDENTITIES)
      if (identity > 0 && identity < 256 && identity % 64 < 32) file.enabled.add(identity);
    for (let word = 0; word < 8; word += 2) aia.file(vcpu).access(0xc0 + word, ALL, ALL);
  }
  let claimed = 0;
  for (let step = 0; step < STEPS; step++) {
    const act = chance.below(14);
    const number = pick(chance, DRIVEN);
    const identity = pick(chance, IDENTITIES);
    const vcpu = chance.below(VCPUS);
    const yes = chance.below(2) === 1;
    const label = `seed ${seed}, step ${step}, act ${act}, source ${number}, identity ${identity}, vCPU ${vcpu}, ${yes}`;
    const source = plain.at(number);
    const file = plain.files[vcpu];
    const own = aia.file(vcpu);
    if (!file) throw new Error('a vCPU has a file');
    if (act < 3) expect(aplic.drive(number, yes), label).toBe(plain.drive(number, yes));
    else if (act < 5) {
      const mode = pick(chance, [0, 1, 3, 4, 5, 6, 6, 7]);
      const delegated = chance.below(8) === 0;
      aplic.write(number === 0 ? 0x0ffc : 4 * number, mode + (delegated ? 0x400 : 0));
      if (source) source.code = delegated ? 0 : mode;
      plain.settle();
    } else if (act === 5) {
      const guest = chance.below(6) === 0 ? 3 : 0;
      aplic.write(0x3000 + 4 * (number || 41), vcpu * 2 ** 18 + guest * 2 ** 12 + identity);
      if (source) source.target = { hart: vcpu, guest, identity };
    } else if (act === 6) {
      // One of the ways to say it: by number, in either byte order, or by a bit.
      const way = chance.below(3);
      if (way === 0) aplic.write(yes ? 0x1cdc : 0x1ddc, number);
      else if (way === 1 && yes) aplic.write(0x2004, number * 2 ** 24);
      else aplic.write((yes ? 0x1c00 : 0x1d00) + 4 * Math.floor(number / 32), 2 ** (number % 32));
      plain.setPending(number, yes);
    } else if (act === 7) {
      aplic.write(yes ? 0x1edc : 0x1fdc, number);
      if (source) source.enabled = yes;
      plain.settle();
    } else if (act === 8) {
      plain.enabled = chance.below(4) > 0;
      aplic.write(0, plain.enabled ? 0x100 : 0);
      plain.settle();
      aplic.write(0x3000, vcpu * 2 ** 18 + identity);
      plain.message(vcpu, identity);
    } else if (act === 9) {
      const outcome = identity === 0 ? MSI_NO_REGISTER : identity > 255 ? MSI_NO_IDENTITY : MSI_DONE;
      const target = aia.config.targetOf(FIRST_PAGE + 0x1000 * vcpu);
      expect(aia.message(target, identity), label).toBe(outcome);
      plain.message(vcpu, identity);
    } else if (act === 10) {
      const bit = 1n << BigInt(identity % 64);
      const array = yes ? 0xc0 : 0x80;
      const value = chance.below(2) === 1;
      own.access(array + 2 * Math.floor((identity % 256) / 64), value ? bit : 0n, bit);
      const set = yes ? file.enabled : file.pending;
      // KVM's writes reach the low half of each 64 identities.
      if (identity % 64 >= 32) continue;
      if (value && identity % 256 > 0) set.add(identity);
      else set.delete(identity);
    } else if (act === 11) {
      file.threshold = pick(chance, [0, 0, 32, 64, 1, 256, 2047]);
      own.access(0x72, BigInt(file.threshold), 0x7ffn);
      file.delivery = chance.below(3) > 0;
      own.access(0x70, file.delivery ? 1n : 0n, 1n);
    } else {
      const got = own.claim();
      if (got > 0) claimed++;
      expect(got, label).toBe(plain.claim(vcpu));
    }
    compare(aia, plain, label);
  }
  return claimed;
}

const has = (value: number, bit: number) => Math.floor(value / 2 ** bit) % 2 === 1;

function compare(aia: Aia, plain: PlainAia, label: string): void {
  const bitsOf = (offset: number) => {
    const words = [0, 4].map((byte) => aia.aplic.read(offset + byte) ?? 0);
    return [...plain.sources.keys()].filter((n) => has(words[Math.floor(n / 32)] ?? 0, n % 32));
  };
  const sourcesThat = (is: (source: PlainAia['sources'][number]) => boolean) =>
    [...plain.sources.entries()].filter(([, source]) => is(source)).map(([n]) => n);
  const files = [...plain.files.entries()];
  const seen = {
    pending: bitsOf(0x1c00),
    inputs: bitsOf(0x1d00),
    enabled: bitsOf(0x1e00),
    files: files.map(([vcpu]) => {
      const file = aia.file(vcpu);
      const pending = IDENTITIES.filter((identity) => identity < 256 && file.isPending(identity));
      return { pending, top: file.top, signalled: file.signalled };
    }),
  };
  const expected = {
    pending: sourcesThat(({ pending }) => pending),
    inputs: sourcesThat(({ active }) => active),
    enabled: sourcesThat(({ enabled }) => enabled),
    files: files.map(([, model]) => {
      const top = model.top(plain.highest);
      const pending = IDENTITIES.filter((identity) => model.pending.has(identity));
      return { pending, top, signalled: model.delivery && top > 0 };
    }),
  };
  if (JSON.stringify(seen) !== JSON.stringify(expected)) expect(seen, label).toEqual(expected);
}

describe('an APLIC with interrupt files', () => {
  test(`answers as the plain model does in ${SEEDS} random sequences of ${STEPS} steps`, () => {
    let claimed = 0;
    for (let seed = 1; seed <= SEEDS; seed++) claimed += runSequence(seed);
    expect(claimed).toBeGreaterThan(150);
  });

  test.each([
    { title: 'an edge for a line that is up already', mistake: 'edge-needs-a-change: level is enough' },
    { title: 'a line that sends nothing', mistake: 'source-is-sent-when-driven: not looked at' },
    {
      title: 'a source that is sent though it is disabled',
      mistake: 'enabled-source-is-sent: sent though disabled',
    },
    {
      title: 'a level that software makes pending while its line is down',
      mistake: 'level-pends-by-its-line: whatever the line',
    },
    { title: 'an identity at the threshold that passes', mistake: 'threshold-holds-back: its own passes' },
    {
      title: 'a file that signals though its delivery is off',
      mistake: 'delivery-can-be-off: signals all the same',
    },
  ] as const)('not so with $title', ({ mistake }) => {
    const module = loadMutated<{ aia: AiaModule }>({ aia: 'aia/aia.ts' }, mistake).aia;
    expect(() => {
      for (let seed = 1; seed <= SEEDS; seed++) runSequence(seed, module);
    }).toThrow(/seed \d+, step \d+/);
  });
});
