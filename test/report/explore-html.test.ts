import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { explore, type Scenario } from '../../src/explore/index.ts';
import { litmus } from '../../src/races/litmus/names.ts';
import { exploreHtml } from '../../src/report/explore-html.ts';
import { COPY_SCRIPT } from '../../src/report/html/copy.ts';
import { STEPPER_SCRIPT } from '../../src/report/html/stepper-script.ts';

const html = (scenario: Scenario<Int32Array>): string =>
  exploreHtml(explore(scenario), 'npx irqloom replay x1 <file>');

describe('the page of a failure', () => {
  const page = html(litmus('lost-update-2x1'));

  test('the page of a failure has a lane for each thread, a box for each step, and a mark where a thread was stopped', () => {
    expect(page.match(/<th scope="col" class="c\d"><span>t\d<\/span><\/th>/g)).toHaveLength(2);
    expect(page.match(/class="op[ "]/g)).toHaveLength(4);
    expect(page.match(/stopped here<\/div>/g)).toHaveLength(1);
    expect(page.match(/<b>ended<\/b>/g)).toHaveLength(2);
    expect(page).toContain('proved: no fewer will do');
  });

  test('the page of a failure loads nothing, and runs its own script alone', () => {
    const [script = ''] = page.match(/<script>[\s\S]*?<\/script>/g) ?? [];
    const hash = createHash('sha256').update(script.slice('<script>'.length, -'</script>'.length));
    expect(page).toContain(`; script-src 'sha256-${hash.digest('base64')}'`);
    expect(page).toContain("default-src 'none'");
    expect(page.replace(script, '')).not.toMatch(/<script|<link rel="stylesheet"|src=|url\(|https?:/);
  });

  test('the page of a failure shows foreign texts as text', () => {
    expect(page).toContain('npx irqloom replay x1 &lt;file&gt;');
    const evil = html({
      name: 'evil',
      words: 1,
      threads: {
        '<b>': (s) => {
          Atomics.load(s, 0);
          throw new Error('<img src=x onerror=alert(1)>');
        },
      },
      names: () => '"><script>',
    });
    expect(evil.replace(`<script>'use strict';${COPY_SCRIPT}${STEPPER_SCRIPT}</script>`, '')).not.toMatch(
      /<img|<script|<b>:/,
    );
    expect(evil).toContain('&lt;script&gt;');
  });

  test('the page of a failure leaves out idle threads, and says so', () => {
    const many = html(litmus('reorder-3+1'));
    expect(many).toContain('2 threads did nothing yet, and have no lane');
    expect(many.match(/<th scope="col" class="c\d">/g)).toHaveLength(2);
  });

  test('a sleeping thread has a dotted lane', () => {
    expect(html(litmus('futex-lost-wakeup'))).toMatch(/<td class="c0 asleep">/);
    expect(page).not.toMatch(/<td class="c\d asleep">/);
  });
});

test('the stack of a failure ends where the explorer has called the code', () => {
  const thrown = html({
    name: 'thrown',
    setup: () => new Int32Array(new SharedArrayBuffer(4)),
    threads: { only: (s) => Atomics.load(s, 0) },
    finally: () => {
      throw new Error('at the end');
    },
  });
  const [, stack = ''] = /id="stack".*?<pre>([^<]*)<\/pre>/s.exec(thrown) ?? [];
  expect(stack).toMatch(/^Error: at the end\n +at .*explore-html\.test\.ts/);
  expect(stack).not.toContain('src/explore/');
});

test('the page of a scenario that holds has the verdict, and no lanes', () => {
  const page = html(litmus('futex-correct'));
  expect(page).toContain('holds in every order');
  expect(page).not.toContain('class="lanes"');
});
