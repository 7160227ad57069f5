export { serveVcpu as vcpu } from '../src/threads/vcpu-thread.ts';
