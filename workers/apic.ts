export { serveApic as apic } from '../src/apic-stress/thread.ts';
