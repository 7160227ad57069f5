import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nearest } from '../../../src/base/suggestion.ts';
import { parseVector, readVector } from '../../../src/conformance/vectors/vector-language.ts';
import { failureOf, failureOrNone } from '../../failure.ts';

const VECTORS = new URL('../../fixtures/vectors/', import.meta.url).pathname;

const actionOf = (step: string) => parseVector(step, 'x').steps[0]?.action;

describe('the recorded vectors', () => {
  const files = readdirSync(VECTORS).filter((name) => name.endsWith('.vec'));

  test('all recorded vectors exist and parse', () => {
    expect(files).toHaveLength(12);
    const steps = files.map((name) => readVector(VECTORS + name).steps.length);
    expect(steps.reduce((sum, n) => sum + n, 0)).toBe(948);
  });

  test('a recorded vector parses to its steps', () => {
    const { title, cpus, steps } = readVector(`${VECTORS}08-its-lpi-path.vec`);
    expect({ title, cpus }).toEqual({ title: 'LPI path from MAPD to acknowledge', cpus: 4 });
    expect(steps.slice(0, 10).map(({ line, action }) => [line, action])).toEqual([
      [4, { op: 'setup-dist' }],
      [5, { op: 'setup-lpis', idBits: 16, cpus: [0, 1, 2, 3] }],
      [6, { op: 'setup-its', queuePages: 16 }],
      [7, { op: 'cpu', cpu: 0, verb: 'on' }],
      [8, { op: 'cpu', cpu: 1, verb: 'on' }],
      [9, { op: 'cpu', cpu: 2, verb: 'on' }],
      [10, { op: 'cpu', cpu: 3, verb: 'on' }],
      [11, { op: 'read', bits: 32, place: { frame: 'ITS', offset: 0 } }],
      [13, { op: 'read', bits: 32, place: { frame: 'GICR', cpu: 2, offset: 0 } }],
      [
        15,
        { op: 'cmd', command: { name: 'MAPD', deviceId: 16, size: 4, ittAddr: 0x4154_0000, valid: true } },
      ],
    ]);
    expect(steps[8]?.marks).toEqual([
      { who: 'kvm', answer: { value: '0x7' }, why: 'IR (bit 2) as well as CES' },
    ]);
  });
});

test('the parser ignores comments, blanks, letter case and the position of machine', () => {
  const plain = parseVector('r32 GICD.CTLR\ncpu 5 ack\nmachine cpus=6\n', 'x');
  const decked = parseVector('# a # b\r\n  r32\tgicd.ctlr   # c\r\n\ncpu 0x5 ack\nmachine cpus=0x6', 'x');
  expect(decked.steps.map(({ action }) => action)).toEqual(plain.steps.map(({ action }) => action));
  expect(decked.steps.map(({ line }) => line)).toEqual([2, 4]);
});

test('a number is decimal, hex, a symbol, a sum or a union', () => {
  expect(actionOf('w64 ITS.CBASER CMDQ+0x1000|0x8000000000000000|15')).toMatchObject({
    value: 0x8000_0000_4140_100fn,
  });
  expect(actionOf('mem64 PEND+131072 7')).toEqual({ op: 'mem64', address: 0x4112_0000, value: 7n });
});

test('a register is named by name, index or offset', () => {
  const placeOf = (register: string) => {
    const action = actionOf(`r8 ${register}`);
    return action?.op === 'read' ? action.place : undefined;
  };
  expect(placeOf('GICD.ISENABLER[1]')).toEqual({ frame: 'GICD', offset: 0x104 });
  expect(placeOf('GICD.ISENABLER[1]+1')).toEqual({ frame: 'GICD', offset: 0x105 });
  expect(placeOf('GICD.IROUTER[40]')).toEqual({ frame: 'GICD', offset: 0x6140 });
  expect(placeOf('GICR3.PENDBASER+4')).toEqual({ frame: 'GICR', cpu: 3, offset: 0x7c });
  expect(placeOf('SGI1.ICFGR1')).toEqual({ frame: 'GICR', cpu: 1, offset: 0x1_0c04 });
  expect(placeOf('ITS+0x10040')).toEqual({ frame: 'ITS', offset: 0x1_0040 });
  expect(placeOf('RAM+0x1000')).toEqual({ frame: 'RAM', offset: 0x1000 });
});

test('the answer of a mark may contain braces and blanks', () => {
  const { steps } = parseVector('!kvm={"a":{"b":"}, {\\""}, "c":[1]} why = {so}\n!arch other\nkick', 'x');
  expect(steps[0]?.marks).toEqual([
    { who: 'kvm', answer: { a: { b: '}, {"' }, c: [1] }, why: 'why = {so}' },
    { who: 'arch', why: 'other' },
  ]);
});

describe('the parser refuses a wrong line with its number and the right form', () => {
  test.each<[string, RegExp]>([
    ['setup-dits', /unknown step "setup-dits"; did you mean setup-dist\?/],
    ['\x00\x01\x7f\x9b', /unknown step "\\u0000\\u0001\\u007f\\u009b"; expected r8, /],
    ['r33 GICD.CTLR', /unknown step "r33"; did you mean r32\?|r8\?/],
    ['r32', /the register is missing/],
    ['r32 CTLR', /"CTLR" is no register: expected a register: FRAME\.NAME/],
    ['r32 GICX.CTLR', /unknown frame GICX; expected GICD, GICRn/],
    ['r32 GICD.ISENABLR[1]', /GICD has no register ISENABLR; did you mean ISENABLER\?/],
    ['r32 GICD.constructor', /GICD has no register constructor/],
    ['r32 GICD.CTLR[1]', /there is one GICD\.CTLR; expected no index/],
    ['r32 GICD0.CTLR', /there is one GICD; expected no number/],
    ['r32 GICR.CTLR', /GICR needs the number of its vCPU/],
    ['r32 SGI4.ISENABLER0', /the machine has vCPUs 0 to 3/],
    ['r32 GICD.IROUTER[99999]', /inside GICD, which has 0x10000 bytes/],
    ['r64 ITS+0x1fffc', /inside ITS, which has 0x20000 bytes/],
    ['r32 GICD.CTLR 1', /r32 has "1" too much; expected 1 word after it/],
    ['w32 GICD.CTLR', /the value is missing/],
    ['w8 GICD.IPRIORITYR[8] 0x100', /the value is "0x100"; expected at most 8 bits/],
    ['w32 GICD.CTLR 0xg', /the value is "0xg"; expected a number/],
    ['w32 GICD.CTLR -1', /the value is "-1"; expected a number/],
    ['w64 ITS.CBASER CMDX', /unknown symbol "CMDX"; did you mean CMDQ\?/],
    ['w64 ITS.CBASER 0x10000000000000000', /expected at most 64 bits/],
    ['fill 0x1000 4 0', /the address is "0x1000"; expected 4 bytes inside RAM, 0x40000000 to 0x47ffffff/],
    ['fill RAM+0x7fffffe 4 0', /expected 4 bytes inside RAM/],
    ['fill RAM 4 256', /the byte is "256"; expected 0 to 255/],
    ['setup-lpis idbit=16', /setup-lpis has no "idbit"; did you mean idbits\?/],
    ['setup-lpis cpus=0,,1', /setup-lpis cpus is ""; expected a number/],
    ['setup-its queue=257', /setup-its queue is "257"; expected 1 to 256/],
    ['setup-dist now', /setup-dist has "now" too much; expected nothing after it/],
    ['zero-itt', /zero-itt dev= is missing/],
    ['cmd', /the command is missing/],
    ['cmd MAPV dev=1', /unknown command "MAPV"; did you mean MAPD\?/],
    ['cmd MAPTI dev=1 event=0 lpi=8192', /MAPTI needs coll=/],
    ['cmd INV dev=1 evnt=0', /INV has no "evnt"; did you mean event\?/],
    ['cmd INV dev=1 dev=1 event=0', /INV has dev= twice/],
    ['cmd INV dev=1 event', /INV: "event" is not key=value; expected dev=, event=/],
    ['cmd MAPC coll=0x10000 rd=0', /MAPC coll is "0x10000"; expected 0 to 65535/],
    ['cmd MAPD dev=1 bits=33', /MAPD bits is "33"; expected 0 to 32/],
    ['cmd RAW 1 2 3 4 5', /RAW has "5" too much; expected 4 words/],
    ['queue*x SYNC', /the count after queue\* is "x"/],
    ['msi dev=1', /msi event= is missing/],
    ['line level=1', /line needs spi= or ppi=/],
    ['line spi=31 level=1', /line spi= is "31"; expected 32 to 1019/],
    ['line spi=40 cpu=1 level=1', /line spi= has no cpu=/],
    ['line ppi=20 level=1', /line cpu= is missing/],
    ['line spi=40 level=2', /line level= is "2"; expected 0 to 1/],
    ['lpi-config 8192', /lpi-config has ""; expected on or off/],
    ['lpi-config 8191 on', /the INTID is "8191"; expected 8192 to/],
    ['lpi-pending 8192 cpu=4', /lpi-pending cpu= is "4"; expected 0 to 3/],
    ['attr got vgic CTRL INIT', /unknown call of attr "got"; did you mean get\?/],
    ['attr get gic CTRL INIT', /unknown device of attr "gic"; did you mean vgic\?/],
    ['attr get vgic CTLR INIT', /unknown group "CTLR"; did you mean CTRL\?/],
    ['attr set its CTRL ITS_SAVE', /unknown attribute "ITS_SAVE"/],
    ['attr get vgic CTRL', /the attribute is missing/],
    ['irqfd 16 gsi=3', /the eventfd is "16"; expected 0 to 15/],
    ['irqfd 1', /irqfd gsi= is missing/],
    ['route gsi=4096 pin=1', /route gsi= is "4096"; expected 0 to 4095/],
    ['route gsi=1', /route dev= is missing/],
    ['cpu 4 on', /the vCPU is "4"; expected 0 to 3/],
    ['cpu 0', /the verb is missing; expected one of on, off/],
    ['cpu 0 akc', /unknown verb of cpu "akc"; did you mean ack\?/],
    ['cpu 0 ack 5', /ack has "5" too much; expected nothing/],
    ['cpu 0 sgi 16 to=1', /the INTID is "16"; expected 0 to 15/],
    ['cpu 0 sgi 1', /sgi needs to=/],
    ['machine cpus=0', /machine cpus is "0"; expected 1 to 512/],
    ['machine cpus=1 itses=3', /machine itses is "3"; expected 1 to 2/],
    ['its 1', /the ITS is "1"; expected 0 to 0/],
    ['vm 1', /the VM is "1"; expected 0 to 0/],
    ['carry-ram', /carry-ram needs a second VM; expected machine vms=2/],
    ['carry vgic CTRL INIT', /carry needs a second VM/],
    ['cpu 0 take 0', /the most is "0"; expected 1 to 65535/],
    ['machine cpu=2', /machine has no "cpu"; did you mean cpus\?/],
    ['!', /"!" is no mark; expected !WHO WHY/],
    ['!kvm', /the mark has no reason; expected !kvm WHY/],
    ['!kvm={"value":1}', /the mark has no reason/],
    ['!kvm={"value" why', /has no end; expected \{json\}/],
    ['!kvm=7 why', /has no end/],
    ["!kvm={'value':1} why", /is not JSON; expected one such as/],
  ])('%s', (line, message) => {
    const error = failureOf(() => parseVector(`title t\n# a comment\n${line}\nkick\n`, 'some.vec'));
    expect(error).toMatchObject({ code: 'ERR_VECTOR_FORMAT', exitStatus: 2 });
    expect(error.message).toMatch(/^some\.vec:3: /);
    expect(error.message).toMatch(message);
  });

  test.each<[string, RegExp]>([
    ['kick\n!kvm why\nsetup-dist\nkick', /^x:3: setup-dist observes nothing; .* mark of line 2/],
    ['kick\n!kvm why\n', /^x:2: the mark has no step/],
    ['', /^x:1: the vector has no steps/],
    ['title only', /^x:1: the vector has no steps/],
    ['machine cpus=2\nmachine cpus=2\nkick', /^x:2: there is a machine already/],
    ['machine cpus=17\nsetup-lpis', /^x:2: setup-lpis has pending tables for vCPUs 0 to 15/],
    ['machine cpus=2\nr32 GICR2.CTLR', /^x:2: .*the machine has vCPUs 0 to 1/],
  ])('%j', (text, message) => {
    expect(failureOf(() => parseVector(text, 'x')).message).toMatch(message);
  });

  test('the parser refuses an unreadable file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'irqloom-vector-'));
    try {
      const missing = failureOf(() => readVector(join(folder, 'none.vec')));
      expect(missing.code).toBe('ERR_FILE');
      expect(missing.message).toMatch(
        /none\.vec: there is no such file; expected the file of a conformance vector/,
      );
      expect(failureOf(() => readVector(folder)).message).toMatch(/is a directory/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test('the parser suggests only similar words', () => {
  expect(nearest('MAPIT', ['MAPD', 'MAPTI', 'SYNC'])).toBe('MAPTI');
  expect(nearest('isenabler', ['ICENABLER', 'ISENABLER'])).toBe('ISENABLER');
  expect(nearest('banana', ['MAPD', 'SYNC'])).toBeUndefined();
  expect(nearest('x', ['y', 'z'])).toBeUndefined();
});

test('any mutation of a vector parses, or is an error that names one of its lines', () => {
  const texts = readdirSync(VECTORS)
    .filter((name) => name.endsWith('.vec'))
    .map((name) => readFileSync(VECTORS + name, 'utf8'));
  let refused = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.nat(),
      fc.nat(6),
      fc.string({ maxLength: 3 }),
      (text, seed, cut, put) => {
        const at = seed % text.length;
        const damaged = text.slice(0, at) + put + text.slice(at + cut);
        const error = failureOrNone(() => parseVector(damaged, 'x'));
        if (error === undefined) return;
        refused++;
        expect(error.code).toBe('ERR_VECTOR_FORMAT');
        const line = Number(/^x:(\d+): /.exec(error.message)?.[1]);
        expect(line).toBeGreaterThan(0);
        expect(line).toBeLessThanOrEqual(damaged.split('\n').length);
      },
    ),
    { numRuns: 1000 },
  );
  expect(refused).toBeGreaterThan(200);
});
