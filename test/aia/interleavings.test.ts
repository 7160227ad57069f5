/** MSIs, claims, lines and registers against each other, under every interleaving; and the same with one line of the code broken. */
import { describe, expect, test } from 'vitest';
import type { Aia } from '../../src/aia/aia.ts';
import * as theAia from '../../src/aia/aia.ts';
import type { Scenario } from '../../src/explore/index.ts';
import { Layout } from '../../src/memory/layout.ts';
import { add, load, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery } from '../exploring.ts';
import type { MistakeName } from '../guards/index.ts';
import { loadMutated } from '../mutate.ts';
import { type AiaModule, enableFile, program } from './rig.ts';

type View = { readonly aia: Aia; readonly words: Words };
type Story = {
  readonly name: string;
  /** Before the threads start. */
  readonly before?: (view: View) => void;
  readonly threads: Readonly<Record<string, (view: View) => void>>;
  readonly finally: (view: View) => void;
};

const ID = 5;
const LOWER = 3;
const SOURCE = 2;
const RISING = 4;
const HIGH = 6;
const LAYOUT = new Layout(0, 0);
const REGIONS = theAia.aiaRegions(LAYOUT, 1);
/** By identity, how often the vCPU claimed it. */
const CLAIMED = LAYOUT.region('claimed', 8).at;

function scenarioOf(story: Story, ...mistakes: MistakeName[]): Scenario<Words> {
  const module: AiaModule =
    mistakes.length === 0 ? theAia : loadMutated<{ aia: AiaModule }>({ aia: 'aia/aia.ts' }, ...mistakes).aia;
  const viewOf = (words: Words): View => ({ words, aia: new module.Aia(words, REGIONS) });
  const threads = Object.entries(story.threads).map(([name, run]) => [name, (w: Words) => run(viewOf(w))]);
  return {
    name: story.name,
    setup: () => {
      const words: Words = new Int32Array(new SharedArrayBuffer(LAYOUT.words * 4));
      const view = viewOf(words);
      view.aia.reset(63);
      view.aia.config.set(1, 4);
      enableFile(view.aia, 0, LOWER, ID);
      story.before?.(view);
      return words;
    },
    threads: Object.fromEntries(threads),
    finally: (words) => story.finally(viewOf(words)),
    names: (_buffer, byteOffset) => LAYOUT.nameOf(byteOffset / 4),
  };
}

const msi = (identity: number) => (view: View) => void view.aia.file(0).accept(identity);
const claim = (view: View) => {
  const identity = view.aia.file(0).claim();
  if (identity > 0) add(view.words, CLAIMED + identity, 1);
  return identity;
};
/** Claims until an identity came, and sleeps in between. */
const claimOne = (view: View) => {
  while (claim(view) === 0) view.aia.file(0).halt();
};
/** How often an identity was claimed or is pending. */
const seen = ({ aia, words }: View, identity: number) =>
  load(words, CLAIMED + identity) + Number(aia.file(0).isPending(identity));
const LOST = ['lost-wakeup', 'orphan-wait', 'missed-notify', 'deadlock'] as const;

describe('an MSI that comes while a claim is made', () => {
  const story: Story = {
    name: 'msi-against-claim',
    before: msi(ID),
    threads: { device: msi(LOWER), vcpu: (view) => void claim(view) },
    finally: (view) => {
      expect(seen(view, ID), 'the identity that was pending').toBe(1);
      expect(seen(view, LOWER), 'the identity that came').toBe(1);
      expect(view.aia.file(0).claim() > 0, 'the other is left for the next claim').toBe(true);
    },
  };
  /** Its own identity: a message that comes before the claim coalesces, one that comes behind is pending again. */
  const same: Story = {
    ...story,
    name: 'msi-against-claim-of-its-identity',
    threads: { device: msi(ID), vcpu: (view) => void claim(view) },
    finally: (view) => expect(load(view.words, CLAIMED + ID)).toBe(1),
  };

  test.each([story, same])(
    'leaves each identity claimed once or pending, whatever the order: $name',
    (of) => {
      expect(passesEvery(scenarioOf(of)).schedules).toBeGreaterThan(1);
    },
  );

  test('not so with a claim that looks again for the identity to clear', () => {
    isCaught(scenarioOf(story, 'claim-clears-its-identity: looks again'), 'assertion');
  });
});

describe('an MSI that comes while registers of the file change', () => {
  const restore: Story = {
    name: 'msi-against-write-of-eip',
    // Userland clears the lower one only.
    threads: { device: msi(ID), userland: ({ aia }) => void aia.file(0).access(0x80, 0n, 1n << 3n) },
    finally: (view) => expect(seen(view, ID)).toBe(1),
  };
  const wakes = (name: string, before: Story['before'], change: (view: View) => void): Story => ({
    name,
    ...(before ? { before } : {}),
    threads: { device: msi(ID), vcpu: claimOne, userland: change },
    finally: (view) => expect(load(view.words, CLAIMED + ID)).toBe(1),
  });
  const enabled = wakes(
    'msi-against-enable-and-sleep',
    ({ aia }) => void aia.file(0).access(0xc0, 0n, 1n << 5n),
    ({ aia }) => void aia.file(0).access(0xc0, 1n << 5n, 1n << 5n),
  );
  const lifted = wakes(
    'msi-against-threshold-and-sleep',
    ({ aia }) => void aia.file(0).access(0x72, 4n, 0x7ffn),
    ({ aia }) => void aia.file(0).access(0x72, 0n, 0x7ffn),
  );
  const plain: Story = {
    name: 'msi-against-sleep',
    threads: { device: msi(ID), vcpu: claimOne },
    finally: (view) => expect(load(view.words, CLAIMED + ID)).toBe(1),
  };

  test.each([restore, enabled, lifted, plain])('is claimed once, whatever the order: $name', (of) => {
    expect(passesEvery(scenarioOf(of)).schedules).toBeGreaterThan(1);
  });

  test.each([
    {
      title: 'a word that is written in two steps',
      of: restore,
      mistake: 'file-word-in-one-step: in two steps',
      kind: 'assertion',
    },
    {
      title: 'an enabling that does not ring',
      of: enabled,
      mistake: 'file-rings-when-changed: not rung',
      kind: LOST,
    },
    {
      title: 'a threshold that is lifted without a ring',
      of: lifted,
      mistake: 'file-rings-when-changed: not rung',
      kind: LOST,
    },
    {
      title: 'a ring before the identity is pending',
      of: plain,
      mistake: 'file-rings-when-pending: rung first',
      kind: LOST,
    },
    {
      title: 'a vCPU that announces its sleep after its look',
      of: plain,
      mistake: 'file-sleep-is-announced: after its look',
      kind: LOST,
    },
  ] as const)('not so with $title', ({ of, mistake, kind }) => {
    isCaught(scenarioOf(of, mistake), kind);
  });
});

describe('a source whose line moves', () => {
  const drive = (level: boolean) => (view: View) => void view.aia.aplic.drive(SOURCE, level);
  const write = (offset: number, value: number) => (view: View) => void view.aia.aplic.write(offset, value);
  const once = (view: View) => {
    expect(seen(view, ID), 'messages').toBe(1);
    expect(view.aia.aplic.read(0x1c00), 'pending').toBe(0);
  };
  const story = (
    name: string,
    mode: number,
    before: ((view: View) => void) | undefined,
    threads: Story['threads'],
    end: Story['finally'] = once,
  ): Story => ({
    name,
    before: (view) => {
      program(view.aia, SOURCE, mode, 0, ID);
      before?.(view);
    },
    threads,
    finally: end,
  });
  const domain = story('edge-against-domain', RISING, write(0, 0), {
    device: drive(true),
    guest: write(0, 0x100),
  });
  const enable = story('edge-against-enable', RISING, write(0x1fdc, SOURCE), {
    device: drive(true),
    guest: write(0x1edc, SOURCE),
  });
  /** The handler asks whether the level is still there, while its device raises the level again. */
  const rearm = story(
    'level-against-rearm',
    HIGH,
    undefined,
    {
      device: drive(true),
      guest: (view) => {
        if (claim(view) === ID) write(0x1cdc, SOURCE)(view);
      },
    },
    (view) => {
      expect(seen(view, ID) > 0, 'a message of the level').toBe(true);
      // A level that was claimed and is still up was asked for anew: its message is pending.
      if (load(view.words, CLAIMED + ID) > 0) expect(view.aia.file(0).isPending(ID)).toBe(true);
      expect(view.aia.aplic.read(0x1d00), 'the line').toBe(4);
    },
  );
  /** The line drops while software asks: no message, or one of the level that was. */
  const dropped = story(
    'level-drops-against-rearm',
    HIGH,
    (view) => {
      drive(true)(view);
      claim(view);
    },
    { device: drive(false), guest: write(0x1cdc, SOURCE) },
    (view) => {
      expect(view.aia.aplic.read(0x1d00), 'the line').toBe(0);
      expect(view.aia.aplic.read(0x1c00), 'pending').toBe(0);
    },
  );
  /** The last edge was before the mode: the line must not be forgotten. */
  const mode = story(
    'line-against-mode',
    RISING,
    undefined,
    { device: drive(true), guest: write(4 * SOURCE, HIGH) },
    once,
  );
  const cleared = story(
    'line-against-clear',
    HIGH,
    write(0x1fdc, SOURCE),
    { device: drive(true), guest: write(0x1ddc, SOURCE) },
    (view) => expect(view.aia.aplic.read(0x1d00), 'the line').toBe(4),
  );
  /** Two threads find the source ready; a claim in between shows a second message. */
  const two = story('two-find-it-ready', RISING, write(0, 0), {
    device: drive(true),
    guest: write(0, 0x100),
    vcpu: (view) => void claim(view),
  });

  test.each([domain, enable, rearm, dropped, mode, cleared, two])(
    'loses no signal and sends none twice, whatever the order: $name',
    (of) => {
      expect(passesEvery(scenarioOf(of)).schedules).toBeGreaterThan(1);
    },
  );

  test.each([
    {
      title: 'a domain that is looked at before the line has moved',
      of: domain,
      mistake: 'source-is-sent-when-driven: domain read before',
    },
    { title: 'a line that moves in two steps', of: enable, mistake: 'line-moves-in-one-step: in two steps' },
    { title: 'a pending source that two threads take', of: two, mistake: 'one-sender-takes-it: two may' },
    {
      title: 'a mode that changes in two steps',
      of: mode,
      mistake: 'mode-changes-in-one-step: in two steps',
    },
    {
      title: 'a pending bit that is written in two steps',
      of: cleared,
      mistake: 'pending-set-in-one-step: in two steps',
    },
  ] as const)('not so with $title', ({ of, mistake }) => {
    isCaught(scenarioOf(of, mistake), 'assertion');
  });
});
