/**
 * A machine of your own: two vCPUs that run `guest.mjs`, and two devices that run `device.mjs`, each in a thread of its own.
 * Run it: `node examples/own-guest/main.mjs`
 *
 * `machine.run()` resolves when both devices have returned and a delivery has followed every signal. It rejects, with an
 * error that names the thread, where one is lost, a function throws, or a handler does not return.
 */
import { boot } from 'irqloom';

const shared = new SharedArrayBuffer(8);
const guest = new URL('./guest.mjs', import.meta.url);
const device = new URL('./device.mjs', import.meta.url);
const machine = await boot({ vcpus: 2, devices: 2, guest, device, shared });

const { signals, deliveries, vcpus, latencyNs } = await machine.run();
await machine.close();

console.log(`${signals} signals, ${deliveries} deliveries, p50 ${latencyNs.p50} ns`);
for (const { vcpu, taken, halts } of vcpus) console.log(`vcpu${vcpu}: ${taken} interrupts, ${halts} halts`);
console.log(`handlers have counted ${new Int32Array(shared).join(' and ')}`);
