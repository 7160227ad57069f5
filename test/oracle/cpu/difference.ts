import { programOf, RECORD_BYTES, RECORDS } from './cases.ts';

/** One place of a record where two machines disagree. */
export type Difference = { readonly what: string; readonly own: bigint; readonly qemu: bigint };

export type CaseDifference = {
  readonly index: number;
  readonly words: readonly number[];
  readonly differences: readonly Difference[];
};

const NAMES: Readonly<Record<number, string>> = {
  248: 'sp',
  256: 'start',
  264: 'fpsr',
  272: 'fpcr',
  280: 'elr',
  288: 'spsr',
  296: 'esr',
  304: 'far',
};

function nameOf(offset: number): string {
  if (offset < 248) return `x${offset / 8}`;
  if (offset < 512) return NAMES[offset] ?? `record+${offset}`;
  if (offset < 1024) return `v${Math.floor((offset - 512) / 16)}.${offset % 16 === 0 ? 'low' : 'high'}`;
  return `data+${offset - 1024}`;
}

/**
 * QEMU looks whether an instruction's page is mapped before it looks at the address's alignment; the architecture gives
 * the PC alignment fault the higher priority.
 */
function isAlignmentFirst(what: string, own: bigint, qemu: bigint): boolean {
  return what === 'esr' && own >> 26n === 0x22n && qemu >> 27n === 0x10n;
}

/**
 * QEMU 7.2 exchanges op1 and op2 in the syndrome of a trapped MSR DAIFSet or DAIFClr (daif_check).
 * @see Arm DDI 0487, "ISS encoding for an exception from MSR, MRS, or System instruction execution in AArch64 state"
 */
function isQemusFault(what: string, own: bigint, qemu: bigint): boolean {
  if (what !== 'esr' || own >> 26n !== 0x18n || qemu >> 26n !== 0x18n) return false;
  const exchanged = (own & ~0xf_c000n) | (((own >> 14n) & 7n) << 17n) | (((own >> 17n) & 7n) << 14n);
  return ((own >> 10n) & 15n) === 4n && ((own >> 20n) & 3n) === 0n && exchanged === qemu;
}

/** The cases of a batch whose records differ. */
export function differencesOf(own: Uint8Array, qemu: Uint8Array, cases: number): CaseDifference[] {
  const [a, b] = [viewOf(own), viewOf(qemu)];
  const found: CaseDifference[] = [];
  for (let index = 0; index < cases; index++) {
    const at = RECORDS + index * RECORD_BYTES;
    const differences: Difference[] = [];
    for (let offset = 0; offset < RECORD_BYTES; offset += 8) {
      const [x, y] = [a.getBigUint64(at + offset, true), b.getBigUint64(at + offset, true)];
      if (x === y) continue;
      const what = nameOf(offset);
      if (!isQemusFault(what, x, y) && !isAlignmentFirst(what, x, y))
        differences.push({ what, own: x, qemu: y });
    }
    if (differences.length > 0) found.push({ index, words: programOf(b, index), differences });
  }
  return found;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const hex = (value: bigint | number) => `0x${value.toString(16)}`;

export function describe({ index, words, differences }: CaseDifference): string {
  const lines = differences
    .slice(0, 6)
    .map(({ what, own, qemu }) => `    ${what}: ${hex(own)}, QEMU ${hex(qemu)}`);
  return [`  case ${index}: ${words.map(hex).join(' ')}`, ...lines].join('\n');
}
