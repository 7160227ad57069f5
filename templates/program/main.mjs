// A machine of your own: two vCPUs that run guest.mjs and two devices that run device.mjs. Run it: `npm start`
import { boot } from 'irqloom';

const shared = new SharedArrayBuffer(8);
const guest = new URL('./guest.mjs', import.meta.url);
const device = new URL('./device.mjs', import.meta.url);
const machine = await boot({ vcpus: 2, devices: 2, guest, device, shared });

const { signals, deliveries, latencyNs, seconds } = await machine.run();
await machine.close();

console.log(`${signals} signals, ${deliveries} deliveries in ${seconds.toFixed(2)} s`);
console.log(`signal to handler: p50 ${latencyNs.p50} ns, p99 ${latencyNs.p99} ns`);
console.log(`handlers have counted ${new Int32Array(shared).join(' and ')}`);
