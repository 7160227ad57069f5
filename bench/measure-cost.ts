import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** The cost of a piece of code each time, and whether the code leaves garbage. */
export type Cost = {
  readonly name: string;
  readonly nsEach: number;
  /** Times the code ran. */
  readonly times: number;
  /** Heap used after the run less before, in bytes. */
  readonly heapGrowth: number;
  /** Collections during the run: with garbage, the heap would be used up and emptied again and again. */
  readonly collections: number;
};

/** Runs `loop(times)` after a warm-up that is long enough for the optimizing compiler to be done. */
export async function measureCost(name: string, times: number, loop: (times: number) => void): Promise<Cost> {
  let collections = 0;
  for (let i = 0; i < 5; i++) loop(Math.ceil(times / 50));
  await nextTurn();
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  const heapBefore = process.memoryUsage().heapUsed;
  const start = process.hrtime.bigint();
  loop(times);
  const elapsed = process.hrtime.bigint() - start;
  const heapGrowth = process.memoryUsage().heapUsed - heapBefore;
  await nextTurn(); // the observer hears of collections from the event loop
  await nextTurn();
  observer.disconnect();
  return { name, nsEach: Number(elapsed) / times, times, heapGrowth, collections };
}

export function formatCosts(costs: readonly Cost[]): string {
  const rows = costs.map(({ name, nsEach, heapGrowth, collections }) =>
    [
      name.padEnd(44),
      `${nsEach.toFixed(1).padStart(7)} ns`,
      `${heapGrowth.toLocaleString('en-US').padStart(12)} B`,
      String(collections).padStart(6),
    ].join('  '),
  );
  const times = costs[0]?.times.toLocaleString('en-US') ?? '0';
  return [
    `${`each of ${times} times`.padEnd(44)}  ${'cost'.padStart(10)}  ${'heap growth'.padStart(14)}  ${'GCs'.padStart(6)}`,
    ...rows,
  ].join('\n');
}
