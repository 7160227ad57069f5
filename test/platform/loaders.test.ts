import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { boardTree } from '../../src/platform/device-tree.ts';
import { FdtWriter } from '../../src/platform/fdt.ts';
import { CPIO_DIRECTORY, writeCpio } from '../../src/platform/loader/cpio.ts';
import { readKernel } from '../../src/platform/loader/kernel.ts';
import { plan } from '../../src/platform/loader/place.ts';
import { has } from './tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'irqloom-loaders-'));
afterAll(() => rmSync(folder, { recursive: true }));
const RAM = 0x4000_0000;
const BARE = readFileSync(new URL('../../guests/bare/bare.bin', import.meta.url));

const SHAPE = {
  vcpus: 2,
  affinityOf: (vcpu: number) => vcpu,
  gicdBase: 0x0800_0000,
  gicrBase: 0x080a_0000,
  gicrBytes: 0x4_0000,
  itsBase: 0x0808_0000,
  ramBase: RAM,
  ramBytes: 0x1000_0000,
  pci: true,
  bootArguments: 'console=ttyAMA0 quiet',
  initrd: { address: 0x4800_0000, bytes: 0x1234 },
} as const;

describe('a device tree', () => {
  test.skipIf(!has('dtc'))(
    'of the board is one that dtc reads without a complaint, and says what it should',
    () => {
      const file = join(folder, 'board.dtb');
      writeFileSync(file, boardTree(SHAPE));
      const source = execFileSync('dtc', ['-I', 'dtb', '-O', 'dts', '-q', '-q', file], { encoding: 'utf8' });
      expect(source).toContain('bootargs = "console=ttyAMA0 quiet";');
      expect(source).toContain('linux,initrd-end = <0x00 0x48001234>;');
      expect(source).toContain('reg = <0x00 0x40000000 0x00 0x10000000>;');
      expect(source).toMatch(/"arm,psci-1.0(\\0|", ")arm,psci-0.2";/);
      expect(source.match(/device_type = "cpu"/g)).toHaveLength(2);
      expect(source).toContain('msi-map = <0x00 0x02 0x00 0x10000>;');
      const warnings = execFileSync(
        'dtc',
        ['-I', 'dtb', '-O', 'dtb', '-o', join(folder, 'again.dtb'), file],
        {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      );
      expect(warnings).toBe('');
    },
  );

  test.skipIf(!has('dtc'))('that is damaged is one that dtc refuses', () => {
    const bytes = boardTree(SHAPE);
    bytes[0] = 0;
    const file = join(folder, 'damaged.dtb');
    writeFileSync(file, bytes);
    expect(() => execFileSync('dtc', ['-I', 'dtb', '-O', 'dts', file], { stdio: 'pipe' })).toThrow();
  });

  test("has PCI's windows of I/O ports and of memory where QEMU's has them", () => {
    const ports = [0x0100_0000, 0, 0, 0, 0x3eff_0000, 0, 0x1_0000];
    const memory = [0x0200_0000, 0, 0x1000_0000, 0, 0x1000_0000, 0, 0x2eff_0000];
    const ranges = Buffer.alloc(4 * (ports.length + memory.length));
    for (const [cell, value] of [...ports, ...memory].entries()) ranges.writeUInt32BE(value, 4 * cell);
    expect(Buffer.from(boardTree(SHAPE)).includes(ranges)).toBe(true);
    expect(Buffer.from(boardTree({ ...SHAPE, pci: false })).includes(ranges)).toBe(false);
  });

  test('with a node that never ends, or ends twice, is refused', () => {
    expect(() => new FdtWriter().begin('').finish()).toThrow('1 device tree nodes were left open');
    expect(() => new FdtWriter().end()).toThrow('never began');
  });
});

describe('an archive', () => {
  test.skipIf(!has('cpio'))('is unpacked by cpio as it was written', () => {
    const archive = writeCpio([
      { name: 'dev', mode: CPIO_DIRECTORY },
      { name: 'init', data: new TextEncoder().encode('hello') },
      { name: 'empty', mode: 0o100_644 },
    ]);
    const listing = execFileSync('cpio', ['-itv', '--quiet'], { input: archive, encoding: 'utf8' });
    expect(listing).toMatch(/^drwxr-xr-x.*dev\n-rwxr-xr-x.* 5 .*init\n-rw-r--r--.* 0 .*empty\n$/);
  });

  test('has records that begin on multiples of 4 bytes, and a trailer', () => {
    const archive = writeCpio([{ name: 'a', data: Uint8Array.of(1, 2, 3) }]);
    const text = Buffer.from(archive).toString('latin1');
    expect(text.startsWith('070701')).toBe(true);
    expect(text.lastIndexOf('070701') % 4).toBe(0);
    expect(text).toContain('TRAILER!!!\0');
  });
});

describe('a kernel file', () => {
  test('that is an Image goes where its header says, and keeps its .bss', () => {
    const kernel = readKernel(BARE, RAM);
    expect(kernel).toMatchObject({ kind: 'Image', entry: RAM + 0x8_0000 });
    expect(kernel.end).toBeGreaterThan(kernel.entry + BARE.length);
  });

  test('that is compressed with gzip is unpacked, and one that is damaged is refused', () => {
    expect(readKernel(gzipSync(BARE), RAM)).toMatchObject({ kind: 'Image', entry: RAM + 0x8_0000 });
    expect(() => readKernel(gzipSync(BARE).subarray(0, 100), RAM)).toThrow('cannot be unpacked');
  });

  test('that is neither Image nor ELF is a flat binary', () => {
    const kernel = readKernel(Uint8Array.of(1, 2, 3, 4), RAM);
    expect(kernel).toMatchObject({ kind: 'flat', entry: RAM + 0x8_0000, end: RAM + 0x8_0004 });
  });

  test('that is an ELF has its segments at their physical addresses', () => {
    const kernel = readKernel(elf({ address: 0x4010_0000, virtual: 0xffff_0000, entry: 0xffff_0010 }), RAM);
    expect(kernel).toMatchObject({ kind: 'ELF', entry: 0x4010_0010, end: 0x4010_0100 });
    expect(kernel.segments).toEqual([{ address: 0x4010_0000, bytes: Uint8Array.of(7, 7, 7, 7) }]);
  });

  test('that cannot be loaded is refused with a reason', () => {
    const code = { code: 'ERR_GUEST_IMAGE' };
    const refusal = (bytes: Uint8Array) => {
      try {
        readKernel(bytes, RAM);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(refusal(new Uint8Array())).toMatchObject({ ...code, message: expect.stringContaining('empty') });
    const cut = elf({ address: RAM, virtual: RAM, entry: RAM });
    expect(refusal(cut.subarray(0, 40))).toMatchObject(code);
    expect(refusal(cut.subarray(0, 122))).toMatchObject({
      ...code,
      message: expect.stringContaining('cut off'),
    });
    const foreign = cut.slice();
    foreign[18] = 62;
    expect(refusal(foreign)).toMatchObject({ ...code, message: expect.stringContaining('AArch64') });
    const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    for (const [begin, why] of [
      ['export default { words: 1 };\n', 'is a text'],
      ['#!/bin/sh\n\x1b[1m\xc3\xa9', 'is a text'],
      ['\xfd7zXZ\0\0\x04', 'unxz'],
      ['(\xb5/\xfd\x04', 'unzstd'],
      ['BZh91AY', 'bunzip2'],
      ['\0asm\x01\0\0\0', 'WebAssembly'],
    ] as const)
      expect(refusal(bytes(begin)), begin).toMatchObject({
        ...code,
        message: expect.stringContaining(why),
      });
    // The commonest instructions have bytes that no text has.
    for (const word of [0x1400_0000, 0xd503_201f, 0xd65f_03c0, 0xd280_0000])
      expect(refusal(new Uint8Array(Uint32Array.of(word).buffer)), word.toString(16)).toBeUndefined();
  });

  test('that is flat has disk and tree far behind it, because it does not say where its .bss ends', () => {
    const kernel = readKernel(Uint8Array.of(1, 2, 3, 4), RAM);
    const tree = (bytes: number) => plan(kernel, undefined, { base: RAM, bytes }).tree - RAM;
    expect(tree(0x1000_0000)).toBe(0x800_0000);
    expect(tree(0x4000_0000)).toBe(0x800_0000);
    expect(tree(0x100_0000)).toBe(0x80_0000);
    expect(tree(0x30_0000)).toBe(0x10_0000);
    expect(plan(kernel, new Uint8Array(5000), { base: RAM, bytes: 0x1000_0000 })).toMatchObject({
      initrd: { address: RAM + 0x800_0000 },
      tree: RAM + 0x800_2000,
    });
    expect(() => plan(kernel, undefined, { base: RAM, bytes: 0x20_0000 })).toThrow(
      'the flat binary and what goes with it need 3 MiB, and the guest has 2: give --memory 3 or more',
    );
  });

  test('that does not fit guest memory is refused with the memory that would do', () => {
    const kernel = readKernel(BARE, RAM);
    expect(() => plan(kernel, undefined, { base: RAM, bytes: 0x10_0000 })).toThrow('--memory 5 or more');
    expect(() => plan(kernel, new Uint8Array(), { base: RAM, bytes: 0x100_0000 })).toThrow('an empty file');
    const disk = new Uint8Array(5000);
    const placed = plan(kernel, disk, { base: RAM, bytes: 0x100_0000 });
    expect(placed.initrd?.address).toBeGreaterThanOrEqual(kernel.end);
    expect(placed.tree).toBeGreaterThanOrEqual((placed.initrd?.address ?? 0) + disk.length);
  });
});

/** A small ELF with one segment of four bytes, and 0x100 in memory. */
function elf({ address, virtual, entry }: { address: number; virtual: number; entry: number }): Uint8Array {
  const bytes = new Uint8Array(124);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 183, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  for (const [at, value] of [
    [72, 120],
    [80, virtual],
    [88, address],
    [96, 4],
    [104, 0x100],
  ] as const)
    view.setBigUint64(at, BigInt(value), true);
  bytes.fill(7, 120);
  return bytes;
}
