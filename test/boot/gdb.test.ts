import { execFile, spawn } from 'node:child_process';
import { createConnection } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { buildBoard } from '../../src/boot/build.ts';
import { Controlled, seededStrategy } from '../../src/boot/controlled.ts';
import { checksum, frame, PacketReader } from '../../src/boot/gdb/packet.ts';
import { GdbStub } from '../../src/boot/gdb/stub.ts';
import { GdbTarget } from '../../src/boot/gdb/target.ts';
import { runGuest } from '../../src/boot/run.ts';
import { has } from '../platform/tools.ts';
import { program, runOptions } from './guests.ts';

const MAIN = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const BARE_FILE = fileURLToPath(new URL('../../guests/bare/bare.bin', import.meta.url));

const ENTRY = 0x4008_0000;
/** movz x1, #5; add x1, x1, #1; nop; b . */
const COUNTING = program(0xd280_00a1, 0x9100_0421, 0xd503_201f, 0x1400_0000);

function attached(kernel: Uint8Array = COUNTING) {
  const board = buildBoard(runOptions({ kernel }));
  const target = new GdbTarget(board, new Controlled(board), seededStrategy(1, 10), () => undefined);
  const stub = new GdbStub(target);
  return (packet: string) => {
    const reply = stub.handle(packet);
    if (reply === 'run') return stub.run();
    return typeof reply === 'string' ? reply : reply.answer;
  };
}

const little = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes.toString('hex');
};

describe('a GDB packet', () => {
  test('ends with the sum of its bytes, and has special characters escaped', () => {
    expect(frame('OK')).toBe('$OK#9a');
    expect(frame('a#b')).toBe(`$a}\u0003b#${checksum('a}\u0003b')}`);
  });

  test('is found in a stream cut anywhere, after acknowledgements; a damaged packet is requested again', () => {
    const reader = new PacketReader();
    let bad = 0;
    const take = (text: string) => reader.take(Buffer.from(text, 'latin1'), () => bad++);
    expect(take('+$m4')).toEqual([]);
    expect(take(`,2#${checksum('m4,2')}\u0003`)).toEqual([{ packet: 'm4,2' }, 'interrupt']);
    expect(take('$g#00')).toEqual([]);
    expect(bad).toBe(1);
    expect(take(frame('a}b'))).toEqual([{ packet: 'a}b' }]);
  });
});

describe('the GDB stub', () => {
  test('steps, and reads and writes registers and memory', () => {
    const send = attached();
    expect(send('?')).toBe('T05thread:1;');
    expect(send('p20')).toBe(little(ENTRY));
    expect(send('s')).toBe('T05thread:1;');
    expect(send('p1')).toBe(little(5));
    send(`P1=${little(41)}`);
    send('s');
    expect(send('p1')).toBe(little(42));
    expect(send(`m${ENTRY.toString(16)},4`)).toBe('a10080d2');
    expect(send(`M${ENTRY.toString(16)},4:1f2003d5`)).toBe('OK');
    expect(send(`m${ENTRY.toString(16)},4`)).toBe('1f2003d5');
    expect(send('m0,4')).toBe('E01');
    expect((send('g') ?? '').length).toBe(33 * 16 + 8);
  });

  test('stops at a breakpoint, which memory does not show, and continues after it', () => {
    const send = attached();
    const at = ENTRY + 8;
    expect(send(`Z0,${at.toString(16)},4`)).toBe('OK');
    expect(send('c')).toBe('T05thread:1;');
    expect(send('p20')).toBe(little(at));
    expect(send(`m${at.toString(16)},4`)).toBe('1f2003d5');
    expect(send('s')).toBe('T05thread:1;');
    expect(send('p20')).toBe(little(at + 4));
    expect(send(`z0,${at.toString(16)},4`)).toBe('OK');
    expect(send('c')).toBeUndefined();
  });

  test('reports that the guest has ended', () => {
    // movz w0, #8; movk w0, #0x8400, lsl #16; hvc #0: SYSTEM_OFF.
    const send = attached(program(0x5280_0100, 0x72b0_8000, 0xd400_0002));
    expect(send('c')).toBe('W00');
  });

  test('answers an unknown packet with an empty packet', () => {
    const send = attached();
    expect(send('vMustReplyEmpty')).toBe('');
    expect(send('Z2,1000,4')).toBe('');
    expect(send('Hg9')).toBe('E01');
  });
});

describe('gdb-multiarch', () => {
  test.skipIf(!has('gdb-multiarch'))(
    'attaches, breaks, steps, reads memory and lets the guest go on',
    async () => {
      // The guest may end before its debugger has.
      let debugged: Promise<string> = Promise.resolve('');
      const result = await runGuest(runOptions({ vcpus: 2, gdbPort: 0, limitInstructions: 0 }), {
        output: () => undefined,
        listening: (port) => {
          const commands = ['set confirm off', 'set architecture aarch64', `target remote 127.0.0.1:${port}`]
            .concat([
              'x/i $pc',
              'break *0x40080044',
              'continue',
              'print/x $pc',
              'stepi',
              'info threads',
              'x/2xw 0x40080000',
            ])
            .concat(['delete', 'detach'])
            .flatMap((command) => ['-ex', command]);
          const gdb = promisify(execFile)('gdb-multiarch', ['-nx', '-batch', ...commands], {
            timeout: 40_000,
          });
          debugged = gdb.then(
            ({ stdout }) => stdout,
            (error: unknown) => String(error),
          );
        },
      });
      const output = await debugged;
      expect(output).toContain('0x40080000');
      expect(output).toMatch(/\$1 = 0x40080044/);
      expect(output).toContain('Thread 1');
      expect(output).toContain('detached');
      expect(result).toMatchObject({ end: 'power-off', exitStatus: 0 });
    },
  );
});

describe('a run that waits for a debugger', () => {
  const ended = (options: Partial<Parameters<typeof runOptions>[0]>, connect = false) =>
    runGuest(runOptions({ gdbPort: 0, limitInstructions: 0, ...options }), {
      output: () => undefined,
      // A debugger that connects, says nothing, reads nothing, and never closes its end.
      listening: (port) =>
        void (connect && createConnection({ port, host: '127.0.0.1', allowHalfOpen: true }).pause()),
    });

  test.each([false, true])(
    'ends at its limit, also with a debugger that does nothing: %s',
    async (connected) => {
      const { end } = await ended({ limitSeconds: 0.3 }, connected);
      expect(end).toBe('limit');
    },
  );

  test('does not keep the process alive after its end', async () => {
    const args = [MAIN, 'boot', BARE_FILE, '--gdb', '0', '--limit-seconds', '0.3'];
    const child = spawn(process.execPath, args, { timeout: 40_000 });
    let said = '';
    child.stderr.on('data', (text) => {
      said += text;
      const [, port] = /target remote :(\d+)\n/.exec(said) ?? [];
      if (port !== undefined && said.split('target remote').length === 2)
        createConnection({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
          .on('error', () => undefined)
          .pause()
          .unref();
    });
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect(status).toBe(3);
  });
});

describe('a malformed packet', () => {
  test.each([
    'm',
    'mzz,4',
    'm-1,4',
    'm0x40,4',
    'm11112222333344445,4',
    'Mzz,1:00',
    'Z0,zz,4',
    'z0,,4',
    'G',
    'P',
    'Pzz=00',
    'pzz',
    'Hgzz',
    'Tzz',
    'vCont;s:zz',
    'vCont;s:ffff',
    'qXfer:features:read:target.xml:zz,zz',
    '\u0000',
  ])('%j is answered, and the guest stays as it was', (packet) => {
    const send = attached();
    const before = send('g');
    const answer = send(packet);
    expect(answer === undefined || /^(|OK|E01|l.*|m.*)$/s.test(answer)).toBe(true);
    expect(send('g')).toBe(before);
  });

  test('without an end is dropped, and the next packet is read', () => {
    const reader = new PacketReader();
    let bad = 0;
    for (let part = 0; part < 100; part++)
      expect(reader.take(Buffer.from('$'.padEnd(1000, 'a')), () => bad++)).toEqual([]);
    expect(bad).toBeGreaterThan(0);
    reader.take(Buffer.from('#00'), () => bad++);
    expect(reader.take(Buffer.from(frame('g')), () => bad++)).toEqual([{ packet: 'g' }]);
  });
});
