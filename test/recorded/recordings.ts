import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { type GuestTrace, parseGuestTrace } from '../../src/recorded/trace/guest-trace.ts';

/** The recorded guest that comes with the package. */
export const RECORDING = fileURLToPath(
  new URL('../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url),
);

/** One line of a recording, as JSON has it. */
export type Line = Record<string, unknown>;

const LINES: readonly Line[] = gunzipSync(readFileSync(RECORDING))
  .toString('utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line);

export function traceOf(lines: readonly Line[], name = 'variant.jsonl'): GuestTrace {
  return parseGuestTrace(lines.map((line) => JSON.stringify(line)).join('\n'), name);
}

/** The recording with every line changed by `change`, which may return several, or none. */
export function variant(change: (line: Line, index: number) => Line | readonly Line[]): GuestTrace {
  return traceOf(LINES.flatMap((line, index) => change({ ...line }, index)));
}

const FIRST_LPI = 8192;

/** The same guest with other DeviceIDs, and other LPIs in the same order: ties go to the lowest. */
export function renumbered(): GuestTrace {
  const lpi = (intid: unknown) =>
    typeof intid === 'number' && intid >= FIRST_LPI ? FIRST_LPI + 411 + (intid - FIRST_LPI) * 37 : intid;
  return variant((line) => ({
    ...line,
    ...('deviceId' in line ? { deviceId: Number(line.deviceId) * 9 + 0x1200 } : {}),
    ...('lpi' in line ? { lpi: lpi(line.lpi) } : {}),
    ...('intid' in line ? { intid: lpi(line.intid) } : {}),
  }));
}

const LAST = 0x10n;

/** The same guest on a board with more vCPUs, which it never looks at: the redistributor after its own is not the last. */
export function withMoreCpus(cpus: number): GuestTrace {
  return variant((line, index) => {
    if (index === 0) return { ...line, cpus };
    const isType = line.op === 'read' && line.frame === 'GICR' && line.offset === '0x8';
    return isType ? { ...line, value: `0x${(BigInt(String(line.value)) & ~LAST).toString(16)}` } : line;
  });
}

const HEADER: Line = {
  format: 'gicv3-guest-trace/1',
  spis: 64,
  itsBase: '0x8080000',
  gicdBase: '0x8000000',
  gicrBase: '0x80a0000',
  personality: 'qemu-virt',
  source: 'written by hand',
};

const PROP = 0x4100_0000;
const PEND = 0x4110_0000;
const QUEUE = 0x4140_0000;
const ITT = 0x4150_0000;
export const hex = (value: number | bigint) => `0x${value.toString(16)}`;

/**
 * A guest written by hand, for boards of 3 and more vCPUs: every vCPU has an SGI, a timer, an SPI and MSIs, some MSIs
 * coalesce, some move while they are pending, and one device goes and comes back.
 */
export function handMade(cpus: number, rounds = 20): GuestTrace {
  return traceOf(handMadeLines(cpus, rounds), `hand-made-${cpus}.jsonl`);
}

/**
 * A guest that has set up its controller: SGIs, timers (27), and a device for each vCPU whose two events go there.
 * @param splitEnds - EOImode 1: an interrupt is ended by EOI and DIR
 */
export function bootLines(cpus: number, splitEnds = false) {
  const lines: Line[] = [{ ...HEADER, cpus }];
  const each = (what: (cpu: number) => void) => {
    for (let cpu = 0; cpu < cpus; cpu++) what(cpu);
  };
  const write = (frame: string, offset: number, value: number | bigint, size = 4, cpu?: number) =>
    lines.push({
      op: 'write',
      frame,
      ...(cpu === undefined ? {} : { cpu }),
      offset: hex(offset),
      size,
      value: hex(value),
    });
  const read = (frame: string, offset: number, value: number | bigint, size = 4) =>
    lines.push({ op: 'read', frame, offset: hex(offset), size, value: hex(value) });
  let cwriter = 0;
  const commands = (...list: Line[]) => {
    for (const command of list) lines.push({ op: 'command', ...command });
    cwriter = (cwriter + 32 * list.length) % 0x1_0000;
    write('GITS', 0x88, cwriter, 8);
    read('GITS', 0x90, cwriter, 8);
  };
  const device = (cpu: number) => 0x40 + cpu * 0x11;
  const lpi = (cpu: number, eventId: number) => FIRST_LPI + 100 + cpu * 10 + eventId;
  const mapAll = (cpu: number) => {
    const names = { deviceId: device(cpu) };
    commands(
      { name: 'MAPD', ...names, size: 1, ittAddr: hex(ITT + cpu * 0x1000), valid: 1 },
      { name: 'MAPTI', ...names, eventId: 0, collectionId: cpu, lpi: lpi(cpu, 0) },
      { name: 'MAPTI', ...names, eventId: 1, collectionId: cpu, lpi: lpi(cpu, 1) },
    );
    for (const eventId of [0, 1]) {
      lines.push({ op: 'lpi-config', lpi: lpi(cpu, eventId), value: '0xa3' });
      commands({ name: 'INV', ...names, eventId });
    }
  };

  write('GICD', 0x0, 0x53);
  for (const n of [1, 2]) write('GICD', 0x80 + 4 * n, 0xffff_ffff);
  each((cpu) => {
    write('GICR', 0x1_0080, 0xffff_ffff, 4, cpu);
    for (let n = 0; n < 8; n++) write('GICR', 0x1_0400 + 4 * n, 0xa0a0_a0a0, 4, cpu);
    write('GICR', 0x1_0100, 0x0800_ffff, 4, cpu);
    write('GICR', 0x70, PROP | 0xf, 8, cpu);
    write('GICR', 0x78, PEND + cpu * 0x1_0000, 8, cpu);
    write('GICR', 0x0, 1, 4, cpu);
    for (const [register, value] of [
      ['PMR', 0xf0],
      ['BPR1', 0],
      ['CTLR', splitEnds ? 2 : 0],
      ['IGRPEN1', 1],
    ] as const)
      lines.push({ op: 'icc', cpu, register, value: hex(value) });
    write('GICD', 0x420 + 4 * cpu, 0xa0a0_a0a0);
    write('GICD', 0x6000 + 8 * (32 + 4 * cpu), cpu, 8);
    write('GICD', 0x104, 1 << (4 * cpu));
  });
  write('GITS', 0x100, 0x8000_0000_4120_0200n, 8);
  write('GITS', 0x108, 0x8000_0000_4130_0200n, 8);
  write('GITS', 0x80, (1n << 63n) | BigInt(QUEUE) | 15n, 8);
  write('GITS', 0x0, 1);
  each((cpu) => commands({ name: 'MAPC', collectionId: cpu, rdbase: cpu, valid: 1 }));
  each(mapAll);
  return { lines, each, commands, mapAll, device, lpi };
}

/** The lines of {@link handMade}. */
export function handMadeLines(cpus: number, rounds = 20): readonly Line[] {
  const { lines, each, commands, mapAll, device, lpi } = bootLines(cpus);
  const iar = (cpu: number, intid: number) => lines.push({ op: 'iar', cpu, intid });
  const eoi = (cpu: number, intid: number) => lines.push({ op: 'eoi', cpu, intid });
  const take = (cpu: number, intid: number) => {
    iar(cpu, intid);
    eoi(cpu, intid);
  };
  const msi = (cpu: number, eventId: number) => lines.push({ op: 'msi', deviceId: device(cpu), eventId });
  for (let round = 0; round < rounds; round++) {
    each((cpu) => {
      const next = (cpu + 1) % cpus;
      lines.push({ op: 'sgi', cpu, intid: round % 8, irm: 0, affinity: '0x0', targets: hex(1 << next) });
      lines.push({ op: 'line', cpu, intid: 27, level: 1 });
      msi(cpu, 0);
      if (round % 3 === 0) msi(cpu, 0); // coalesces
      msi(cpu, 1);
      lines.push({ op: 'line', intid: 32 + 4 * cpu, level: 1 });
    });
    each((cpu) => {
      take(cpu, round % 8);
      iar(cpu, 27);
      lines.push({ op: 'line', cpu, intid: 27, level: 0 });
      eoi(cpu, 27);
      iar(cpu, 32 + 4 * cpu);
      lines.push({ op: 'line', intid: 32 + 4 * cpu, level: 0 });
      eoi(cpu, 32 + 4 * cpu);
      take(cpu, lpi(cpu, 0));
    });
    // To all others, from everyone: one for each, because they coalesce.
    each((cpu) => lines.push({ op: 'sgi', cpu, intid: 9, irm: 1, affinity: '0x0', targets: '0x0' }));
    each((cpu) => take(cpu, 9));
    // The second event of vCPU 0's device is pending while it moves, and is taken where it went.
    const away = 1 + (round % (cpus - 1));
    commands({ name: 'MOVI', deviceId: device(0), eventId: 1, collectionId: away });
    take(away, lpi(0, 1));
    each((cpu) => cpu > 0 && take(cpu, lpi(cpu, 1)));
    commands({ name: 'MOVI', deviceId: device(0), eventId: 1, collectionId: 0 });
    if (round === rounds >> 1) {
      lines.push({ op: 'lpi-config', lpi: lpi(1, 0), value: '0xa2' });
      commands(
        { name: 'INV', deviceId: device(1), eventId: 0 },
        { name: 'DISCARD', deviceId: device(1), eventId: 0 },
        { name: 'MAPD', deviceId: device(1), size: 1, ittAddr: hex(ITT + 0x1000), valid: 0 },
      );
      msi(1, 0); // to no vCPU
      mapAll(1);
    }
  }
  iar(0, 1023);
  return lines;
}
