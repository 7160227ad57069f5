import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boot } from 'irqloom';

test('every signal reaches a handler, once', async () => {
  const shared = new SharedArrayBuffer(8);
  const guest = new URL('./guest.mjs', import.meta.url);
  const device = new URL('./device.mjs', import.meta.url);
  const machine = await boot({ vcpus: 2, devices: 2, guest, device, shared });
  try {
    const { signals, deliveries } = await machine.run();
    assert.equal(signals, 800);
    assert.equal(deliveries, 800);
    assert.deepEqual([...new Int32Array(shared)], [400, 400]);
  } finally {
    await machine.close();
  }
});
