import { Chance } from '../../src/base/chance.ts';
import type { KernelName } from './kernels.ts';

/** What a random vector is about: how often each kind of step is drawn. */
type Theme = { readonly name: string; readonly weights: Readonly<Partial<Record<Kind, number>>> };

const THEMES: readonly Theme[] = [
  { name: 'registers', weights: { read: 6, write: 8, line: 1, cpu: 1, pend: 1 } },
  {
    name: 'delivery',
    weights: { pend: 6, line: 4, ack: 6, end: 5, cpu: 3, sgi: 3, priority: 3, write: 1, look: 4 },
  },
  {
    name: 'preemption',
    weights: { pend: 6, ack: 7, end: 5, priority: 4, cpu: 4, system: 4, look: 3, group: 2 },
  },
  { name: 'groups', weights: { pend: 5, sgi: 5, group: 5, system: 6, ack: 4, end: 3, look: 3, cpu: 2 } },
  { name: 'routing', weights: { route: 5, pend: 5, line: 4, ack: 4, end: 3, look: 4, switch: 2, enable: 3 } },
  { name: 'its', weights: { map: 7, event: 6, config: 4, lpi: 4, ack: 3, move: 3, look: 3, its: 1 } },
  { name: 'its-tables', weights: { map: 8, event: 4, its: 5, lpi: 3, raw: 2, table: 3, look: 2, config: 2 } },
  {
    name: 'lpis-off',
    weights: { map: 4, event: 6, toggle: 5, lpi: 4, config: 3, ack: 3, end: 2, move: 3, look: 2 },
  },
  {
    name: 'everything',
    weights: {
      read: 2,
      write: 2,
      pend: 3,
      line: 2,
      ack: 4,
      end: 3,
      cpu: 2,
      sgi: 2,
      priority: 2,
      group: 1,
      route: 1,
      switch: 1,
      enable: 2,
      map: 3,
      event: 4,
      config: 2,
      lpi: 2,
      move: 1,
      its: 1,
      toggle: 1,
      look: 3,
      system: 2,
    },
  },
];

type Kind =
  | 'read'
  | 'write'
  | 'pend'
  | 'line'
  | 'ack'
  | 'end'
  | 'cpu'
  | 'sgi'
  | 'priority'
  | 'group'
  | 'route'
  | 'switch'
  | 'enable'
  | 'system'
  | 'look'
  | 'map'
  | 'event'
  | 'config'
  | 'lpi'
  | 'move'
  | 'its'
  | 'raw'
  | 'table'
  | 'toggle';

const SPIS = [32, 33, 40, 41, 42, 63, 64, 100, 255] as const;
const SGIS = [0, 1, 5, 7, 15] as const;
/** 27 and 30 belong to the in-kernel timer, 23 to the PMU. */
const PPIS = [16, 17, 20, 26, 29, 31] as const;
const LPIS = [8192, 8193, 8194, 8195, 8200] as const;
const DEVICES = [0, 1, 0x10, 0x11, 0x1fff, 0x2000, 0xffff, 0x1_0000] as const;
const OUTSIDE = 0x7fff_ff00;
const ITT = 0x4150_0000;
const L2 = 0x41a0_0000;

/** Registers of a frame with an offset and how many words follow; holes are drawn besides. */
const DISTRIBUTOR = [
  0x0, 0x4, 0x8, 0xc, 0x10, 0x40, 0x48, 0x80, 0x84, 0x9c, 0xa0, 0x100, 0x104, 0x11c, 0x120, 0x180, 0x184,
  0x200, 0x204, 0x208, 0x280, 0x284, 0x300, 0x304, 0x380, 0x384, 0x400, 0x420, 0x428, 0x464, 0x4fc, 0x500,
  0x800, 0x820, 0xc00, 0xc08, 0xc18, 0xc3c, 0xc40, 0xd00, 0xe00, 0xf00, 0xf10, 0xf20, 0x60f8, 0x6100, 0x6140,
  0x6148, 0x6320, 0x67f8, 0x6800, 0xffd0, 0xffe0, 0xffe8, 0xfff0, 0xfffc,
];
const REDISTRIBUTOR = [
  0x0, 0x4, 0x8, 0xc, 0x10, 0x14, 0x40, 0x48, 0x70, 0x74, 0x78, 0x7c, 0xa0, 0xb0, 0xc0, 0xffe0, 0xffe8,
  0x1_0080, 0x1_0100, 0x1_0180, 0x1_0200, 0x1_0280, 0x1_0300, 0x1_0380, 0x1_0400, 0x1_0404, 0x1_0410,
  0x1_0418, 0x1_041c, 0x1_0420, 0x1_0c00, 0x1_0c04, 0x1_0c08, 0x1_0d00, 0x1_0e00,
];
const ITS = [
  0x0, 0x4, 0x8, 0xc, 0x40, 0x80, 0x84, 0x88, 0x8c, 0x90, 0x94, 0x98, 0x100, 0x104, 0x108, 0x10c, 0x110,
  0x138, 0x140, 0xffd0, 0xffe0, 0xffe8, 0xfffc,
];
/** Registers whose writing would pull the ground from under the vector: the test's own tables lie behind them. */
const NOT_WRITTEN: ReadonlySet<string> = new Set(['ITS 80', 'ITS 84', 'ITS 88', 'ITS 8c']);

/**
 * A random vector as text. The same seed, number and kernel give the same vector.
 * @param index - its number in the run
 */
export function randomVector(seed: number, index: number, kernel: KernelName): string {
  const text = new Generator(seed, index).text();
  // Enabling group 0 under 7.2 and this emulator raises a maintenance interrupt that never falls: the vCPU enters no guest any more.
  return kernel === '7.2' ? text.replaceAll(/w IGRPEN0 1$/gm, 'r IGRPEN0') : text;
}

class Generator {
  readonly #chance: Chance;
  readonly #cpus: number;
  readonly #theme: Theme;
  readonly #lines: string[] = [];
  readonly #spis: readonly number[];

  constructor(seed: number, index: number) {
    this.#chance = new Chance(seed);
    this.#chance.begin(index);
    this.#cpus = this.#one([1, 2, 2, 3, 4]);
    this.#theme = this.#one(THEMES);
    this.#spis = [this.#one(SPIS), this.#one(SPIS), this.#one(SPIS)];
    this.#lines.push(
      `title random ${this.#theme.name}, seed ${seed} number ${index}`,
      `machine cpus=${this.#cpus}`,
    );
  }

  text(): string {
    const { weights } = this.#theme;
    this.#setUp();
    const steps = 15 + this.#chance.below(45);
    const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
    for (let step = 0; step < steps; step++) {
      let drawn = this.#chance.below(total);
      for (const [kind, weight] of Object.entries(weights)) {
        drawn -= weight;
        if (drawn < 0) {
          this.#lines.push(...this.#steps(kind as Kind));
          break;
        }
      }
    }
    this.#finish();
    return `${this.#lines.join('\n')}\n`;
  }

  #setUp(): void {
    const { weights } = this.#theme;
    const usesLpis = weights.map !== undefined;
    if (!this.#rarely(8)) this.#lines.push('setup-dist');
    if (usesLpis) {
      const some = this.#rarely(5) ? ` cpus=${this.#cpu()}` : '';
      if (!this.#rarely(12)) this.#lines.push(`setup-lpis idbits=${this.#one([14, 15, 16, 16])}${some}`);
      if (!this.#rarely(12)) this.#lines.push('setup-its queue=16');
    }
    for (let cpu = 0; cpu < this.#cpus; cpu++) if (!this.#rarely(6)) this.#lines.push(`cpu ${cpu} on`);
    for (const spi of this.#spis) {
      if (this.#rarely(6)) continue;
      this.#lines.push(bitWrite('ISENABLER', spi));
      if (this.#rarely(2)) this.#lines.push(...this.#trigger(spi));
      if (this.#rarely(2)) this.#lines.push(...this.#steps('priority'));
    }
    if (usesLpis) {
      for (const lpi of LPIS)
        if (!this.#rarely(3)) this.#lines.push(`lpi-config ${lpi} on prio=${this.#priority()}`);
      this.#lines.push(
        `cmd MAPC coll=0 rd=${this.#cpu()}`,
        `cmd MAPC coll=1 rd=${this.#cpu()}`,
        'cmd MAPD dev=0x10 bits=3',
      );
    }
  }

  /** What every vector asks at its end. */
  #finish(): void {
    const { weights } = this.#theme;
    for (const name of ['ISENABLER', 'ISPENDR', 'ISACTIVER']) {
      for (const word of [1, 2, 3]) this.#lines.push(`r32 GICD.${name}[${word}]`);
      for (let cpu = 0; cpu < this.#cpus; cpu++) this.#lines.push(`r32 SGI${cpu}.${name}0`);
    }
    if (weights.map !== undefined) this.#lines.push('lpi-pending-all');
    for (let cpu = 0; cpu < this.#cpus; cpu++)
      this.#lines.push(`cpu ${cpu} rpr`, `cpu ${cpu} hppi`, `cpu ${cpu} irq`, `cpu ${cpu} drain 12`);
    for (let cpu = 0; cpu < this.#cpus; cpu++)
      this.#lines.push(`r32 SGI${cpu}.ISACTIVER0`, `r32 SGI${cpu}.ISPENDR0`);
    this.#lines.push('r32 GICD.ISPENDR[1]', 'r32 GICD.ISACTIVER[1]');
    if (weights.map !== undefined) this.#lines.push('lpi-pending-all', 'r64 ITS.CREADR');
  }

  #steps(kind: Kind): string[] {
    const cpu = this.#cpu();
    switch (kind) {
      case 'read':
        return [this.#access('r')];
      case 'write':
        return [this.#access('w')];
      case 'pend':
        return [
          this.#one([
            bitWrite('ISPENDR', this.#spi()),
            bitWrite('ISPENDR', this.#spi()),
            this.#private('ISPENDR'),
            this.#private('ISPENDR'),
            bitWrite('ICPENDR', this.#spi()),
            this.#private('ICPENDR'),
            bitWrite('ISACTIVER', this.#spi()),
            this.#private('ISACTIVER'),
            bitWrite('ICACTIVER', this.#spi()),
            this.#private('ICACTIVER'),
          ]),
        ];
      case 'line':
        return this.#rarely(3)
          ? [`line ppi=${this.#one(PPIS)} cpu=${cpu} level=${this.#bit()}`]
          : this.#rarely(8)
            ? this.#trigger(this.#spi())
            : [`line spi=${this.#spi()} level=${this.#bit()}`];
      case 'ack':
        // An LPI that is acknowledged and not ended is active in the emulator's list register, which no hardware does.
        if (this.#theme.weights.map !== undefined) return [`cpu ${cpu} drain ${1 + this.#chance.below(3)}`];
        return [
          this.#one([
            `cpu ${cpu} ack`,
            `cpu ${cpu} ack`,
            `cpu ${cpu} hppi`,
            `cpu ${cpu} irq`,
            `cpu ${cpu} drain ${1 + this.#chance.below(4)}`,
          ]),
        ];
      case 'end':
        return [`cpu ${cpu} ${this.#one(['eoi', 'eoi', 'eoi', 'dir'])} ${this.#anyIntid()}`];
      case 'cpu':
        return [
          this.#one([
            `cpu ${cpu} pmr ${this.#one(['0xf0', '0xff', '0x80', '0xa0', '0x48', '0'])}`,
            `cpu ${cpu} pmr 0xf0`,
            `cpu ${cpu} eoimode ${this.#theme.weights.map === undefined ? this.#bit() : 0}`,
            `cpu ${cpu} on`,
            `cpu ${cpu} off`,
            `cpu ${cpu} rpr`,
            `cpu ${cpu} pmr?`,
          ]),
        ];
      case 'system':
        return [this.#system(cpu)];
      case 'sgi':
        return [this.#sgi(cpu)];
      case 'priority':
        return [
          this.#rarely(2)
            ? `w8 SGI${cpu}+0x4${byte(this.#one([...SGIS, ...PPIS]))} ${this.#priority()}`
            : `w8 GICD+0x${(0x400 + this.#spi()).toString(16)} ${this.#priority()}`,
        ];
      case 'group':
        return [
          this.#one([
            `w32 GICD.IGROUPR[1] ${this.#word()}`,
            `w32 SGI${cpu}.IGROUPR0 ${this.#word()}`,
            `w32 SGI${cpu}.IGROUPR0 0`,
            `w32 SGI${cpu}.IGROUPR0 0xffffffff`,
          ]),
        ];
      case 'route':
        return [
          `w64 GICD.IROUTER[${this.#spi()}] ${this.#one(['0', '1', '2', '3', '0x100', '0x80000000', '0x100000001', '0x1000001'])}`,
        ];
      case 'switch':
        return [`w32 GICD.CTLR ${this.#one([0, 2, 2, 1, 3, 0x52])}`];
      case 'enable':
        return [
          this.#one([
            bitWrite('ISENABLER', this.#spi()),
            bitWrite('ICENABLER', this.#spi()),
            this.#private('ISENABLER'),
            this.#private('ICENABLER'),
          ]),
        ];
      case 'look':
        return [
          this.#one([
            `r32 GICD.ISPENDR[1]`,
            `r32 GICD.ISACTIVER[1]`,
            `r32 SGI${cpu}.ISPENDR0`,
            `r32 SGI${cpu}.ISACTIVER0`,
            `cpu ${cpu} rpr`,
            `cpu ${cpu} hppi`,
            `cpu ${cpu} irq`,
            `cpu ${cpu} fiq`,
            `r32 GICR${cpu}.CTLR`,
          ]),
        ];
      case 'map':
        return [`cmd ${this.#mapping()}`];
      case 'event':
        return [
          this.#rarely(3)
            ? `msi dev=${this.#device()} event=${this.#event()}`
            : `cmd ${this.#one(['INT', 'INT', 'INT', 'CLEAR', 'DISCARD', 'INV'])} dev=${this.#device()} event=${this.#event()}`,
        ];
      case 'move':
        return [
          this.#one([
            `cmd MOVI dev=${this.#device()} event=${this.#event()} coll=${this.#collection()}`,
            `cmd MAPC coll=${this.#collection()} rd=${cpu}`,
            `cmd MOVALL rd1=${cpu} rd2=${this.#cpu()}`,
            `cmd INVALL coll=${this.#collection()}`,
          ]),
        ];
      case 'config':
        return [
          `lpi-config ${this.#one(LPIS)} ${this.#one(['on', 'off'])} prio=${this.#priority()}`,
          ...(this.#rarely(2) ? [`cmd INV dev=${this.#device()} event=${this.#event()}`] : []),
        ];
      case 'lpi':
        return [
          this.#one([
            'lpi-pending-all',
            `cpu ${cpu} drain 4`,
            `cpu ${cpu} drain 1`,
            `w64 GICR${cpu}.INVLPIR ${this.#one(LPIS)}`,
            `w64 GICR${cpu}.INVALLR 0`,
          ]),
        ];
      case 'toggle':
        return [
          this.#one([
            `w32 GICR${cpu}.CTLR 0`,
            `w32 GICR${cpu}.CTLR 1`,
            `w32 GICR${cpu}.CTLR 1`,
            `w64 GICR${cpu}.PENDBASER ${this.#one(['', '0x4000000000000000|'])}PEND+${0x1_0000 * cpu}`,
            `w64 GICR${cpu}.PENDBASER 0x7fff0000`,
            `w64 GICR${cpu}.PROPBASER PROP|${this.#one([13, 14, 15])}`,
            `r64 GICR${cpu}.PENDBASER`,
            `r32 GICR${cpu}.CTLR`,
            `mem64 PEND+${0x1_0000 * cpu + 1024} ${this.#chance.below(256)}`,
            `r64 RAM+${0x110_0000 + 0x1_0000 * cpu + 1024}`,
          ]),
        ];
      case 'its':
        return [
          this.#one([
            'w32 ITS.CTLR 0',
            'w32 ITS.CTLR 1',
            'w32 ITS.CTLR 1',
            'setup-its queue=16',
            'r32 ITS.CTLR',
            'r64 ITS.CBASER',
            'r64 ITS.BASER[0]',
            'r64 ITS.BASER[1]',
            `w64 ITS.BASER[0] ${this.#one(['0', `0x8000000000000200|DEVTAB`, `0xc000000000000200|DEVTAB`, `0x8000000000000203|DEVTAB`, `0x8000000000000200|0x7fff0000`])}`,
            `w64 ITS.BASER[1] ${this.#one(['0', `0x8000000000000200|COLLTAB`, `0x8000000000000201|COLLTAB`])}`,
          ]),
        ];
      case 'table':
        return [
          this.#one([
            `mem64 DEVTAB+${8 * this.#chance.below(9)} ${this.#one(['0', `0x8000000000000000|L2`, `0x8000000000000000|0x7fff0000`])}`,
            `r64 RAM+${ITT - 0x4000_0000 + 0x4_0000 + 8 * this.#chance.below(8)}`,
            `r64 RAM+${0x120_0000 + 8 * this.#one([0, 1, 16, 17])}`,
            `r64 RAM+${L2 - 0x4000_0000 + 8 * this.#one([0, 16])}`,
            'zero-itt dev=0x10',
          ]),
        ];
      case 'raw':
        return [
          `cmd RAW ${this.#one(['0', '0x2', '0x6', '0x7', '0x10', '0x21', '0x2a', '0x1f', '0xff', '0x10000000e'])} ${this.#word()} ${this.#word()} 0`,
        ];
    }
  }

  #access(way: 'r' | 'w'): string {
    const cpu = this.#cpu();
    const [frame, offsets] = this.#one([
      ['GICD', DISTRIBUTOR] as const,
      ['GICD', DISTRIBUTOR] as const,
      [`GICR${cpu}`, REDISTRIBUTOR] as const,
      ['ITS', ITS] as const,
    ]);
    const bits = this.#one([8, 16, 32, 32, 32, 32, 64]);
    const end = frame === 'ITS' || frame === 'GICD' ? 0x1_0000 : 0x2_0000;
    const drawn = this.#rarely(8) ? this.#chance.below(end / 4) * 4 : this.#one(offsets);
    const nudge = this.#rarely(6) ? this.#chance.below(8) : 0;
    const offset = Math.min(end - 8, drawn - (drawn % (bits / 8)) + nudge);
    if (way === 'r') return `r${bits} ${place(frame, offset)}`;
    if (NOT_WRITTEN.has(`${frame} ${(offset & ~3).toString(16)}`)) return 'r64 ITS.CREADR';
    const value = bits === 64 ? `${this.#word()}${this.#word().slice(2).padStart(8, '0')}` : this.#word();
    const mask = bits === 8 ? 0xff : bits === 16 ? 0xffff : 0xffff_ffff;
    return `w${bits} ${place(frame, offset)} ${bits === 64 ? value : `0x${(Number(value) & mask) >>> 0 === 0 ? '0' : ((Number(value) & mask) >>> 0).toString(16)}`}`;
  }

  #system(cpu: number): string {
    return `cpu ${cpu} ${this.#one([
      `w BPR1 ${this.#chance.below(8)}`,
      `w BPR0 ${this.#chance.below(8)}`,
      `w CTLR ${this.#chance.below(4) & (this.#theme.weights.map === undefined ? 3 : 1)}`,
      `w IGRPEN0 ${this.#bit()}`,
      `w IGRPEN0 1`,
      `w IGRPEN1 ${this.#bit()}`,
      'w IGRPEN1 1',
      'r BPR0',
      'r BPR1',
      'r CTLR',
      'r IGRPEN0',
      'r IGRPEN1',
      'r SRE',
      'r HPPIR0',
      ...(this.#theme.weights.map === undefined ? ['r IAR0', 'r IAR0'] : []),
      `w EOIR0 ${this.#anyIntid()}`,
      `w PMR ${this.#chance.below(256)}`,
      'r AP1R0',
      'r AP0R0',
    ])}`;
  }

  #sgi(cpu: number): string {
    const intid = this.#one(SGIS);
    const register = this.#one(['SGI1R', 'SGI1R', 'SGI0R', 'ASGI1R']);
    const list = this.#chance.below(16);
    const form = this.#one([
      `0x${((intid << 24) | list).toString(16)}`,
      `0x${((BigInt(intid) << 24n) | (1n << 40n)).toString(16)}`,
      `0x${((BigInt(intid) << 24n) | (1n << 40n) | BigInt(list)).toString(16)}`,
      `0x${((BigInt(intid) << 24n) | BigInt(list) | (1n << 16n)).toString(16)}`,
      `0x${((BigInt(intid) << 24n) | BigInt(list) | (2n << 44n)).toString(16)}`,
      `0x${((BigInt(intid) << 24n) | BigInt(list) | (1n << 32n)).toString(16)}`,
    ]);
    if (this.#rarely(2))
      return `cpu ${cpu} sgi ${intid} to=${this.#one(['others', '0', '0,1', String(this.#cpu())])}`;
    return `cpu ${cpu} w ${register} ${form}`;
  }

  #mapping(): string {
    const [dev, event] = [this.#device(), this.#event()];
    const lpi = this.#rarely(10) ? this.#one([0, 1023, 8191, 16384, 32768, 65535, 65536]) : this.#one(LPIS);
    const itt = this.#rarely(6)
      ? ` itt=${this.#one([`0x${OUTSIDE.toString(16)}`, '0x47ffff00', '0x41540000', '0x48000000'])}`
      : '';
    const valid = this.#rarely(5) ? ' valid=0' : '';
    return this.#one([
      `MAPTI dev=${dev} event=${event} lpi=${lpi} coll=${this.#collection()}`,
      `MAPTI dev=${dev} event=${event} lpi=${lpi} coll=${this.#collection()}`,
      `MAPTI dev=0x10 event=${this.#chance.below(4)} lpi=${this.#one(LPIS)} coll=${this.#chance.below(2)}`,
      `MAPTI dev=0x10 event=${this.#chance.below(4)} lpi=${this.#one(LPIS)} coll=${this.#chance.below(2)}`,
      `MAPD dev=${dev} bits=${this.#one([1, 2, 3, 3, 3, 16, 17, 32])}${itt}${valid}`,
      `MAPC coll=${this.#collection()} rd=${this.#rarely(6) ? 9 : this.#cpu()}${valid}`,
      `MAPI dev=${dev} event=${this.#rarely(3) ? 8192 : event} coll=${this.#collection()}`,
      `SYNC rd=${this.#cpu()}`,
    ]);
  }

  #private(name: string): string {
    const intid = this.#one([...SGIS, ...PPIS]);
    return `w32 SGI${this.#cpu()}.${name}0 0x${((1 << intid) >>> 0).toString(16)}`;
  }

  #trigger(spi: number): string[] {
    return [`w32 GICD.ICFGR[${spi >> 4}] ${this.#one(['0', '0xaaaaaaaa', '0x55555555', this.#word()])}`];
  }

  /** An INTID to end: mostly one that exists, at times one that does not. */
  #anyIntid(): number {
    return this.#rarely(12)
      ? this.#one([300, 1000, 1020, 1023, 8191, 65_535, 70_000])
      : this.#one([...this.#spis, ...this.#spis, ...SGIS, ...PPIS, ...LPIS]);
  }

  #spi(): number {
    return this.#rarely(5) ? this.#one(SPIS) : this.#one(this.#spis);
  }

  #device(): string {
    return this.#rarely(3) ? `0x${this.#one(DEVICES).toString(16)}` : '0x10';
  }

  #event(): number {
    return this.#rarely(10) ? this.#one([7, 8, 65_535, 65_536]) : this.#chance.below(4);
  }

  #collection(): number {
    return this.#rarely(8) ? this.#one([3, 8191, 8192, 65_535]) : this.#chance.below(3);
  }

  #priority(): string {
    return this.#rarely(10)
      ? `0x${this.#chance.below(256).toString(16)}`
      : this.#one(['0x0', '0x40', '0x80', '0x80', '0xa0', '0xa0', '0x88', '0xe8', '0xf0']);
  }

  #word(): string {
    const drawn = this.#one([
      0,
      1,
      2,
      0xff,
      0xffff_ffff,
      0xaaaa_aaaa,
      this.#chance.bits(),
      this.#chance.bits(),
      1 << this.#chance.below(32),
    ]);
    return `0x${(drawn >>> 0).toString(16)}`;
  }

  #bit(): number {
    return this.#chance.below(2);
  }

  #cpu(): number {
    return this.#chance.below(this.#cpus);
  }

  /** True once in `times`. */
  #rarely(times: number): boolean {
    return this.#chance.below(times) === 0;
  }

  #one<T>(from: readonly T[]): T {
    const drawn = from[this.#chance.below(from.length)];
    if (drawn === undefined) throw new Error('nothing to draw from');
    return drawn;
  }
}

/** A write of one SPI's bit. */
const bitWrite = (name: string, spi: number) =>
  `w32 GICD.${name}[${spi >> 5}] 0x${((1 << (spi & 31)) >>> 0).toString(16)}`;

const byte = (intid: number) => intid.toString(16).padStart(2, '0');

/** A redistributor's second frame has a name of its own. */
function place(frame: string, offset: number): string {
  if (frame.startsWith('GICR') && offset >= 0x1_0000)
    return `SGI${frame.slice(4)}+0x${(offset - 0x1_0000).toString(16)}`;
  return `${frame}+0x${offset.toString(16)}`;
}
