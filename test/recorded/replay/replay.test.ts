import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { replayTrace } from '../../../src/recorded/replay/replay.ts';
import { isFaithful } from '../../../src/recorded/replay/replay-result.ts';
import { readGuestTrace } from '../../../src/recorded/trace/guest-trace.ts';
import { traceReplayText } from '../../../src/report/trace-replay-text.ts';
import { failureOf } from '../../failure.ts';
import { handMade, RECORDING, renumbered, variant, withMoreCpus } from '../recordings.ts';

const CLI = fileURLToPath(new URL('../../../dist/src/cli/main.js', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'irqloom-replay-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const run = (...args: string[]) =>
  spawnSync(process.execPath, [CLI, 'replay-guest', ...args], { encoding: 'utf8', timeout: 30_000 });

describe('event by event', () => {
  test('the recorded guest: every read and every acknowledge', () => {
    const result = replayTrace(readGuestTrace(RECORDING));
    expect(result.differences).toEqual([]);
    expect(result).toMatchObject({
      events: 13_359,
      cpus: 2,
      reads: { checked: 364, differ: 0 },
      acknowledges: { checked: 3663, differ: 0 },
      msis: 1660,
      delivered: 3663,
    });
  });

  test('a guest answers alike with other devices and LPIs, and on a larger board', () => {
    expect(replayTrace(renumbered())).toMatchObject({ differences: [], delivered: 3663 });
    expect(replayTrace(withMoreCpus(5))).toMatchObject({ differences: [], cpus: 5, delivered: 3663 });
  });

  test.each([3, 4])('a guest written by hand for %i vCPUs', (cpus) => {
    const result = replayTrace(handMade(cpus));
    expect(result.differences).toEqual([]);
    expect(result).toMatchObject({ cpus, reads: { differ: 0 }, acknowledges: { differ: 0 } });
    expect(result.delivered).toBe(result.acknowledges.checked - 1);
  });
});

describe('a wrong machine or recording is found', () => {
  test('an acknowledge that the recording has otherwise', () => {
    let seen = 0;
    const altered = variant((line) => (line.op === 'iar' && ++seen === 100 ? { ...line, intid: 3 } : line));
    const result = replayTrace(altered);
    expect(result.acknowledges.differ).toBeGreaterThan(0);
    expect(isFaithful(result)).toBe(false);
    const [first] = result.differences;
    expect(first).toMatchObject({ what: 'acknowledge', expected: 3 });
    expect(altered.events[(first?.line ?? 0) - 2]).toMatchObject({ op: 'iar', intid: 3 });
    expect(traceReplayText(result)).toMatch(new RegExp(`${first?.line} +acknowledge +vcpu\\d ICC_IAR1 +3 `));
  });

  test('a read that the recording has otherwise', () => {
    const altered = variant((line) =>
      line.op === 'read' && line.size === 8 ? { ...line, value: '0xabc' } : line,
    );
    const { reads, differences } = replayTrace(altered);
    expect(reads.differ).toBe(47);
    expect(differences).toHaveLength(20);
    expect(differences[0]).toMatchObject({
      line: 7,
      what: 'read',
      place: 'GICR0+0x8 (8 bytes)',
      expected: '0xabc',
    });
  });

  test('a signal that is missing from the recording', () => {
    let dropped = false;
    const altered = variant((line) => {
      if (line.op !== 'msi' || dropped) return line;
      dropped = true;
      return [];
    });
    expect(replayTrace(altered).acknowledges.differ).toBeGreaterThan(0);
  });

  test('a personality that the guest did not run on', () => {
    const altered = variant((line, index) => (index === 0 ? { ...line, personality: 'kvm' } : line));
    expect(replayTrace(altered).reads.differ).toBeGreaterThan(5);
  });

  test('boards that cannot be', () => {
    const altered = variant((line, index) => (index === 0 ? { ...line, personality: 'xen' } : line));
    expect(failureOf(() => replayTrace(altered)).message).toMatch(
      /^variant\.jsonl:1: .*kvm.*qemu-virt.*"xen"/,
    );
  });
});

describe('the command', () => {
  test('as JSON: exit 0', () => {
    const { status, stdout } = run(RECORDING, '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      schemaVersion: 1,
      command: 'replay-guest',
      reads: { differ: 0 },
      acknowledges: { differ: 0 },
      differences: [],
    });
  });

  test('bad input: exit 2, with file and line', () => {
    const bad = join(scratch, 'bad.jsonl');
    writeFileSync(bad, '{"format":"gicv3-guest-trace/1","cpus":1}\n');
    expect(run(bad)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(/bad\.jsonl:1: /),
    });
    expect(run(join(scratch, 'absent.jsonl')).status).toBe(2);
    expect(run().status).toBe(2);
  });
});
