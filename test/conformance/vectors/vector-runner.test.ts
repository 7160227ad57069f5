import { describe, expect, test } from 'vitest';
import { IrqError } from '../../../src/base/irq-error.ts';
import { formatAnswer } from '../../../src/conformance/vectors/vector-answers.ts';
import { parseVector } from '../../../src/conformance/vectors/vector-language.ts';
import type { RegisterPlace } from '../../../src/conformance/vectors/vector-registers.ts';
import { runVector } from '../../../src/conformance/vectors/vector-runner.ts';
import type { VectorTarget } from '../../../src/conformance/vectors/vector-target.ts';

const hex = (value: number | bigint) => value.toString(16);
const nameOf = (place: RegisterPlace) =>
  `${place.frame}${place.frame === 'GICR' ? place.cpu : ''}+${hex(place.offset)}`;

/** A target that writes down every access, and answers what it was told to. Registers read 0 until they are written. */
function recorder(answers: Partial<VectorTarget> = {}): { log: string[]; target: VectorTarget } {
  const log: string[] = [];
  const registers = new Map<string, bigint>();
  const target: VectorTarget = {
    use: (vm, its) => void log.push(`use ${vm} ${its}`),
    copyRam: (from) => void log.push(`copy ${from}`),
    read(place, bytes) {
      log.push(`r${bytes} ${nameOf(place)}`);
      return registers.get(nameOf(place)) ?? 0n;
    },
    write(place, bytes, value) {
      log.push(`w${bytes} ${nameOf(place)} ${hex(value)}`);
      registers.set(nameOf(place), value);
    },
    ramRead(address, bytes) {
      log.push(`ram? ${hex(address)} ${bytes}`);
      return Uint8Array.from({ length: bytes }, (_, index) => index + 1);
    },
    ramWrite(address, data) {
      const uniform = data.length > 8 && data.every((byte) => byte === data[0]);
      const shown = uniform ? `${data.length} x ${data[0]}` : Buffer.from(data).toString('hex');
      log.push(`ram ${hex(address)} ${shown}`);
    },
    msi: (deviceId, eventId) => void log.push(`msi ${deviceId} ${eventId}`),
    line: (wire, level) => void log.push(`line ${JSON.stringify(wire)} ${level}`),
    lpiPending: () => true,
    lpiPendingAll: () => [[0, 8192]],
    iccRead(cpu, register) {
      log.push(`icc${cpu}? ${register}`);
      return 1023n;
    },
    iccWrite: (cpu, register, value) => void log.push(`icc${cpu} ${register} ${hex(value)}`),
    take: (_, most) => [27, 8192].slice(0, most),
    irq: () => true,
    fiq: () => false,
    vm: ({ op }) => (op === 'told' ? { errno: 0, value: 3n } : { errno: 22 }),
    ...answers,
  };
  return { log, target };
}

/** What a vector does to a target. */
function accessesOf(text: string): string[] {
  const { log, target } = recorder();
  runVector(parseVector(text, 'x'), target);
  return log;
}

/** What a vector is answered, one JSON line an observation. */
function answersOf(text: string, answers: Partial<VectorTarget> = {}): string[] {
  return runVector(parseVector(text, 'x'), recorder(answers).target).map(formatAnswer);
}

describe('the accesses of each kind of step, in order', () => {
  test('steps on registers and memory', () => {
    expect(
      accessesOf(`
        w32 GICD.CTLR 2
        r64 GICR1.TYPER
        w8 SGI3.IPRIORITYR[1]+2 0xa0
        w64 RAM+8 0x0102
        r16 RAM+8
        fill PROP 3 0xa1
        mem64 CMDQ+0x40 0x1000000003`),
    ).toEqual([
      'w4 GICD+0 2',
      'r8 GICR1+8',
      'w1 GICR3+10406 a0',
      'ram 40000008 0201000000000000',
      'ram? 40000008 2',
      'ram 41000000 a1a1a1',
      'ram 41400040 0300000010000000',
    ]);
  });

  test('setup-dist enables group 1 and puts every interrupt into group 1', () => {
    expect(accessesOf('machine cpus=2\nsetup-dist')).toEqual([
      'w4 GICD+0 2',
      ...['84', '88', '8c', '90', '94', '98', '9c'].map((offset) => `w4 GICD+${offset} ffffffff`),
      'w4 GICR0+10080 ffffffff',
      'w4 GICR1+10080 ffffffff',
    ]);
  });

  test('setup-lpis zeroes the tables, writes the table registers and enables LPIs', () => {
    expect(accessesOf('setup-lpis idbits=14 cpus=0,2')).toEqual([
      'ram 41000000 65536 x 0',
      'ram 41100000 65536 x 0',
      'w8 GICR0+70 4100000d',
      'w8 GICR0+78 41100000',
      'w4 GICR0+0 1',
      'ram 41120000 65536 x 0',
      'w8 GICR2+70 4100000d',
      'w8 GICR2+78 41120000',
      'w4 GICR2+0 1',
    ]);
  });

  test('setup-its zeroes the tables, writes the base registers and enables the ITS; zero-itt zeroes an ITT', () => {
    expect(accessesOf('setup-its queue=2\nzero-itt dev=0x143')).toEqual([
      'ram 41200000 65536 x 0',
      'ram 41300000 65536 x 0',
      'ram 41400000 8192 x 0',
      'w8 ITS+100 8000000041200200',
      'w8 ITS+108 8000000041300200',
      'w8 ITS+80 8000000041400001',
      'w8 ITS+88 0',
      'w4 ITS+0 1',
      'ram 4160c000 16384 x 0',
    ]);
  });

  test('cmd finds the queue, writes the command, moves CWRITER, reads CREADR', () => {
    expect(accessesOf('w64 ITS.CBASER CMDQ\ncmd MAPTI dev=0x10 event=3 lpi=8193 coll=2').slice(1)).toEqual([
      'r8 ITS+80',
      'r8 ITS+88',
      `ram 41400000 ${'0a00000010000000'}${'0300000001200000'}${'0200000000000000'}${'0'.repeat(16)}`,
      'w8 ITS+88 20',
      'r8 ITS+90',
    ]);
  });

  test('queue leaves CWRITER, kick moves it, and the queue wraps', () => {
    expect(
      accessesOf('w64 ITS.CBASER CMDQ\nw64 ITS.CWRITER 0xfc0\nqueue*2 RAW 1\nqueue RAW 2\nkick\nkick').slice(
        2,
      ),
    ).toEqual([
      'r8 ITS+80',
      'r8 ITS+88',
      expect.stringMatching(/^ram 41400fc0 01/),
      'r8 ITS+80',
      expect.stringMatching(/^ram 41400fe0 01/),
      'r8 ITS+80',
      expect.stringMatching(/^ram 41400000 02/),
      'w8 ITS+88 20',
      'r8 ITS+90',
      'r8 ITS+90',
    ]);
  });

  test('a write to CBASER, whole or in halves, drops queued commands, and a write to CREADR does not', () => {
    const kicked = (between: string) =>
      accessesOf(`queue RAW 1\n${between}\nkick`).some((line) => line.startsWith('w8 ITS+88'));
    expect(kicked('w64 ITS.CREADR 0')).toBe(true);
    expect(kicked('w64 ITS.CBASER CMDQ')).toBe(false);
    expect(kicked('w32 ITS.CBASER+4 0x80000000')).toBe(false);
    expect(kicked('setup-its\nw64 ITS.CREADR 0')).toBe(true); // setup-its writes CWRITER itself
    expect(accessesOf('queue RAW 1\nsetup-its\nkick').slice(-1)).toEqual(['r8 ITS+90']);
  });

  test('steps on wires, MSIs and the configuration table', () => {
    expect(
      accessesOf(
        'msi dev=8 event=1\nline spi=40 level=1\nline ppi=20 cpu=1 level=0\nlpi-config 8194 prio=0x83 on\nlpi-config 8192 off',
      ),
    ).toEqual([
      'msi 8 1',
      'line {"spi":40} 1',
      'line {"ppi":20,"cpu":1} 0',
      'ram 41000002 83',
      'ram 41000000 a2',
    ]);
  });

  test('steps on the CPU interface', () => {
    expect(
      accessesOf(`
        cpu 1 on
        cpu 1 eoimode 1
        cpu 1 pmr 0x80
        cpu 1 eoi 8192
        cpu 1 dir 40
        cpu 1 sgi 3 to=0,2
        cpu 1 sgi 2 to=others
        cpu 1 sgi 1 to=1,17
        cpu 1 off`),
    ).toEqual([
      ...['SRE 7', 'CTLR 0', 'PMR f0', 'BPR1 0', 'IGRPEN1 1'].map((write) => `icc1 ${write}`),
      'icc1 CTLR 2',
      'icc1 PMR 80',
      'icc1 EOIR1 2000',
      'icc1 DIR 28',
      'icc1 SGI1R 3000005',
      'icc1 SGI1R 10002000000',
      'icc1 SGI1R 1000002',
      'icc1 SGI1R 1010002',
      'icc1 IGRPEN1 0',
    ]);
  });
});

describe('the answers of observations', () => {
  test('observations answer with the names of the recordings', () => {
    expect(
      answersOf(`
        w32 ITS.CTLR 1
        r32 ITS.CTLR
        !kvm={"creadr":"0x40"} another
        kick
        cmd SYNC  rd=0
        lpi-pending 0x2000 cpu=1
        lpi-pending-all
        cpu 0 hppi
        cpu 0 irq
        cpu 0 pmr?`),
    ).toEqual([
      '{"i":0,"line":3,"op":"r32","at":"ITS.CTLR","value":"0x1"}',
      '{"i":1,"line":5,"op":"kick","creadr":"0x0","stalled":0,"marks":[{"who":"kvm","answer":{"creadr":"0x40"},"why":"another"}]}',
      '{"i":2,"line":6,"op":"cmd","cmd":"SYNC rd=0","creadr":"0x0","stalled":0}',
      '{"i":3,"line":7,"op":"lpi-pending","intid":8192,"cpu":1,"pending":1}',
      '{"i":4,"line":8,"op":"lpi-pending-all","pending":[[0,8192]]}',
      '{"i":5,"line":9,"op":"cpu","cpu":0,"verb":"hppi","intid":1023}',
      '{"i":6,"line":10,"op":"cpu","cpu":0,"verb":"irq","irq":1}',
      '{"i":7,"line":11,"op":"cpu","cpu":0,"verb":"pmr?","value":"0x3ff"}',
    ]);
  });

  test('drain takes interrupts until none is pending or the limit is reached', () => {
    const queue = [34n, 33n, 8192n, 1023n];
    const { log, target } = recorder({ iccRead: () => queue.shift() });
    const answers = runVector(parseVector('cpu 2 drain 2\ncpu 2 drain', 'x'), target).map(formatAnswer);
    expect(answers).toEqual([
      '{"i":0,"line":1,"op":"cpu","cpu":2,"verb":"drain","intids":[34,33]}',
      '{"i":1,"line":2,"op":"cpu","cpu":2,"verb":"drain","intids":[8192]}',
    ]);
    expect(log).toEqual(['icc2 EOIR1 22', 'icc2 EOIR1 21', 'icc2 EOIR1 2000']);
  });

  test('a stalled queue shows in the answer', () => {
    expect(answersOf('kick', { read: () => 0x41n })[0]).toContain('"creadr":"0x40","stalled":1');
  });

  test('calls of userland answer with their errno, and a read with its value', () => {
    expect(answersOf('told 1\nirqfd 1 gsi=2')).toEqual([
      '{"i":0,"line":1,"op":"told","call":"1","errno":0,"value":"0x3"}',
      '{"i":1,"line":2,"op":"irqfd","call":"1 gsi=2","errno":22}',
    ]);
  });

  test('a carried attribute is read in the other VM and written in this one', () => {
    const calls: string[] = [];
    const { log, target } = recorder({
      vm: (call) => {
        calls.push(call.op === 'attr' ? `${log.at(-1)}: ${call.call} ${call.value}` : call.op);
        return { errno: 0, value: 7n };
      },
    });
    const vector = parseVector('machine vms=2 itses=2\nits 1\nvm 1\ncarry-ram\ncarry its ITS_REGS 0x80', 'x');
    expect(runVector(vector, target).map(formatAnswer)).toEqual([
      '{"i":0,"line":5,"op":"carry","call":"its ITS_REGS 0x80","errno":0,"value":"0x7"}',
    ]);
    expect(log).toEqual(['use 0 1', 'use 1 1', 'copy 0', 'use 0 1', 'use 1 1']);
    expect(calls).toEqual(['use 0 1: get 0', 'use 1 1: set 7']);
  });

  test('an attribute that the other VM does not give is not written', () => {
    const vector = parseVector('machine vms=2\ncarry vgic DIST_REGS 0x2', 'x');
    expect(runVector(vector, recorder().target).map(formatAnswer)).toEqual([
      '{"i":0,"line":2,"op":"carry","call":"vgic DIST_REGS 0x2","errno":22}',
    ]);
  });

  test('what a guest takes by its vector is the answer', () => {
    expect(answersOf('cpu 1 take 1')).toEqual([
      '{"i":0,"line":1,"op":"cpu","cpu":1,"verb":"take","intids":[27]}',
    ]);
  });

  test('an answer that the target cannot give is unsupported', () => {
    const nothing = () => undefined;
    const answers = answersOf(
      'r32 GICD.CTLR\nkick\nlpi-pending 8192 cpu=0\nlpi-pending-all\ncpu 0 irq\ncpu 0 ack\ncpu 0 drain\ncpu 0 rpr\ntold 1',
      {
        read: nothing,
        lpiPending: nothing,
        lpiPendingAll: nothing,
        irq: nothing,
        iccRead: nothing,
        vm: nothing,
      },
    );
    expect(answers).toHaveLength(9);
    for (const answer of answers) expect(JSON.parse(answer).unsupported).toBe(true);
  });
});

test("an error of the target says which of the vector's steps met it", () => {
  const ramWrite = () => {
    throw new IrqError('ERR_GUEST_ADDRESS', 'no memory at 0x0');
  };
  const run = () => runVector(parseVector('kick\ncmd SYNC', 'some.vec'), recorder({ ramWrite }).target);
  expect(run).toThrow(/^some\.vec:2: no memory at 0x0$/);
  expect(run).toThrow(expect.objectContaining({ code: 'ERR_GUEST_ADDRESS' }));
});
