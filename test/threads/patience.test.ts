import { spawn } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { longestWait, processorWaits } from '../../src/base/processor-waits.ts';
import { afterBound, stretched } from '../../src/threads/patience.ts';

const PATIENCE = new URL('../../dist/src/threads/patience.js', import.meta.url).href;

describe('a bound on other threads', () => {
  test('is longer by the time in which a thread had no processor, and never more than five times as long', () => {
    expect([0, 7_000, 1e9].map((starved) => stretched(20_000, starved))).toEqual([20_000, 27_000, 100_000]);
  });

  test('passes, and can be given up before it does', async () => {
    const passed: string[] = [];
    const cancel = afterBound(5, () => passed.push('given up'));
    cancel();
    await new Promise<void>((resolve) => afterBound(10, resolve));
    expect(passed).toEqual([]);
  });

  // The bound is shorter than the stop: where the time of the stop counted, the bound would pass before the answer, which
  // the process gives itself a few turns of its event loop after it goes on.
  test.runIf(process.platform !== 'win32')('does not pass while the process is stopped', async () => {
    const script = `
      import { afterBound } from '${PATIENCE}';
      const cancel = afterBound(1500, () => { console.log('passed'); process.exit(); });
      let turns = 0;
      const answer = () => { if (++turns < 3) setTimeout(answer, 1); else { console.log('answered'); cancel(); } };
      process.on('SIGCONT', answer);
      console.log('begun');
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    let said = '';
    child.stdout.on('data', (text) => {
      said += text;
      if (String(text).includes('begun')) {
        child.kill('SIGSTOP');
        setTimeout(() => child.kill('SIGCONT'), 3000);
      }
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(said).toBe('begun\nanswered\n');
  });
});

describe('the waits of threads for a processor', () => {
  test('are those since the look before; a new thread has waited since its start', () => {
    const before = new Map([
      ['1', 100],
      ['2', 5],
    ]);
    expect(longestWait(before, before)).toBe(0);
    expect(longestWait(before, new Map([...before, ['2', 9]]))).toBe(4);
    expect(longestWait(before, new Map([...before, ['3', 70]]))).toBe(70);
  });

  test.runIf(process.platform === 'linux')('are read from the system, for the main thread at least', () => {
    const waits = processorWaits();
    expect(waits.get(String(process.pid))).toBeGreaterThanOrEqual(0);
    expect([...waits.values()].every(Number.isFinite)).toBe(true);
  });
});
