import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkConfig,
  DEFAULT_CONFIG,
  DISPATCHES,
  decodeConfig,
  encodeConfig,
  FAULTS,
  type MachineConfig,
  PERSONALITIES,
} from '../../src/board/config.ts';
import { Machine } from '../../src/board/machine.ts';
import { DESIGN_NAMES } from '../../src/vmm/design.ts';

const configs: fc.Arbitrary<MachineConfig> = fc.record({
  vcpus: fc.integer({ min: 1, max: 512 }),
  spis: fc.integer({ min: 1, max: 30 }).map((n) => 32 * n),
  idBits: fc.integer({ min: 14, max: 16 }),
  devices: fc.integer({ min: 1, max: 65_535 }),
  events: fc.integer({ min: 1, max: 65_535 }),
  eventfds: fc.integer({ min: 1, max: 65_534 }),
  otherThreads: fc.integer({ min: 1, max: 4096 }),
  dispatch: fc.constantFrom(...DISPATCHES),
  abi: fc.constantFrom(...DESIGN_NAMES),
  personality: fc.constantFrom(...PERSONALITIES),
  fault: fc.constantFrom(...FAULTS),
  haltPollNs: fc.integer({ min: 0, max: 1e9 }),
  gicdBase: fc.integer({ min: 0, max: 2 ** 31 }).map((n) => n * 0x1_0000),
  gicrBase: fc.integer({ min: 0, max: 2 ** 31 }).map((n) => n * 0x1_0000),
  itsBase: fc.integer({ min: 0, max: 2 ** 31 }).map((n) => n * 0x1_0000),
  memory: fc
    .array(fc.integer({ min: 0, max: 2 ** 20 }), { maxLength: 4 })
    .map((bases) => [...new Set(bases)].map((base) => ({ base: base * 2 ** 24, bytes: 4096 }))),
  scenarioWords: fc.integer({ min: 0, max: 2 ** 20 }),
});

describe('the configuration of a machine', () => {
  test('is refused where the header claims more memory slots than the header has words for', () => {
    const words = encodeConfig(DEFAULT_CONFIG);
    // The number of slots stands before the four words of the only slot.
    const at = words.length - 5;
    expect(words[at]).toBe(1);
    for (const slots of [2, 2 ** 31 - 1, -1]) {
      const claimed = words.with(at, slots);
      expect(() => decodeConfig(claimed), String(slots)).toThrow(/claims -?\d+ memory slots/);
    }
  });

  test('comes back from the header as it was', () => {
    fc.assert(
      fc.property(configs, (config) => {
        expect(decodeConfig(encodeConfig(config))).toEqual(config);
      }),
    );
  });

  test('comes back with its list registers, of a KVM', () => {
    for (const listRegisters of [1, 4, 16]) {
      const config: MachineConfig = { ...DEFAULT_CONFIG, listRegisters };
      expect(decodeConfig(encodeConfig(config))).toEqual(config);
    }
    for (const [settings, why] of [
      [{ listRegisters: 17 }, /listRegisters/],
      [{ listRegisters: 1, personality: 'qemu-virt' }, /qemu-virt has none/],
      [{ listRegisters: 1, stamps: 2 }, /stamps the stages/],
      [{ listRegisters: 1, fault: 'double' }, /the fault double/],
    ] as const) {
      expect(() => checkConfig({ ...DEFAULT_CONFIG, ...settings })).toThrow(why);
    }
  });

  test.each([
    ['vcpus', 0],
    ['vcpus', 513],
    ['vcpus', 1.5],
    ['spis', 33],
    ['spis', 1020],
    ['idBits', 13],
    ['events', 0],
    ['eventfds', 65_535],
    ['gicdBase', 0x1000],
    ['itsBase', -1],
    ['haltPollNs', Number.NaN],
  ] as const)('%s = %s is refused, by name', (name, value) => {
    const config = { ...DEFAULT_CONFIG, [name]: value };
    expect(() => checkConfig(config)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG', message: expect.stringContaining(name) }),
    );
    expect(() => checkConfig(DEFAULT_CONFIG)).not.toThrow();
  });

  test.each([
    [
      'an ITS and the redistributors',
      { itses: 2 },
      /the ITSes \(itsBase\), of which there are 2, at 0x8080000/,
    ],
    ['the redistributors and the memory', { vcpus: 512, gicrBase: 0x3fff_0000 }, /memory slot 0x40000000/],
    ['the distributor and an ITS', { gicdBase: DEFAULT_CONFIG.itsBase + 0x1_0000 }, /gicdBase/],
  ])('frames that overlap are refused, and both are named: %s', (_, changes, message) => {
    const memory = [{ base: 0x4000_0000, bytes: 4096 }];
    const create = () => Machine.create({ ...DEFAULT_CONFIG, memory, ...changes });
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }));
    expect(create).toThrow(message);
    expect(() => Machine.create({ ...DEFAULT_CONFIG, memory })).not.toThrow();
  });

  test.each([
    [
      'overlap',
      [
        { base: 0, bytes: 8192 },
        { base: 4096, bytes: 4096 },
      ],
    ],
    ['are not whole pages', [{ base: 0, bytes: 100 }]],
    ['are empty', [{ base: 0, bytes: 0 }]],
    ['end past 2^48', [{ base: 2 ** 48 - 4096, bytes: 8192 }]],
  ])('memory slots that %s are refused', (_, memory) => {
    expect(() => checkConfig({ ...DEFAULT_CONFIG, memory })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG' }),
    );
  });
});

describe('attaching', () => {
  test('finds the machine that was made, word for word', () => {
    const made = Machine.create({ ...DEFAULT_CONFIG, vcpus: 2 });
    const attached = Machine.attach(made.buffer, 1);
    expect(attached.config).toEqual(made.config);
    expect([...attached.layout.regions()]).toEqual([...made.layout.regions()]);
    made.memory.setByte(0x4000_0000, 7);
    expect(attached.memory.byte(0x4000_0000)).toBe(7);
  });

  test.each([
    ['a foreign buffer', (words: Int32Array) => words.fill(0)],
    [
      'another version',
      (words: Int32Array) => {
        words[1] = 99;
      },
    ],
    [
      'a length that is not its own',
      (words: Int32Array) => {
        words[2] = 12;
      },
    ],
    [
      'a configuration that no machine has',
      (words: Int32Array) => {
        words[4] = 0;
      },
    ],
    [
      'an unknown dispatch',
      (words: Int32Array) => {
        words[11] = 7;
      },
    ],
  ])('refuses %s', (_, damage) => {
    const { buffer } = Machine.create(DEFAULT_CONFIG);
    damage(new Int32Array(buffer));
    expect(() => Machine.attach(buffer, 1)).toThrow(expect.objectContaining({ code: 'ERR_LAYOUT' }));
  });

  test('regions do not overlap, and start on cache lines', () => {
    let end = 0;
    for (const [name, { at, words }] of Machine.create({ ...DEFAULT_CONFIG, vcpus: 3 }).layout.regions()) {
      expect(at % 16, name).toBe(0);
      expect(at, name).toBeGreaterThanOrEqual(end);
      end = at + words;
    }
  });
});
