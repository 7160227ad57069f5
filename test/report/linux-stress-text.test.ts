import { expect, test } from 'vitest';
import type { DeviceAccount, LinuxStressResult } from '../../src/guest-stress/linux.ts';
import { linuxStressText } from '../../src/report/linux-stress-text.ts';

const resultOf = (devices: readonly DeviceAccount[]): LinuxStressResult => ({
  schemaVersion: 1,
  command: 'stress',
  guest: 'linux',
  config: { vcpus: 2, dispatch: 'inline', fault: 'none', seed: 1 },
  seconds: 8,
  bootSeconds: 2,
  instructions: 1000,
  devices,
  lost: 0,
  spurious: 0,
  stranded: 0,
  misrouted: 0,
  misroutes: [],
  churn: { moves: 0, hotplugs: 0, rebinds: 0 },
  reads: { rng: 0, block: 0 },
  alarms: [],
  interrupted: false,
});
const rng = { name: 'virtio0 rng', requests: 5, signalled: 5, counted: 5 };

test('the text of a run of Linux says that Linux counted every interrupt', () => {
  expect(linuxStressText(resultOf([rng]))).toContain('Linux counted every interrupt that was sent');
});

test.each([
  { title: 'has no device', devices: [] },
  { title: 'has a device without a driver', devices: [{ ...rng, requests: 0, signalled: 0, counted: 0 }] },
])('a run of Linux that $title does not read as one that held', ({ devices }) => {
  const text = linuxStressText(resultOf(devices));
  expect(text).not.toContain('Linux counted every');
  expect(text).toContain('Linux took no interrupt of any device, so the run shows nothing');
});

test('a run of Linux that did not reach reach its init says so, and asks for no modules', () => {
  const text = linuxStressText({ ...resultOf([]), bootSeconds: null, seconds: 0 });
  expect(text).toContain('the run ended before Linux was at its init');
  expect(text).not.toContain('--modules');
});
