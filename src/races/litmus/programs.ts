/**
 * Programs with known exact numbers of schedules, traces and failures: they check the explorer. Cells are
 * Int32 words, zero at the start; code between two operations belongs to the step before.
 */
import assert from 'node:assert/strict';
import type { Scenario, ThreadBody } from '../../explore/loading/scenario.ts';
import { AbstractLock } from '../../explore/telling/abstract-lock.ts';

type Cells = Int32Array;
type Program = Scenario<Cells>;

function program(
  name: string,
  words: number,
  threads: Record<string, ThreadBody<Cells>>,
  check?: (s: Cells) => void,
): Program {
  return { name, words, threads, ...(check === undefined ? {} : { finally: check }) };
}

function repeat(
  n: number,
  prefix: string,
  body: (i: number) => ThreadBody<Cells>,
): Record<string, ThreadBody<Cells>> {
  return Object.fromEntries(Array.from({ length: n }, (_, i) => [`${prefix}${i}`, body(i)]));
}

const load = (s: Cells, i: number): number => Atomics.load(s, i);
const store = (s: Cells, i: number, v: number): number => Atomics.store(s, i, v);
const add = (s: Cells, i: number, v: number): number => Atomics.add(s, i, v);
const cas = (s: Cells, i: number, a: number, b: number): number => Atomics.compareExchange(s, i, a, b);

/** x = 0, y = 1, p = 2, q = 3. */
export function storeBuffer(): Program {
  return program(
    'store-buffer',
    4,
    {
      t0: (s) => {
        store(s, 0, 1);
        store(s, 2, load(s, 1) + 1);
      },
      t1: (s) => {
        store(s, 1, 1);
        store(s, 3, load(s, 0) + 1);
      },
    },
    (s) => assert.ok(load(s, 2) !== 1 || load(s, 3) !== 1, 'both read 0'),
  );
}

export function messagePassing(): Program {
  return program('message-passing', 2, {
    writer: (s) => {
      store(s, 0, 1);
      store(s, 1, 1);
    },
    reader: (s) => {
      if (load(s, 1) === 1) assert.equal(load(s, 0), 1, 'the flag is up and the data is not there');
    },
  });
}

/** Two threads that store to two cells in the given orders. */
export function writeWrite(first: readonly number[], second: readonly number[]): Program {
  const writes = (cells: readonly number[], v: number) => (s: Cells) => {
    for (const cell of cells) store(s, cell, v);
  };
  return program(`write-${first.join('')}-${second.join('')}`, 2, {
    t0: writes(first, 1),
    t1: writes(second, 2),
  });
}

/** n threads, m adds each, on one cell or on one cell per thread. */
export function adds(n: number, m: number, cells = 1): Program {
  return program(
    `add-${n}x${m}${cells > 1 ? '-apart' : ''}`,
    cells,
    repeat(n, 't', (i) => (s) => {
      for (let k = 0; k < m; k++) add(s, i % cells, 1);
    }),
    (s) => {
      let sum = 0;
      for (let i = 0; i < cells; i++) sum += load(s, i);
      assert.equal(sum, n * m);
    },
  );
}

export function oneShotCas(n: number): Program {
  return program(
    `one-shot-cas-${n}`,
    1,
    repeat(n, 't', (i) => (s) => void cas(s, 0, 0, i + 1)),
  );
}

export function writers(n: number): Program {
  return program(
    `writers-${n}`,
    1,
    repeat(n, 't', (i) => (s) => void store(s, 0, i + 1)),
  );
}

export function readers(n: number): Program {
  return program(`readers-${n}`, 1, {
    writer: (s) => void store(s, 0, 1),
    ...repeat(n, 'r', () => (s) => void load(s, 0)),
  });
}

export function lastZero(n: number): Program {
  return program(`lastzero-${n}`, n + 1, {
    t0: (s) => {
      let i = n;
      while (load(s, i) !== 0) i--;
    },
    ...repeat(n, 'w', (i) => (s) => void store(s, i + 1, load(s, i) + 1)),
  });
}

export function lostUpdate(n: number, m: number): Program {
  return program(
    `lost-update-${n}x${m}`,
    1,
    repeat(n, 't', () => (s) => {
      for (let k = 0; k < m; k++) store(s, 0, load(s, 0) + 1);
    }),
    (s) => assert.equal(load(s, 0), n * m),
  );
}

/** Flags 0 and 1, turn 2, counter 3; a thread gives up after `polls` polls. */
export function peterson(polls: number): Program {
  const body =
    (me: number): ThreadBody<Cells> =>
    (s) => {
      const other = 1 - me;
      store(s, me, 1);
      store(s, 2, other);
      for (let poll = 0; ; poll++) {
        if (poll === polls) return;
        if (load(s, other) === 0 || load(s, 2) === me) break;
      }
      const c = load(s, 3);
      store(s, 3, c + 1);
      assert.equal(c, 0, 'two in the critical section');
      store(s, 3, 0);
      store(s, me, 0);
    };
  return program(`peterson-${polls}`, 4, { t0: body(0), t1: body(1) });
}

export function reorder(setters: number, checkers: number): Program {
  return program(`reorder-${setters}+${checkers}`, 2, {
    ...repeat(setters, 'setter', () => (s) => {
      store(s, 0, 1);
      store(s, 1, -1);
    }),
    ...repeat(checkers, 'checker', () => (s) => {
      const fine = (load(s, 0) === 0 && load(s, 1) === 0) || (load(s, 0) === 1 && load(s, 1) === -1);
      assert.ok(fine, 'saw one store without the other');
    }),
  });
}

/** pending = 0 (starts at 1), stopping = 1, event = 2, stopped = 3. */
export function bluetooth(): Program {
  const { threads } = program('bluetooth', 4, {
    adder: (s) => {
      let status = -1;
      if (load(s, 1) === 0) {
        add(s, 0, 1);
        status = 0;
      }
      if (status === 0) assert.equal(load(s, 3), 0, 'the driver runs after it was stopped');
      if (add(s, 0, -1) === 1) store(s, 2, 1);
    },
    stopper: (s) => {
      store(s, 1, 1);
      if (add(s, 0, -1) === 1) store(s, 2, 1);
      if (load(s, 2) !== 0) store(s, 3, 1);
    },
  });
  return {
    name: 'bluetooth',
    setup: () => {
      const s = new Int32Array(new SharedArrayBuffer(16));
      s[0] = 1;
      return s;
    },
    threads,
  };
}

/** Locks 0 and 1, counter 2. */
export function deadlock01(): Program {
  const body =
    (first: number, second: number, n: number): ThreadBody<Cells> =>
    (s) => {
      const [outer, inner] = [new AbstractLock(s, first), new AbstractLock(s, second)];
      outer.lock();
      inner.lock();
      add(s, 2, n);
      inner.unlock();
      outer.unlock();
    };
  return program('deadlock01', 3, { t0: body(0, 1, 1), t1: body(1, 0, -1) });
}

export function futexLostWakeup(): Program {
  return program('futex-lost-wakeup', 1, {
    waiter: (s) => {
      if (load(s, 0) === 0) Atomics.wait(s, 0, 0);
    },
    waker: (s) => {
      Atomics.notify(s, 0, 1);
      store(s, 0, 1);
    },
  });
}

export function futexCorrect(): Program {
  return program('futex-correct', 1, {
    waiter: (s) => {
      while (load(s, 0) === 0) Atomics.wait(s, 0, 0);
    },
    waker: (s) => {
      store(s, 0, 1);
      Atomics.notify(s, 0, 1);
    },
  });
}

/** Mutex 0, counter 1. */
export function futexMutex(n: number): Program {
  return program(
    `futex-mutex-${n}`,
    2,
    repeat(n, 't', () => (s) => {
      let v = cas(s, 0, 0, 1);
      if (v !== 0) {
        do {
          if (v === 2 || cas(s, 0, 1, 2) !== 0) Atomics.wait(s, 0, 2);
          v = cas(s, 0, 0, 2);
        } while (v !== 0);
      }
      store(s, 1, load(s, 1) + 1);
      if (add(s, 0, -1) !== 1) {
        store(s, 0, 0);
        Atomics.notify(s, 0, 1);
      }
    }),
    (s) => assert.equal(load(s, 1), n),
  );
}
