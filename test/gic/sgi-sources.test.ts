/** An SGI of a GICv2 that two vCPUs send at the same time, under every interleaving. */
import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import { type InterruptRegions, interruptRegions } from '../../src/gic/interrupt-regions.ts';
import type * as interruptsModule from '../../src/gic/interrupts.ts';
import { EDGE, ENABLED } from '../../src/gic/state.ts';
import type * as sourcesModule from '../../src/gic/v2/sgi-sources.ts';
import { sgiSourceRegion } from '../../src/gic/v2/sgi-sources.ts';
import { Layout, type Region } from '../../src/memory/layout.ts';
import { add, load, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';

const SGI = 3;
const FIRST = 1;
const SECOND = 2;
const bit = (source: number) => 1 << source;

type Modules = { readonly interrupts: typeof interruptsModule; readonly sources: typeof sourcesModule };
type Shared = {
  readonly words: Words;
  readonly gic: InterruptRegions;
  readonly sgis: Region;
  readonly own: number;
};
type View = ReturnType<typeof viewOf>;

function viewOf(modules: Modules, { words, gic, sgis, own }: Shared) {
  const interrupts = new modules.interrupts.Interrupts(words, gic);
  const sources = new modules.sources.SgiSources(words, sgis, interrupts);
  return {
    interrupts,
    sources,
    taken: (source: number) => load(words, own + source),
    /** vCPU 0 takes the SGI, if it is pending, and ends it. Whether it was. */
    take(): boolean {
      if (sources.best(0, -1) !== SGI) return false;
      if (sources.take(0, SGI) === 0) return true;
      add(words, own + sources.activeSource(0, SGI), 1);
      sources.deactivate(sources.find(0, SGI), SGI);
      return true;
    },
  };
}

type Story = {
  readonly name: string;
  /** Sources that are pending at first. */
  readonly pending?: number;
  readonly threads: Readonly<Record<string, (view: View) => void>>;
  /** How often each source is taken in all, 0 to 7. */
  readonly taken: readonly number[];
};

function scenario({ name, pending = 0, threads, taken }: Story, ...mistakes: readonly MistakeName[]) {
  const modules = loadMutated<Modules>(
    { interrupts: 'gic/interrupts.ts', sources: 'gic/v2/sgi-sources.ts' },
    ...mistakes,
  );
  const made: Scenario<Shared> = {
    name,
    setup: () => {
      const layout = new Layout();
      const gic = interruptRegions(layout, { vcpus: 1, spis: 1, idBits: 13 });
      const sgis = sgiSourceRegion(layout);
      const own = layout.region('own', 8).at;
      const shared = { words: new Int32Array(new SharedArrayBuffer(layout.words * 4)), gic, sgis, own };
      const { interrupts, sources } = viewOf(modules, shared);
      interrupts.setForwarding(3);
      interrupts.change(interrupts.find(0, SGI), SGI, 0, ENABLED | EDGE);
      sources.send(0, SGI, pending);
      return shared;
    },
    threads: Object.fromEntries(
      Object.entries(threads).map(([thread, body]) => [
        thread,
        (shared: Shared) => body(viewOf(modules, shared)),
      ]),
    ),
    finally: (shared) => {
      const view = viewOf(modules, shared);
      for (let takes = 0; view.take(); takes++) expect(takes, 'takes').toBeLessThan(8);
      expect(Array.from({ length: 8 }, (_, source) => view.taken(source))).toEqual(taken);
    },
  };
  return made;
}

const twoSenders: Story = {
  name: 'two-senders',
  threads: {
    first: ({ sources }) => sources.send(0, SGI, bit(FIRST)),
    second: ({ sources }) => sources.send(0, SGI, bit(SECOND)),
    vcpu: ({ take }) => void take(),
  },
  taken: [0, 1, 1, 0, 0, 0, 0, 0],
};
const sentWhileTaken: Story = {
  name: 'sent-while-another-is-taken',
  pending: bit(FIRST),
  threads: {
    second: ({ sources }) => sources.send(0, SGI, bit(SECOND)),
    vcpu: ({ take }) => {
      take();
      take();
    },
  },
  taken: [0, 1, 1, 0, 0, 0, 0, 0],
};
const withdrawn: Story = {
  name: 'sent-while-another-is-withdrawn',
  pending: bit(FIRST),
  threads: {
    second: ({ sources }) => sources.send(0, SGI, bit(SECOND)),
    guest: ({ sources }) => sources.withdraw(0, SGI, bit(FIRST)),
  },
  taken: [0, 0, 1, 0, 0, 0, 0, 0],
};

describe('an SGI of a GICv2, pending by source', () => {
  test.each([twoSenders, sentWhileTaken, withdrawn])(
    '$name: each source is taken once, whatever the order',
    (story) => {
      expect(passesEvery(scenario(story)).schedules).toBeGreaterThan(2);
    },
  );

  test.each([
    { story: sentWhileTaken, mistake: 'source-before-latch: latched first' },
    { story: twoSenders, mistake: 'next-source-is-latched: not latched' },
    { story: sentWhileTaken, mistake: 'latch-needs-source: taken all the same' },
    { story: sentWhileTaken, mistake: 'source-claimed-in-one-step: in two steps' },
    { story: withdrawn, mistake: 'withdrawal-looks-again: no look' },
  ] as const)('$story.name: $mistake', ({ story, mistake }) => {
    isCaught(scenario(story, mistake), 'assertion');
  });
});
