import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { lineOfEvent, parseGuestTrace, readGuestTrace } from '../../../src/recorded/trace/guest-trace.ts';
import { failureOf, failureOrNone } from '../../failure.ts';

const RECORDED = new URL('../../../data/guests/linux-2cpu-virtio.jsonl.gz', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'irqloom-guest-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HEADER = {
  format: 'gicv3-guest-trace/1',
  cpus: 2,
  source: 'a test',
  spis: 64,
  itsBase: '0x8080000',
  gicdBase: '0x8000000',
  gicrBase: '0x80a0000',
  personality: 'qemu-virt',
};
const READ = { op: 'read', frame: 'GICD', offset: '0xffe8', size: 4, value: '0x3b' };
const lines = (...objects: object[]) => objects.map((object) => `${JSON.stringify(object)}\n`).join('');

function fileOf(name: string, bytes: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('the recorded Linux guest', () => {
  const trace = readGuestTrace(RECORDED);

  test('is read whole', () => {
    expect(trace.header).toMatchObject({ cpus: 2, spis: 256, personality: 'qemu-virt', itsBase: 0x808_0000 });
    expect(trace.events).toHaveLength(13_359);
    expect(trace.events.filter(({ op }) => op === 'msi')).toHaveLength(1660);
    expect(trace.events.filter(({ op }) => op === 'iar')).toHaveLength(3663);
  });

  test('says what every line of the file says', () => {
    const raw = gunzipSync(readFileSync(RECORDED)).toString().trim().split('\n');
    trace.events.forEach((event, index) => {
      const { op, cpu, offset, value, intid, name, size } = JSON.parse(raw[lineOfEvent(index) - 1] ?? '');
      const expected: Record<string, unknown> = { op };
      if (cpu !== undefined) expected.cpu = cpu;
      if (intid !== undefined) expected.intid = intid;
      if (offset !== undefined) expected.offset = Number(offset);
      if (value !== undefined) expected.value = size === 8 ? BigInt(value) : Number(value);
      if (name !== undefined) expected.command = { name };
      expect(event).toMatchObject(expected);
    });
  });

  test('reads the same from plain text, whatever the name', () => {
    const plain = fileOf('plain.gz', gunzipSync(readFileSync(RECORDED)));
    expect(readGuestTrace(plain).events).toEqual(trace.events);
  });
});

test('every kind of event is read', () => {
  const { events } = parseGuestTrace(
    lines(
      HEADER,
      { op: 'write', frame: 'GICR', cpu: 1, offset: '0x10100', size: 4, value: '0xffffffff' },
      { op: 'read', frame: 'GITS', offset: '0x8', size: 8, value: '0xffffffffffffffff' },
      { op: 'command', name: 'MAPD', deviceId: 8, size: 1, ittAddr: '0x481bfe00', valid: 1 },
      { op: 'command', name: 'MAPI', deviceId: 8, eventId: 8192, collectionId: 1 },
      { op: 'line', intid: 27, level: 1, cpu: 1 },
      { op: 'line', intid: 95, level: 0 },
      { op: 'sgi', cpu: 0, intid: 15, irm: 1, affinity: '0x10203', targets: '0xffff' },
      { op: 'iar', cpu: 0, intid: 1023 },
      { op: 'dir', cpu: 0, intid: 9000 },
    ),
    'x',
  );
  expect(events).toEqual([
    { op: 'write', frame: 'GICR', cpu: 1, offset: 0x1_0100, size: 4, value: 0xffff_ffff },
    { op: 'read', frame: 'GITS', cpu: -1, offset: 8, size: 8, value: 0xffff_ffff_ffff_ffffn },
    { op: 'command', command: { name: 'MAPD', deviceId: 8, size: 1, ittAddr: 0x481b_fe00, valid: true } },
    { op: 'command', command: { name: 'MAPI', deviceId: 8, eventId: 8192, collectionId: 1 } },
    { op: 'line', intid: 27, level: 1, cpu: 1 },
    { op: 'line', intid: 95, level: 0, cpu: -1 },
    { op: 'sgi', cpu: 0, intid: 15, irm: 1, affinity: 0x1_0203, targets: 0xffff },
    { op: 'iar', cpu: 0, intid: 1023 },
    { op: 'dir', cpu: 0, intid: 9000 },
  ]);
});

describe('a file that cannot be read is refused by name', () => {
  const cut = readFileSync(RECORDED).subarray(0, 5000);
  const bent = Uint8Array.from(readFileSync(RECORDED));
  bent.set([0, 0, 0, 0], 400);
  test.each<[string, () => string, string, RegExp]>([
    ['missing', () => join(folder, 'none.gz'), 'ERR_FILE', /none\.gz: there is no such file/],
    ['a directory', () => folder, 'ERR_FILE', /is a directory/],
    ['a device', () => '/dev/null', 'ERR_FILE', /not a regular file/],
    ['a path through a file', () => join(fileOf('flat', 'x'), 'y'), 'ERR_FILE', /no such file/],
    ['truncated gzip', () => fileOf('cut.gz', cut), 'ERR_TRACE_FORMAT', /cut\.gz:\d{3,}: .*truncated/],
    [
      'damaged gzip',
      () => fileOf('bent.gz', bent),
      'ERR_TRACE_FORMAT',
      /bent\.gz:1: the gzip data is damaged/,
    ],
    [
      'only a gzip magic',
      () => fileOf('magic', Uint8Array.of(0x1f, 0x8b)),
      'ERR_TRACE_FORMAT',
      /magic:1: .*truncated/,
    ],
    [
      'not gzip, not JSON',
      () => fileOf('a.png', '\x89PNG\r\n'),
      'ERR_TRACE_FORMAT',
      /a\.png:1: .*neither gzip nor/,
    ],
    ['empty', () => fileOf('empty', ''), 'ERR_TRACE_FORMAT', /empty:1: the file is empty/],
    [
      'empty gzip',
      () => fileOf('empty.gz', gzipSync('')),
      'ERR_TRACE_FORMAT',
      /empty\.gz:1: the file is empty/,
    ],
    [
      'a header alone',
      () => fileOf('alone', lines(HEADER)),
      'ERR_TRACE_FORMAT',
      /alone:2: the recording has no events/,
    ],
  ])('%s', (_, path, code, message) => {
    const error = failureOf(() => readGuestTrace(path()));
    expect(error).toMatchObject({ code, exitStatus: 2 });
    expect(error.message).toMatch(message);
  });

  test('a bomb is not unpacked', () => {
    const bomb = gzipSync(Buffer.alloc(257 * 1024 * 1024, 0x20), { level: 1 });
    expect(failureOf(() => readGuestTrace(fileOf('bomb.gz', bomb))).message).toMatch(/unpacks to more than/);
  });
});

describe('a wrong header is refused', () => {
  test.each<[string, object, RegExp]>([
    [
      'another format',
      { format: 'gem5-trace' },
      /^x:1: the format is "gem5-trace"; expected "gicv3-guest-trace\/1"/,
    ],
    ['another version', { format: 'gicv3-guest-trace/2' }, /another version/],
    ['no format', { format: undefined }, /^x:1: the header has no format/],
    ['no vCPU', { cpus: 0 }, /^x:1: cpus is 0; expected a whole number from 1 to 512/],
    ['a base that is a number', { itsBase: 5 }, /^x:1: itsBase is 5; expected a hex string/],
    ['too many SPIs', { spis: 989 }, /^x:1: spis is 989/],
    ['no personality', { personality: undefined }, /^x:1: personality is missing/],
  ])('%s', (_, change, message) => {
    const error = failureOf(() => parseGuestTrace(lines({ ...HEADER, ...change }, READ), 'x'));
    expect(error.code).toBe('ERR_TRACE_FORMAT');
    expect(error.message).toMatch(message);
  });

  test('a header field of the future is no error', () => {
    expect(parseGuestTrace(lines({ ...HEADER, recordedOn: 'a Sunday' }, READ), 'x').events).toHaveLength(1);
  });
});

describe('a wrong line is refused with its number', () => {
  const access = { op: 'write', frame: 'GICR', cpu: 0, offset: '0x0', size: 4, value: '0x1' };
  test.each<[string, object | string, RegExp]>([
    ['not JSON', '{"op":"re', /re" is not JSON; expected one JSON object/],
    ['an empty line', '', /the line is empty/],
    ['an array', '[1]', /is not a JSON object/],
    ['null', 'null', /is not a JSON object/],
    ['no op', {}, /op is missing; expected one of read, write/],
    ['an unknown op', { op: 'wirte' }, /op is "wirte"; expected .*did you mean write\?/],
    ['a missing field', { op: 'msi', deviceId: 8 }, /eventId is missing; expected a whole number from 0/],
    [
      'a field too many',
      { op: 'msi', deviceId: 8, eventId: 0, cpu: 0 },
      /op msi has no field "cpu"; its fields are op, deviceId/,
    ],
    ['a vCPU that is not there', { ...access, cpu: 2 }, /cpu is 2; expected a whole number from 0 to 1/],
    ['a vCPU on the distributor', { ...READ, cpu: 0 }, /has no field "cpu"/],
    ['an unknown frame', { ...access, frame: 'GICX' }, /frame is "GICX"; expected one of GICD, GICR, GITS/],
    ['a size of 3', { ...access, size: 3 }, /size is 3; expected 1, 2, 4 or 8/],
    ['an offset outside', { ...access, offset: '0x20000' }, /expected one inside GICR, below 0x20000/],
    ['an offset across the end', { ...READ, offset: '0xfffe' }, /expected one inside GICD/],
    ['an odd offset', { ...access, offset: '0x2' }, /expected a multiple of the size, 4/],
    ['a value too wide', { ...access, value: '0x100000000' }, /value is .*below 2\^32/],
    ['a value of 65 bits', { ...access, size: 8, value: '0x10000000000000000' }, /at most 64 bits/],
    ['a decimal value', { ...access, value: '12' }, /expected a hex string/],
    ['an unknown command', { op: 'command', name: 'MAPVI', deviceId: 1 }, /did you mean MAPTI\?/],
    [
      'a valid of 2',
      { op: 'command', name: 'MAPC', collectionId: 0, rdbase: 0, valid: 2 },
      /valid is 2; expected a whole number from 0 to 1/,
    ],
    ['an LPI that is none', { op: 'lpi-config', lpi: 8191, value: '0xa0' }, /lpi is 8191/],
    [
      'an SGI as a wire',
      { op: 'line', intid: 3, level: 1, cpu: 0 },
      /intid is 3; expected a whole number from 16 to 95/,
    ],
    ['an SPI past the last', { op: 'line', intid: 96, level: 1 }, /intid is 96/],
    ['a PPI without a vCPU', { op: 'line', intid: 27, level: 1 }, /cpu is missing/],
    ['an INTID between', { op: 'iar', cpu: 0, intid: 1024 }, /intid is 1024; expected 0 to 1023, or an LPI/],
    ['a fraction', { op: 'iar', cpu: 0, intid: 1.5 }, /intid is 1\.5/],
    ['an unknown register', { op: 'icc', cpu: 0, register: 'SRE', value: '0x7' }, /register is/],
  ])('%s', (_, line, message) => {
    const text = `${lines(HEADER, READ)}${typeof line === 'string' ? line : JSON.stringify(line)}\n${lines(READ)}`;
    const error = failureOf(() => parseGuestTrace(text, 'some.jsonl'));
    expect(error.code).toBe('ERR_TRACE_FORMAT');
    expect(error.message).toMatch(/^some\.jsonl:3: /);
    expect(error.message).toMatch(message);
  });
});

test('whatever is done to a line, the answer is a recording or an error that names the line', () => {
  const raw = gunzipSync(readFileSync(RECORDED)).toString().split('\n');
  const [header = '', ...events] = raw;
  const kinds = [...new Map(events.map((line) => [line.replace(/\d+|0x[0-9a-f]+/g, ''), line])).values()];
  let refused = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds.filter((line) => line !== '')),
      fc.nat(),
      fc.nat(4),
      fc.string({ maxLength: 3 }),
      (line, seed, cut, put) => {
        const at = seed % line.length;
        const damaged = (line.slice(0, at) + put + line.slice(at + cut)).replaceAll('\n', '');
        const error = failureOrNone(() => parseGuestTrace(`${header}\n${line}\n${damaged}\n`, 'x'));
        if (error === undefined) return;
        refused++;
        expect(error.code).toBe('ERR_TRACE_FORMAT');
        expect(error.message).toMatch(/^x:3: /);
      },
    ),
    { numRuns: 2000 },
  );
  expect(refused).toBeGreaterThan(1000);
});
