/** Threads of a command that go wrong in the middle of their work: the command ends within a bound, and names the thread. */
import { describe, expect, test } from 'vitest';
import { type Ended, expectEnd } from '../../bench/faults/cell.ts';
import { irqloom } from './run.ts';

const PRELOAD = new URL('../../dist/bench/faults/preload.js', import.meta.url).href;

/** Runs a command one kind of whose threads goes wrong. */
function disturbed(args: readonly string[], fault: string, stack: string) {
  const env = {
    NODE_OPTIONS: `--import ${PRELOAD}`,
    ...{ FAULT: fault, FAULT_STACK: stack, FAULT_AFTER: '300' },
  };
  return irqloom(args, undefined, env);
}

const STRESS = ['stress', '-v', '1', '-d', '1', '-e', '1', '-s', '1'];
const SCALE = ['scale', '-v', '1', '-d', '1', '-l', '16', '-s', '0.3'];

// Most of the time each command waits for its bound, so the commands run beside each other.
describe.concurrent('a thread that', () => {
  test('a thread that throws is named before its error', async () => {
    const { status, stderr } = await disturbed(STRESS, 'throw', 'stress-device\\.js');
    expect(stderr).toMatch(/Error: device0: thrown on purpose/);
    expect(status).toBe(3);
  });

  test('a thread that ends is named', async () => {
    const { status, stderr } = await disturbed(STRESS, 'exit', 'stress-guest\\.js');
    expect(stderr).toMatch(/vcpu0 died: .*\(ERR_THREAD_DIED\)/);
    expect(status).toBe(3);
  });

  test('a thread that turns for ever is named with the function that turns, and the run ends', async () => {
    const { status, stderr } = await disturbed(STRESS, 'loop', 'stress-device\\.js');
    // The driver may be the first to miss a bound, where the device turns within a reader's section.
    expect(stderr).toMatch(
      /(device0 did not stop|reader \d+ did not leave its section) within 10000 ms; .*device0 \(\d+ signals.*\): at .*loop/,
    );
    expect(status).toBe(3);
  });

  test('a thread that turns for ever within a reader section is named where the driver waits for the section in vain', async () => {
    const args = [...STRESS, '--dispatch', 'inline'];
    const { status, stderr } = await disturbed(args, 'loop', 'gic-irqchip\\.js[^]*stress-device\\.js');
    expect(stderr).toMatch(
      /reader 2 did not leave its section within 10000 ms; .*device0 \(\d+ signals.*\): at .*loop.*\(ERR_GRACE_TIMEOUT\)/,
    );
    expect(status).toBe(3);
  });

  test('a thread that sleeps for ever in a measurement is named as well', async () => {
    const { status, stderr } = await disturbed(SCALE, 'wait', 'program-thread\\.js');
    expect(stderr).toMatch(/the threads did not stop within 10000 ms; .*device0: at .*wait/);
    expect(status).toBe(3);
  });
});

test('a process that ends before its command has a result has no status 0', async () => {
  const { status, stdout, stderr } = await disturbed(STRESS, 'exit', 'dispatcher\\.js');
  expect([status, stdout]).toEqual([3, '']);
  expect(stderr).toMatch(/the process ended before the command had a result/);
});

describe('the judge of the campaign', () => {
  const ended: Ended = { status: 3, signal: null, stdout: '', stderr: 'vcpu0 died', seconds: 1, late: false };
  const judge = expectEnd({ status: [3], stderr: /vcpu\d/ });

  test('the judge of the campaign takes a command that ended as promised', () => {
    expect(judge(ended)).toBeUndefined();
  });

  test.each<[string, Partial<Ended>, RegExp]>([
    ['another status', { status: 0 }, /ended with 0, and 3 is promised/],
    ['a signal', { status: null, signal: 'SIGABRT' }, /ended with SIGABRT/],
    ['a thread without a name', { stderr: 'a thread died' }, /stderr has no/],
    ['a command that did not end', { late: true }, /bound/],
  ])('finds %s', (_, change, expected) => {
    expect(judge({ ...ended, ...change })).toMatch(expected);
  });
});
