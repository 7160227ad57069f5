import { Chance } from '../../../src/base/chance.ts';

/** Opcodes of one instruction of a vCPU: a read of stopei, its claim, and a read of sip, into a0. */
const TOP = '15c02573';
const CLAIM = '15c61573';
const PENDING = '14402573';

const PAGE = 0x2800_0000;
const VCPUS = 2;
const SOURCES = 40;
/** The last ones are not there. */
const DRIVEN = [1, 2, 3, 31, 32, 33, 40, 41, 0];
const IDENTITIES = [1, 5, 31, 32, 37, 63, 64, 100, 255, 256, 0];

/** The commands that make a VM with an initialised AIA. */
function made(): string[] {
  const files = Array.from({ length: VCPUS }, (_, vcpu) => set(1, 1 + vcpu, PAGE + vcpu * 0x1000));
  return [
    `N ${VCPUS}`,
    'C b',
    set(0, 1, 255),
    set(0, 2, SOURCES),
    set(0, 5, 1),
    set(1, 0, 0x0d00_0000),
    ...files,
    set(2, 0, 0),
  ];
}

const hex = (value: number | bigint) => value.toString(16);
const set = (group: number, attr: number, value: number | bigint) =>
  `A s ${hex(group)} ${hex(attr)} ${hex(value)}`;
const get = (group: number, attr: number) => `A g ${hex(group)} ${hex(attr)} 0`;

/** Commands of one random sequence: lines, registers, MSIs, claims, and looks at all of it. */
export function randomCommands(seed: number, steps: number): string[] {
  const chance = new Chance(seed);
  chance.begin(0);
  const pick = <T>(...values: readonly [T, ...T[]]): T => values[chance.below(values.length)] ?? values[0];
  const word = () => chance.below(2 ** 16) * 2 ** 16 + chance.below(2 ** 16);
  const wide = () => (BigInt(word()) << 32n) + BigInt(word());
  const step = (): string => {
    const source = DRIVEN[chance.below(DRIVEN.length)] ?? 1;
    const identity = IDENTITIES[chance.below(IDENTITIES.length)] ?? 1;
    const vcpu = chance.below(VCPUS);
    switch (chance.below(13)) {
      case 0:
      case 1:
      case 2:
        return `L ${hex(source)} ${chance.below(2)}`;
      case 3:
        return set(3, source === 0 ? 4 : 4 * source, pick(0, 1, 2, 4, 5, 6, 6, 7, 0x400, 0xffff_ffff));
      case 4:
        return set(3, 0x3000 + 4 * (source || 1), vcpu * 2 ** 18 + pick(0, 0, 0, 0x1000) + identity);
      case 5:
        return set(3, pick(0x1c00, 0x1c04, 0x1d00, 0x1d04, 0x1e00, 0x1e04, 0x1f00), word());
      case 6:
        return set(3, pick(0x1cdc, 0x2000, 0x1ddc, 0x1edc, 0x1edc, 0x1fdc), source);
      case 7:
        return pick(set(3, 0x2004, source * 2 ** 24), set(3, 0x3000, vcpu * 2 ** 18 + identity));
      case 8:
        return set(3, 0, pick(0x100, 0x100, 0x100, 0, 0xffff_ffff));
      case 9:
        return `I ${hex(PAGE + vcpu * 0x1000 + pick(0, 0, 0, 4, 0x2000))} ${hex(identity)} 0`;
      case 10:
        return set(
          4,
          vcpu * 0x1000 + pick(0x70, 0x72, 0x80, 0x82, 0xc0, 0xc2, 0xc6),
          pick(wide(), 0n, 1n, 2n ** 64n - 1n),
        );
      case 11:
        return `G ${vcpu} ${CLAIM} 0 0`;
      default:
        return `G ${vcpu} ${pick(TOP, PENDING)} 0 0`;
    }
  };
  const looks = [get(3, 0x1c00), get(3, 0x1d00), get(3, 0x1e00), get(4, 0x80), get(4, 0x1080)];
  const body = Array.from({ length: steps }, (_, n) => (n % 8 === 7 ? [step(), ...looks] : [step()])).flat();
  return [
    ...made(),
    set(3, 0, 0x100),
    set(4, 0x70, 1),
    set(4, 0x1070, 1),
    set(4, 0xc0, 2n ** 32n - 1n),
    ...body,
  ];
}
