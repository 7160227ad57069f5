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

const ELR_AT = 280;
const ESR_AT = 296;
const FAR_AT = 304;
/** DFSC of a synchronous external abort. */
const EXTERNAL = 0x10n;
const PC_ALIGNMENT = 0x8a00_0000n;

/**
 * The syndrome of a record, with what QEMU 7.2 does otherwise than the architecture made equal:
 * it looks whether an instruction's page is mapped before it looks at the address's alignment, whose fault has the higher
 * priority; and it exchanges op1 and op2 in the syndrome of a trapped MSR DAIFSet or DAIFClr (daif_check).
 * @see Arm DDI 0487, "Synchronous exception prioritization", "ISS encoding for an exception from MSR, MRS, or System
 * instruction execution in AArch64 state"
 */
function syndromeOf(image: DataView, record: number): bigint {
  const esr = image.getBigUint64(record + ESR_AT, true);
  const ec = esr >> 26n;
  if ((ec >> 1n === 0x10n || ec === 0x22n) && (image.getBigUint64(record + ELR_AT, true) & 3n) !== 0n) {
    return PC_ALIGNMENT;
  }
  const isDaif = ec === 0x18n && ((esr >> 10n) & 15n) === 4n && ((esr >> 20n) & 3n) === 0n;
  return isDaif ? esr & ~0xf_c000n : esr;
}

/**
 * FAR of a record. QEMU makes two aligned accesses of a misaligned one outside RAM, and reports the first that fails; it
 * reports a DC ZVA there by its block.
 */
function faultAddressOf(image: DataView, record: number): bigint {
  const far = image.getBigUint64(record + FAR_AT, true);
  const esr = syndromeOf(image, record);
  return esr >> 27n === 0x12n && (esr & 63n) === EXTERNAL ? far & ~63n : far;
}

/** The double word at `offset` of a record, as it is compared. */
function wordAt(image: DataView, record: number, offset: number): bigint {
  if (offset === ESR_AT) return syndromeOf(image, record);
  return offset === FAR_AT ? faultAddressOf(image, record) : image.getBigUint64(record + offset, true);
}

/** A hash of each record of a batch: what the recorded answers are. */
export function hashesOf(image: Uint8Array, cases: number): Uint32Array {
  const view = viewOf(image);
  return Uint32Array.from({ length: cases }, (_, index) => {
    const record = RECORDS + index * RECORD_BYTES;
    let hash = 0x811c_9dc5;
    const take = (word: number) => {
      hash = Math.imul(hash ^ word, 0x0100_0193);
      hash ^= hash >>> 15;
    };
    for (let offset = 0; offset < RECORD_BYTES; offset += 4) {
      if (offset >= ESR_AT && offset < FAR_AT + 8) continue;
      take(view.getUint32(record + offset, true));
    }
    take(Number(syndromeOf(view, record)));
    const far = faultAddressOf(view, record);
    take(Number(far & 0xffff_ffffn));
    take(Number(far >> 32n));
    return hash >>> 0;
  });
}

/** The cases of a batch whose records differ. */
export function differencesOf(own: Uint8Array, qemu: Uint8Array, cases: number): CaseDifference[] {
  const [a, b] = [viewOf(own), viewOf(qemu)];
  const found: CaseDifference[] = [];
  for (let index = 0; index < cases; index++) {
    const at = RECORDS + index * RECORD_BYTES;
    const differences: Difference[] = [];
    for (let offset = 0; offset < RECORD_BYTES; offset += 8) {
      const [own, qemu] = [wordAt(a, at, offset), wordAt(b, at, offset)];
      if (own !== qemu) differences.push({ what: nameOf(offset), own, qemu });
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
