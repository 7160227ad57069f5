// The machine in TypeScript. After `tsc`: `node main.js`, which boots the compiled guest.js and device.js beside it.
import { type BootOptions, boot, type RunResult } from 'irqloom';

const here = (name: string) => new URL(`./${name}.js`, import.meta.url);
const options: BootOptions = {
  vcpus: 2,
  devices: 2,
  guest: here('guest'),
  device: here('device'),
  shared: new SharedArrayBuffer(8),
};
const machine = await boot(options);
const { signals, deliveries }: RunResult = await machine.run();
await machine.close();
console.log(`${signals} signals, ${deliveries} deliveries`);
