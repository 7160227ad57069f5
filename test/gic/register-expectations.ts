import type { GicPersonalityName } from '../../src/gic/personality.ts';

/** What is expected of one register: what it reads after reset, and after all ones and then all zeros were written. */
export type Expectation = {
  readonly name: string;
  readonly at: number;
  readonly size: 1 | 4 | 8;
  readonly reset: bigint;
  readonly ones: bigint;
  readonly zeros: bigint;
};

type Row = readonly [name: string, at: number, size: 1 | 4 | 8, reset: bigint, ones?: bigint, zeros?: bigint];

const F = 0xffff_ffffn;

/** Four numbers where the personalities differ: kvm's and qemu-virt's. */
const by = (personality: GicPersonalityName, kvm: bigint, qemu: bigint) =>
  personality === 'kvm' ? kvm : qemu;

const expectations = (rows: readonly Row[]): Expectation[] =>
  rows.map(([name, at, size, reset, ones = reset, zeros = ones]) => ({ name, at, size, reset, ones, zeros }));

/** Of a distributor with 64 SPIs, 14 bits of INTID and an ITS. Each register stands here by an index in its middle. */
export function distributorExpectations(personality: GicPersonalityName): Expectation[] {
  const p = (kvm: bigint, qemu: bigint) => by(personality, kvm, qemu);
  const type = p(0x6a_0002n, 0x36a_0001n);
  const iidr = p(0x4b00_343bn, 0x43bn);
  const status = p(F, 0n);
  return expectations([
    ['GICD_CTLR', 0x0, 4, 0x50n, p(0x52n, 0x53n), 0x50n],
    ['GICD_TYPER', 0x4, 4, type],
    ['GICD_IIDR', 0x8, 4, iidr],
    ['GICD_TYPER2', 0xc, 4, 0n],
    ['GICD_STATUSR', 0x10, 4, status],
    ['GICD_SETSPI_NSR', 0x40, 4, 0n],
    ['GICD_CLRSPI_NSR', 0x48, 4, 0n],
    ['GICD_SETSPI_SR', 0x50, 4, 0n],
    ['GICD_CLRSPI_SR', 0x58, 4, 0n],
    ['GICD_IGROUPR', 0x84, 4, p(F, 0n), F, 0n],
    ['GICD_ISENABLER', 0x104, 4, 0n, F, F],
    ['GICD_ICENABLER', 0x184, 4, 0n, 0n, 0n],
    ['GICD_ISPENDR', 0x204, 4, 0n, F, F],
    ['GICD_ICPENDR', 0x284, 4, 0n, 0n, 0n],
    ['GICD_ISACTIVER', 0x304, 4, 0n, F, F],
    ['GICD_ICACTIVER', 0x384, 4, 0n, 0n, 0n],
    ['GICD_IPRIORITYR', 0x424, 4, 0n, p(0xf8f8_f8f8n, F), 0n],
    ['GICD_IPRIORITYR', 0x42b, 1, 0n, p(0xf8n, 0xffn), 0n],
    ['GICD_ITARGETSR', 0x820, 4, 0n],
    ['GICD_ICFGR', 0xc08, 4, p(0xaaaa_aaaan, 0n), 0xaaaa_aaaan, 0n],
    ['GICD_IGRPMODR', 0xd04, 4, 0n],
    ['GICD_NSACR', 0xe08, 4, 0n],
    ['GICD_SGIR', 0xf00, 4, 0n],
    ['GICD_CPENDSGIR', 0xf10, 4, 0n],
    ['GICD_SPENDSGIR', 0xf24, 4, 0n],
    ['GICD_IROUTER', 0x6100, 8, 0n, p(0xff_ffffn, 0xffff_ffff_ffff_ffffn), 0n],
    ['GICD_IROUTER', 0x610c, 4, 0n, p(0n, F), 0n],
    ['GICD_PIDR', 0xffe8, 4, 0x3bn],
    ['GICD_PIDR', 0xfff4, 4, p(0n, 0xf0n)],
  ]);
}

/** Of the second redistributor of two. */
export function redistributorExpectations(personality: GicPersonalityName): Expectation[] {
  const p = (kvm: bigint, qemu: bigint) => by(personality, kvm, qemu);
  const sgiFrame = 0x1_0000;
  const propbaser = p(0x000f_ffff_ffff_fd9fn | 0x200n, 0xffff_ffff_ffff_ffffn);
  const pendbaser = p(0x000f_ffff_ffff_0f80n, 0xffff_ffff_ffff_ffffn);
  return expectations([
    ['GICR_CTLR', 0x0, 4, p(6n, 2n), p(7n, 3n), p(6n, 2n)],
    ['GICR_IIDR', 0x4, 4, p(0x4b00_043bn, 0x43bn)],
    ['GICR_TYPER', 0x8, 8, p(0x1_0000_0111n, 0x1_0100_0111n)],
    ['GICR_TYPER', 0xc, 4, 1n],
    ['GICR_STATUSR', 0x10, 4, 0n],
    ['GICR_WAKER', 0x14, 4, p(0n, 6n), p(0n, 6n), 0n],
    ['GICR_SETLPIR', 0x40, 8, 0n],
    ['GICR_CLRLPIR', 0x48, 8, 0n],
    ['GICR_PROPBASER', 0x70, 8, p(0x580n, 0n), propbaser, p(0x180n, 0n)],
    ['GICR_PENDBASER', 0x78, 8, p(0x580n, 0n), pendbaser, p(0x180n, 0n)],
    ['GICR_INVLPIR', 0xa0, 8, 0n],
    ['GICR_INVALLR', 0xb0, 8, 0n],
    ['GICR_SYNCR', 0xc0, 4, 0n],
    ['GICR_PIDR', 0xffe8, 4, 0x3bn],
    ['GICR_PIDR', 0xffe0, 4, p(0n, 0x93n)],
    ['GICR_IGROUPR', sgiFrame + 0x80, 4, p(F, 0n), F, 0n],
    ['GICR_ISENABLER', sgiFrame + 0x100, 4, p(0xffffn, 0n), F, F],
    ['GICR_ICENABLER', sgiFrame + 0x180, 4, p(0xffffn, 0n), 0n, 0n],
    ['GICR_ISPENDR', sgiFrame + 0x200, 4, 0n, F, F],
    ['GICR_ICPENDR', sgiFrame + 0x280, 4, 0n, 0n, 0n],
    ['GICR_ISACTIVER', sgiFrame + 0x300, 4, 0n, F, F],
    ['GICR_ICACTIVER', sgiFrame + 0x380, 4, 0n, 0n, 0n],
    ['GICR_IPRIORITYR', sgiFrame + 0x41c, 4, 0n, p(0xf8f8_f8f8n, F), 0n],
    ['GICR_IPRIORITYR', sgiFrame + 0x402, 1, 0n, p(0xf8n, 0xffn), 0n],
    ['GICR_ICFGR', sgiFrame + 0xc00, 4, 0xaaaa_aaaan],
    ['GICR_ICFGR', sgiFrame + 0xc04, 4, 0n, p(0n, 0xaaaa_aaaan), 0n],
    ['GICR_IGRPMODR', sgiFrame + 0xd00, 4, 0n],
    ['GICR_NSACR', sgiFrame + 0xe00, 4, 0n],
  ]);
}
