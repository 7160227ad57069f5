import { describe, expect, test } from 'vitest';
import type { Scenario } from '../../src/explore/index.ts';
import { load, store, type Words } from '../../src/memory/word.ts';
import { isCaught, passesEvery, passesWithin } from '../exploring.ts';
import { isUp, type Modules, mutated, names, notes, REAL, setup, view } from './race-rig.ts';

const FD = 0;
const RESAMPLEFD = 1;
const pin = (gsi: number, to: number) => ({ type: 'irqchip', gsi, irqchip: 0, pin: to }) as const;
const returned = (words: Words) => load(words, notes.returned.at) !== 0;

type Dispatch = 'inline' | 'main';

/** A write, and an assignment at the same time: the event is injected once, whichever thread sees it. */
function assigning(modules: Modules, dispatch: Dispatch): Scenario<Words> {
  return {
    name: 'assign',
    names,
    setup: setup(modules, () => undefined),
    threads: {
      device: (words) => view(words, 1, modules, dispatch).vm.irqfds.write(FD),
      vmm: (words) => view(words, 2, modules, dispatch).vm.assignIrqFd(FD, 0),
    },
    finally: (words) => {
      const { vm } = view(words, 0, modules, dispatch);
      vm.irqfds.dispatchPending();
      expect([isUp(words, 32, modules), vm.irqfds.eventfd(FD).readable]).toEqual([true, false]);
    },
  };
}

/** A write, and a deassignment: injected, or left in the eventfd; and nothing once the call has returned. */
function deassigning(modules: Modules, dispatch: Dispatch): Scenario<Words> {
  return {
    name: 'deassign',
    names,
    setup: setup(modules, (words) => view(words, 0, modules, dispatch).vm.assignIrqFd(FD, 0)),
    threads: {
      device: (words) => view(words, 1, modules, dispatch).vm.irqfds.write(FD),
      vmm: (words) => {
        view(words, 2, modules, dispatch).vm.deassignIrqFd(FD, 0);
        store(words, notes.seen.at, isUp(words, 32, modules) ? 2 : 1);
      },
      main: (words) => {
        view(words, 0, modules, dispatch).vm.irqfds.dispatchPending();
      },
    },
    finally: (words) => {
      const { vm } = view(words, 0, modules, dispatch);
      vm.irqfds.dispatchPending();
      const up = isUp(words, 32, modules);
      // What was not injected when the call returned is not injected at all.
      expect(up).toBe(load(words, notes.seen.at) === 2);
      expect(vm.irqfds.eventfd(FD).readable).toBe(!up);
    },
  };
}

/** A vector that is masked and unmasked while it is signalled: the event comes through. */
function masking(modules: Modules, dispatch: Dispatch): Scenario<Words> {
  return {
    name: 'mask',
    names,
    setup: setup(modules, (words) => view(words, 0, modules, dispatch).vm.assignIrqFd(FD, 0)),
    threads: {
      device: (words) => view(words, 1, modules, dispatch).vm.irqfds.write(FD),
      vmm: (words) => {
        const { vm } = view(words, 2, modules, dispatch);
        vm.deassignIrqFd(FD, 0);
        vm.assignIrqFd(FD, 0);
      },
    },
    finally: (words) => {
      const { vm } = view(words, 0, modules, dispatch);
      vm.irqfds.dispatchPending();
      expect([isUp(words, 32, modules), vm.irqfds.eventfd(FD).readable]).toEqual([true, false]);
    },
  };
}

/** A route that changes while its irqfd is signalled: one of the two, and the new one alone once the call has returned. */
function rerouting(modules: Modules, dispatch: Dispatch): Scenario<Words> {
  return {
    name: 'reroute',
    names,
    setup: setup(modules, (words) => {
      const { vm } = view(words, 0, modules, dispatch);
      vm.setGsiRouting([pin(0, 0)]);
      vm.assignIrqFd(FD, 0);
    }),
    threads: {
      device: (words) => {
        const late = returned(words);
        view(words, 1, modules, dispatch).vm.irqfds.write(FD);
        if (late) store(words, notes.late.at, 1);
      },
      vmm: (words) => {
        view(words, 2, modules, dispatch).vm.setGsiRouting([pin(0, 1)]);
        // The old route has been used by now, or never is.
        store(words, notes.seen.at, isUp(words, 32, modules) ? 2 : 1);
        store(words, notes.returned.at, 1);
      },
    },
    finally: (words) => {
      view(words, 0, modules, dispatch).vm.irqfds.dispatchPending();
      const [old, fresh] = [isUp(words, 32, modules), isUp(words, 33, modules)];
      expect([old, fresh].filter(Boolean)).toHaveLength(1);
      expect(old).toBe(load(words, notes.seen.at) === 2);
      if (load(words, notes.late.at) !== 0) expect(fresh).toBe(true);
    },
  };
}

/** The guest ends a level interrupt whose device is told, and asserts again: the line is up in the end. */
function resampling(modules: Modules): Scenario<Words> {
  return {
    name: 'resample',
    names,
    setup: setup(modules, (words) => {
      const { vm, interrupts } = view(words, 0, modules);
      vm.assignIrqFd(FD, 8, { resamplefd: RESAMPLEFD });
      vm.irqfds.write(FD);
      interrupts.take(0, 40);
    }),
    threads: {
      vcpu: (words) => {
        const { vm, interrupts } = view(words, 1, modules);
        interrupts.deactivate(interrupts.find(0, 40), 40);
        vm.serveAcks();
      },
      // A device that has more to do: told that its interrupt has ended, it asserts again.
      device: (words) => {
        const { vm } = view(words, 2, modules);
        vm.irqfds.eventfd(RESAMPLEFD).read();
        vm.irqfds.write(FD);
      },
    },
    finally: (words) => {
      expect(isUp(words, 40, modules)).toBe(true);
    },
  };
}

const BOTH: readonly Dispatch[] = ['inline', 'main'];

describe('under every schedule', () => {
  test.each(BOTH)('a write beside an assignment is injected once, dispatch %s', (dispatch) => {
    passesEvery(assigning(REAL, dispatch));
  });

  test.each(BOTH)(
    'a write beside a deassignment is injected before it returns, or stays, dispatch %s',
    (dispatch) => {
      passesWithin(deassigning(REAL, dispatch), { strategy: 'dfs', preemptions: 2 });
    },
  );

  test.each(BOTH)('a masked vector loses nothing, dispatch %s', (dispatch) => {
    passesWithin(masking(REAL, dispatch), { strategy: 'dfs', preemptions: 2 });
  });

  test.each(BOTH)('a route that changes is the old one or the new one, dispatch %s', (dispatch) => {
    passesWithin(rerouting(REAL, dispatch), { strategy: 'dfs', preemptions: 2 });
  });

  test('a resampled line that is asserted again is up', () => {
    passesEvery(resampling(REAL));
  });
});

describe('each guard taken away is noticed', () => {
  test.each([
    ['a writer that does not look for a hook again', assigning, 'inline-ring-minds-hook: never rings'],
    ['an assignment that drains before it hooks', assigning, 'assignment-drains: drains first'],
    ['a deassignment that does not wait for writers', deassigning, 'deassignment-waits-for-writers: no wait'],
    ['a new table that is not copied into the irqfds', rerouting, 'table-refreshes-irqfds: not told'],
    [
      'a new table that does not wait for the readers of the old one',
      rerouting,
      'table-waits-for-readers: no wait',
    ],
  ] as const)('%s', (_, scenario, mistake) => {
    isCaught(scenario(mutated(mistake), 'inline'), 'assertion');
  });

  test('a device that is told before the line is lowered', () => {
    const late = mutated('line-lowered-before-telling: lowered afterwards');
    isCaught(resampling(late), 'assertion');
  });
});
