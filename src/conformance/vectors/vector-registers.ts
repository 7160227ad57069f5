import type { VcpuId } from '../../arch/intid.ts';
import { didYouMean } from '../../base/suggestion.ts';
import { VECTOR_RAM_BYTES } from './vector-layout.ts';

/**
 * A register, by frame and byte offset. A redistributor's frame is its RD_base and, from 0x10000, its SGI_base;
 * the ITS's is its control frame and, from 0x10000, its translation frame. RAM counts from the start of guest memory.
 */
export type Place = RegisterPlace | { readonly frame: 'RAM'; readonly offset: number };
export type RegisterPlace =
  | { readonly frame: 'GICD' | 'ITS'; readonly offset: number }
  | { readonly frame: 'GICR'; readonly cpu: VcpuId; readonly offset: number };

/** Offset of a register, or of the first of an array, and the bytes from one element to the next. */
type Register = readonly [offset: number, stride?: number];
type Registers = Readonly<Record<string, Register>>;

const SGI_BASE = 0x1_0000;

// Arm IHI 0069, chapter 12. Named as there, without the frame's prefix.
const GICD: Registers = {
  CTLR: [0x0],
  TYPER: [0x4],
  IIDR: [0x8],
  TYPER2: [0xc],
  STATUSR: [0x10],
  SETSPI_NSR: [0x40],
  CLRSPI_NSR: [0x48],
  IGROUPR: [0x80, 4],
  ISENABLER: [0x100, 4],
  ICENABLER: [0x180, 4],
  ISPENDR: [0x200, 4],
  ICPENDR: [0x280, 4],
  ISACTIVER: [0x300, 4],
  ICACTIVER: [0x380, 4],
  IPRIORITYR: [0x400, 4],
  ITARGETSR: [0x800, 4],
  ICFGR: [0xc00, 4],
  IGRPMODR: [0xd00, 4],
  NSACR: [0xe00, 4],
  SGIR: [0xf00],
  CPENDSGIR: [0xf10, 4],
  SPENDSGIR: [0xf20, 4],
  IROUTER: [0x6000, 8],
  PIDR2: [0xffe8],
};
const GICR: Registers = {
  CTLR: [0x0],
  IIDR: [0x4],
  TYPER: [0x8],
  STATUSR: [0x10],
  WAKER: [0x14],
  SETLPIR: [0x40],
  CLRLPIR: [0x48],
  PROPBASER: [0x70],
  PENDBASER: [0x78],
  INVLPIR: [0xa0],
  INVALLR: [0xb0],
  SYNCR: [0xc0],
  PIDR2: [0xffe8],
};
const SGI: Registers = {
  IGROUPR0: [0x80],
  ISENABLER0: [0x100],
  ICENABLER0: [0x180],
  ISPENDR0: [0x200],
  ICPENDR0: [0x280],
  ISACTIVER0: [0x300],
  ICACTIVER0: [0x380],
  IPRIORITYR: [0x400, 4],
  ICFGR0: [0xc00],
  ICFGR1: [0xc04],
  IGRPMODR0: [0xd00],
  NSACR: [0xe00],
};
const ITS: Registers = {
  CTLR: [0x0],
  IIDR: [0x4],
  TYPER: [0x8],
  CBASER: [0x80],
  CWRITER: [0x88],
  CREADR: [0x90],
  BASER: [0x100, 8],
  PIDR2: [0xffe8],
  TRANSLATER: [0x1_0040],
};

const FRAMES = {
  GICD: { registers: GICD, bytes: 0x1_0000 },
  GICR: { registers: GICR, bytes: 0x2_0000 },
  SGI: { registers: SGI, bytes: 0x1_0000 },
  ITS: { registers: ITS, bytes: 0x2_0000 },
} as const;
type Frame = keyof typeof FRAMES;

const SHAPE = /^([A-Z]+)(\d+)?(?:\.(\w+?)(?:\[(\d+)\])?)?(?:\+(0x[0-9a-f]+|\d+))?$/i;

/**
 * Parses a place: FRAME.NAME, FRAME.NAME[i] or FRAME+0xOFF; +0xOFF may follow a name.
 * @param cpus - vCPUs of the machine; n of GICRn and SGIn must be below.
 * @param bytes - size of the access, which must lie inside the frame.
 * @returns the place, or an error message.
 */
export function parsePlace(text: string, cpus: number, bytes: number): Place | string {
  const [, word = '', number, name, index, plus] = SHAPE.exec(text) ?? [];
  const frame = word.toUpperCase();
  if (frame === '' || (name === undefined && plus === undefined)) {
    return 'expected a register: FRAME.NAME, FRAME.NAME[i] or FRAME+0xOFF';
  }
  const added = plus === undefined ? 0 : Number(plus);
  if (frame === 'RAM' && number === undefined && name === undefined) {
    return added + bytes <= VECTOR_RAM_BYTES
      ? { frame: 'RAM', offset: added }
      : inside('RAM', VECTOR_RAM_BYTES);
  }
  if (!isFrame(frame)) return `unknown frame ${word}; expected GICD, GICRn, SGIn, ITS or RAM`;
  const { registers, bytes: frameBytes } = FRAMES[frame];
  const perCpu = frame === 'GICR' || frame === 'SGI';
  const cpu = Number(number);
  if (perCpu && number === undefined) return `${frame} needs the number of its vCPU, such as ${frame}0`;
  if (!perCpu && number !== undefined) return `there is one ${frame}; expected no number after it`;
  if (perCpu && cpu >= cpus)
    return `the machine has vCPUs 0 to ${cpus - 1}; expected one of them after ${frame}`;
  let offset = added;
  if (name !== undefined) {
    const register = registers[name.toUpperCase()];
    if (register === undefined) {
      return `${frame} has no register ${name}${didYouMean(name, Object.keys(registers))}`;
    }
    const [at, stride] = register;
    if (index !== undefined && stride === undefined)
      return `there is one ${frame}.${name}; expected no index`;
    offset += at + (stride ?? 0) * Number(index ?? 0);
  }
  if (offset + bytes > frameBytes) return inside(frame, frameBytes);
  if (frame === 'SGI') return { frame: 'GICR', cpu, offset: offset + SGI_BASE };
  return frame === 'GICR' ? { frame, cpu, offset } : { frame, offset };
}

const inside = (frame: string, bytes: number) =>
  `expected an offset inside ${frame}, which has 0x${bytes.toString(16)} bytes`;

const isFrame = (word: string): word is Frame => Object.hasOwn(FRAMES, word);

/** The name of a place, such as `GICD.ISENABLER[1]` or `ITS+0x98`: the inverse of {@link parsePlace}. */
export function namePlace(place: Place): string {
  const inSgiFrame = place.frame === 'GICR' && place.offset >= SGI_BASE;
  const frame = inSgiFrame ? 'SGI' : place.frame;
  const prefix = place.frame === 'GICR' ? `${frame}${place.cpu}` : frame;
  const offset = inSgiFrame ? place.offset - SGI_BASE : place.offset;
  const registers = frame === 'RAM' ? {} : FRAMES[frame].registers;
  for (const [name, [at, stride]] of Object.entries(registers)) {
    if (offset === at) return `${prefix}.${name}${stride === undefined ? '' : '[0]'}`;
    if (stride === undefined || offset < at || (offset - at) % stride !== 0) continue;
    if (nextRegister(registers, at) > offset) return `${prefix}.${name}[${(offset - at) / stride}]`;
  }
  return `${prefix}+0x${offset.toString(16)}`;
}

/** Offset of the first register after `at`: the upper bound of an array at `at`. */
function nextRegister(registers: Registers, at: number): number {
  return Math.min(
    ...Object.values(registers).map(([other]) => (other > at ? other : Number.POSITIVE_INFINITY)),
  );
}
