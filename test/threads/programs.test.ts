import { describe, expect, test } from 'vitest';
import { msiSenderProgram, programGuestProgram } from '../../src/conformance/guests/guest-thread.ts';
import { debateDeviceProgram } from '../../src/debate/debate-device.ts';
import { debateGuestProgram } from '../../src/debate/debate-guest.ts';
import { harnessGuestProgram } from '../../src/harness/cpu.ts';
import { harnessDeviceProgram } from '../../src/harness/device.ts';
import { ownDriverProgram } from '../../src/harness/stress.ts';
import { latencyDeviceProgram, latencyStormProgram } from '../../src/measuring/latency/latency-device.ts';
import { latencyGuestProgram } from '../../src/measuring/latency/latency-guest.ts';
import { scaleDeviceProgram, scaleGuestProgram } from '../../src/measuring/scale/scale-threads.ts';
import { scriptDeviceProgram } from '../../src/recorded/replay/script-device.ts';
import { scriptGuestProgram } from '../../src/recorded/replay/script-guest.ts';
import { stressDeviceProgram } from '../../src/stress/stress-device.ts';
import { stressDriverProgram } from '../../src/stress/stress-driver.ts';
import { stressGuestProgram } from '../../src/stress/stress-guest.ts';
import { tracedDeviceProgram } from '../../src/stress/traced/traced-device.ts';
import { tracedDriverProgram } from '../../src/stress/traced/traced-driver.ts';
import { tracedGuestProgram } from '../../src/stress/traced/traced-guest.ts';
import { guestProgram, loadFactory, type NamedProgram } from '../../src/threads/programs.ts';
import { vpeDeviceProgram } from '../../src/vpe-stress/device.ts';
import { vpeDriverProgram } from '../../src/vpe-stress/driver.ts';
import { vpeHostProgram } from '../../src/vpe-stress/vcpu.ts';

const PROGRAMS = {
  msiSenderProgram,
  programGuestProgram,
  debateDeviceProgram,
  debateGuestProgram,
  harnessDeviceProgram,
  harnessGuestProgram,
  ownDriverProgram,
  latencyDeviceProgram,
  latencyGuestProgram,
  latencyStormProgram,
  scaleDeviceProgram,
  scaleGuestProgram,
  scriptDeviceProgram,
  scriptGuestProgram,
  stressDeviceProgram,
  stressDriverProgram,
  stressGuestProgram,
  tracedDeviceProgram,
  tracedDriverProgram,
  tracedGuestProgram,
  vpeDeviceProgram,
  vpeDriverProgram,
  vpeHostProgram,
};

describe('a program that threads load', () => {
  test.each(Object.entries(PROGRAMS))(
    '%s names a function that its compiled module exports',
    async (name, program) => {
      const named = (program as NamedProgram<never>)({} as never);
      expect(named.module).toMatch(/\/dist\/src\/.*\.js$/);
      expect(`${named.name}Program`).toBe(name);
      expect(await loadFactory(named)).toBeTypeOf('function');
    },
  );

  test('a function that its module does not export is refused by name', async () => {
    const lost = guestProgram(import.meta.url, function unexported() {
      return { interrupt() {} };
    });
    const named = { ...stressGuestProgram({} as never), name: lost({}).name };
    await expect(loadFactory(named)).rejects.toMatchObject({
      code: 'ERR_SCENARIO',
      message: expect.stringContaining('exports no function "unexported"'),
    });
  });
});
