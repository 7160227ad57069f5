// The machine from CommonJS, which loads irqloom, an ES module, by import(): `node examples/own-guest/commonjs/main.cjs`
const { join } = require('node:path');

async function main() {
  const { boot } = await import('irqloom');
  const shared = new SharedArrayBuffer(8);
  const guest = join(__dirname, 'guest.cjs');
  const device = join(__dirname, 'device.cjs');
  const machine = await boot({ vcpus: 2, devices: 2, guest, device, shared });
  const { signals, deliveries } = await machine.run();
  await machine.close();
  console.log(`${signals} signals, ${deliveries} deliveries`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
