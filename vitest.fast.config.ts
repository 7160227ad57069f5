import { defineConfig } from 'vitest/config';

/** Tests that start no thread and no process, and explore no large machine: `npm run test:fast`, below a minute on two cores. */
export default defineConfig({
  test: {
    include: [
      'test/*.test.ts',
      'test/{aia,apic,arch,base,gic,guards,guest,its,kvm,memory,measure,report}/**/*.test.ts',
      'test/board/*.test.ts',
      'test/recorded/trace/*.test.ts',
      'test/conformance/conform.test.ts',
      'test/conformance/vectors/*.test.ts',
      'test/stress/spare-events.test.ts',
      'test/measuring/compare-runs.test.ts',
    ],
    exclude: [
      'test/base/pool.test.ts',
      'test/{apic,its,memory}/threads.test.ts',
      'test/{aia,apic}/interleavings.test.ts',
      'test/gic/{interleavings,register-vectors}.test.ts',
      'test/board/snapshot.test.ts',
      'test/kvm/{interleavings,races}.test.ts',
      'test/measure/{allocation,event-ring,histogram,latency-probe,ping-pong}.test.ts',
      'test/report/{accessibility,charts,explore-page,html,latency-trace,stress-trace}.test.ts',
      'test/conformance/vectors/vector-runner.test.ts',
    ],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
