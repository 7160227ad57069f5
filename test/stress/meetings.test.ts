import { beforeEach, describe, expect, test } from 'vitest';
import { CHANGER, Meeting, SIGNALLER } from '../../src/memory/perturbation/meeting.ts';
import { Meetings } from '../../src/stress/meetings.ts';
import { buildStress } from '../../src/stress/stress-build.ts';
import { stressViews } from '../../src/stress/stress-plan.ts';

describe('the source that a stopped thread has in hand', () => {
  const { machine, plan } = buildStress({
    input: { vcpus: 2, devices: 2, events: 2 },
    spis: 4,
    lines: 'resample',
    seconds: 1,
    iterations: 0,
    churn: 'heavy',
    dispatch: 'both',
    seed: 1,
    fault: 'none',
    perturb: 'mixed',
  });
  const { perturbation } = stressViews(machine, plan);
  const at = (name: string) =>
    [...machine.layout.regions()].find(([region]) => region === name)?.[1].at ?? -1;
  let meetings: Meetings;

  beforeEach(() => {
    meetings = new Meetings(machine, plan, 3, SIGNALLER);
  });

  /** The source that is found for a word, of which a thread says that it was the last that it touched. */
  const sourceOf = (word: number) => {
    new Meeting(machine.words, perturbation.meeting, 1, CHANGER).stop(word, 0.01, SIGNALLER);
    return meetings.source;
  };

  test.each(plan.sources.map((source, which) => ({ which, ...source })))(
    'is source $which, by the state of its interrupt and by its eventfd',
    ({ which, intid, fd, resamplefd }) => {
      const state = intid < 8192 ? at('spi') + intid - 32 : at('lpi') + intid - 8192;
      const sharers = plan.sources.flatMap((source, index) => (source.intid === intid ? [index] : []));
      expect(sharers).toContain(sourceOf(state));
      expect(sourceOf(at(`eventfd${fd}`))).toBe(which);
      if (resamplefd >= 0) expect(sourceOf(at(`eventfd${resamplefd}`))).toBe(which);
    },
  );

  test('a word that names no source leads to none', () => {
    expect(sourceOf(at('lpis.mappings'))).toBe(-1);
    expect(sourceOf(-1)).toBe(-1);
  });
});
