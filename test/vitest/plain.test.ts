/** Accesses without Atomics in a real run of vitest, with the plugin that rewrites and without it. */
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'irqloom-vitest-plain-'));

beforeAll(() => {
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(ROOT, join(project, 'node_modules', 'irqloom'));
  for (const name of ['vitest', 'sharedmap'])
    symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(project, 'plugin.config.mjs'),
    "import { irqloom } from 'irqloom/vitest/plugin';\nexport default { plugins: [irqloom()] };\n",
  );
  writeFileSync(join(project, 'bare.config.mjs'), 'export default {};\n');
  copyFileSync(join(ROOT, 'test/fixtures/vitest/plain.fixture.mjs'), join(project, 'plain.test.mjs'));
});

afterAll(() => rmSync(project, { recursive: true }));

type Report = {
  testResults: { assertionResults: { title: string; status: string; failureMessages: string[] }[] }[];
};

function vitest(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const main = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const options = { cwd: project, env: { ...process.env, ...env, NO_COLOR: '1' }, timeout: 50_000 };
  return new Promise((resolve) => {
    execFile(process.execPath, [main, 'run', ...args], options, (_, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
}

async function results(config: string): Promise<Map<string, { status: string; message: string }>> {
  await vitest(['--config', config, '--reporter', 'json', '--outputFile', `${config}.json`]);
  const { testResults } = JSON.parse(readFileSync(join(project, `${config}.json`), 'utf8')) as Report;
  return new Map(
    testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .map(({ title, status, failureMessages }) => [title, { status, message: failureMessages.join('\n') }]),
  );
}

describe.each(['bare.config.mjs', 'plugin.config.mjs'])('in vitest with %s', (config) => {
  let seen: Awaited<ReturnType<typeof results>>;
  beforeAll(async () => {
    seen = await results(config);
  });
  const message = (title: string): string => seen.get(title)?.message ?? 'no such test';

  test('a counter without Atomics loses an update, and is a data race, at its line', () => {
    const source = readFileSync(join(project, 'plain.test.mjs'), 'utf8').split('\n');
    const lines = source.flatMap((line, i) => (line.includes('counter[0]++') ? [i + 1] : []));
    expect(message('a counter without Atomics loses an update')).toMatch(
      /assertion: [\s\S]* 1 preemption, proved minimal/,
    );
    expect(message('a counter without Atomics loses an update')).toContain(`plain.test.mjs:${lines[0]}`);
    expect(message('a counter without Atomics is a data race')).toMatch(/data-race: left write/);
    expect(message('a counter without Atomics is a data race')).toContain(`plain.test.mjs:${lines[1]}`);
  });

  test('methods that were taken out of Atomics are points', () => {
    expect(message('methods that were taken out of Atomics are points')).toMatch(/1 +left +load/);
  });

  test('tests may be called constructor, toString and __proto__', () => {
    for (const title of ['constructor', 'toString', '__proto__'])
      expect(seen.get(title), title).toMatchObject({ status: 'passed' });
  });

  test('a package is explored, and its lines are named', () => {
    expect(message('a package deadlocks')).toMatch(
      /deadlock: .*[\s\S]*node_modules\/sharedmap\/index\.umd\.js:182/,
    );
  });

  test('the token comes with a command that runs its schedule again, and nothing else', async () => {
    const [, token = '', name = ''] =
      /repeat +IRQLOOM_REPLAY=(\S+) npx vitest run plain\.test\.mjs -t '([^']+)'/.exec(
        message('a counter without Atomics loses an update'),
      ) ?? [];
    const output = await vitest(['--config', config, 'plain.test.mjs', '-t', name], {
      IRQLOOM_REPLAY: token,
    });
    expect(output).toContain(`token   ${token}`);
    expect(output).toMatch(/1 failed \| 6 skipped/);
  });
});
