import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { globSync } from 'tinyglobby';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { irqloom } from '../cli/run.ts';
import { type Schema, SchemaMaker } from './schema-of.ts';
import { wrongIn } from './validate.ts';

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
vi.setConfig({ testTimeout: 240_000 });
/** Where campaigns keep their state. */
const STATES = mkdtempSync(join(tmpdir(), 'irqloom-results-'));
afterAll(() => rmSync(STATES, { recursive: true }));

type Published = { readonly properties: Record<string, Schema>; readonly $defs: Record<string, Schema> };

const published = (): Published => JSON.parse(readFileSync(path('data/results.schema.json'), 'utf8'));

test('the schema of the results is made from their types', async () => {
  const maker = new SchemaMaker(path('src/results.ts'));
  const results = maker.propertiesOf('Results');
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Results of the commands of irqloom',
    description:
      'The result that each command prints with --json, by the name of the command. To check one result, take the schema of its command: #/properties/COMMAND.',
    type: 'object',
    properties: results,
    $defs: maker.definitions,
  };
  await expect(`${JSON.stringify(schema)}\n`).toMatchFileSnapshot('../../data/results.schema.json');
  expect(Object.keys(results).sort()).toEqual(
    Object.keys(COMMANDS)
      .filter((name) => !['init', 'completion', 'worker'].includes(name))
      .sort(),
  );
});

const [vector = ''] = globSync('test/fixtures/vectors/**/07-its-probe.vec', { cwd: path('.') });
const SMALL = ['-v', '1', '-d', '1', '-e', '1', '-s', '0.3'];
const TOKEN = 'x1:lost-update:1.l:1.1:BBFF:ijz713';
const BARE = path('guests/bare/bare.bin');

/** A saved run of one path, as `latency --json` prints it, with so many boots. */
function savedRun(boots: number): string {
  const blocks = Array.from({ length: boots }, (_, boot) => ({ boot, p50: 200 + boot, p99: 400 }));
  const names = { source: 'irqfd', dispatch: 'inline', waiting: 'polling' };
  const paths = [{ ...names, ratio: { calibrationNs: 100 }, blocks }];
  const file = join(STATES, `run-${boots}.json`);
  const run = { schemaVersion: 1, command: 'latency', calibration: { steady: true }, paths };
  writeFileSync(file, JSON.stringify(run));
  return file;
}

/** A command line of each command, and of each kind of result that a command has. */
const LINES: readonly (readonly string[])[] = [
  ['stress', ...SMALL],
  ['stress', ...SMALL, '--fault', 'drop-pending'],
  ['stress', '--rotate', '-s', '0.5', '--seed', '1'],
  ['stress', '--guest', 'bare', ...SMALL],
  ['boot', BARE, '--seed', '1', '--limit-instructions', '100000'],
  ['latency', '--source', 'irqfd', '--waiting', 'polling', '-n', '64', '--boots', '1', '-s', '1'],
  ['scale', '--vcpus', '1', '--devices', 'none', '--lpis', 'none', '--seconds', '0.1'],
  ['compare', '--abi', 'merged', '--seconds', '0.5'],
  ['compare-runs', savedRun(8), savedRun(8)],
  ['explore', path('examples/lost-update.mjs')],
  ['explore', path('examples/lost-update.mjs'), '--executor', 'free', '--runs', '20'],
  ['explore', path('examples/lost-update.mjs'), '--executor', 'lockstep', '--runs', '2'],
  ['explore', '--guest', BARE, '--schedules', '1', '--limit-instructions', '20000'],
  ['replay', TOKEN, path('examples/lost-update.mjs')],
  ['races', 'line-or-race', '--runs', '20'],
  ['conform', path(vector)],
  ['ioctl', 'KVM_CHECK_EXTENSION', '25'],
  ['layout'],
  ['replay-guest', path('data/guests/linux-2cpu-virtio.jsonl.gz')],
  ['replay-guest', path('data/guests/linux-2cpu-virtio.jsonl.gz'), '--threads', '--runs', '1'],
  ['guests', 'ipi-self'],
  ['guests', '--list'],
  ['campaign', path('test/fixtures/campaign/small.json'), '--anew', '--state', join(STATES, 'small.sqlite')],
];

describe('what a command prints with --json is as the published schema says', () => {
  test.each(
    LINES.map(
      (line) => [line.slice(0, 4).join(' ').replaceAll(path(''), '').replaceAll(STATES, ''), line] as const,
    ),
  )('%s', async (_, line) => {
    const [command = ''] = line;
    const { stdout, stderr } = await irqloom([...line, '--json'], undefined, {}, undefined, 200_000);
    expect(stdout, stderr).toMatch(/^\{.*\}\n$/);
    const { properties, $defs } = published();
    expect(wrongIn(JSON.parse(stdout), properties[command] ?? {}, $defs)).toEqual([]);
  });

  test('a field too many, one that is missing and one of another type are found', async () => {
    const { stdout } = await irqloom(['layout', '--json']);
    const { properties, $defs } = published();
    const result = JSON.parse(stdout);
    const wrong = (value: object) => wrongIn(value, properties.layout ?? {}, $defs);
    expect(wrong(result)).toEqual([]);
    expect(wrong({ ...result, more: 1 })).toEqual(['$.more is in no type']);
    expect(wrong({ ...result, bytes: undefined })).toEqual(['$.bytes is undefined, not number']);
    expect(wrong({ ...result, bytes: '1' })).toEqual(['$.bytes is string, not number']);
    const { bytes: _, ...less } = result;
    expect(wrong(less)).toEqual(['$.bytes is missing']);
    expect(wrong({ ...result, command: 'boot' })).toEqual(['$.command is "boot", not "layout"']);
  });

  test('every command with --json has a line above', () => {
    const { properties } = published();
    const run = new Set(LINES.map(([command]) => command));
    expect(Object.keys(properties).filter((name) => !run.has(name))).toEqual([]);
  });
});
