import { expect, test } from 'vitest';
import { irqloom } from './run.ts';

test('compare --json prints one object, with the meaning of the figures', async () => {
  const { status, stdout } = await irqloom([
    'compare',
    '--abi',
    'unrouted',
    '-e',
    '2',
    '-s',
    '0.4',
    '--json',
  ]);
  expect(status).toBe(0);
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({
    schemaVersion: 1,
    command: 'compare',
    config: { vcpus: 1, devices: 1, events: 2, abi: ['unrouted'] },
    designs: [{ name: 'unrouted', letter: 'A', eventsAs: 'spi', fates: { maskByRoute: null } }],
  });
  expect(result.findings.join('\n')).toContain('unrouted lead to no LPI');
});

test.each([
  [['--abi', 'mergd'], 'did you mean merged?'],
  [['--abi', ''], 'merged, unrouted'],
  [['-v', '0'], 'from 1 to 64'],
  [['--seconds', 'soon'], 'seconds'],
  [['--abi', 'unrouted', '-d', '2', '-e', '900'], '988'],
])('bad input ends with status 2: %j', async (args, expected) => {
  const { status, stdout, stderr } = await irqloom(['compare', ...args]);
  expect(status).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(expected);
  expect(stderr).not.toMatch(/^\s+at /m);
});
